/** `npm run docs`: writes the generated blocks of the documents. */
import { writeDocuments } from './documents.js';

await writeDocuments();
