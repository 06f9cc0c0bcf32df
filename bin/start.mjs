// `npm start`: makes everything ready, then this very process becomes the supervisor of the stack.
import { bootstrap, fromDist } from './bootstrap.mjs';

await bootstrap({ web: true });
const { main } = await fromDist('stack/main.js');
await main(process.argv.slice(2));
