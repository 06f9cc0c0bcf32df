/**
 * The dossier of an image: everything that was said about it, in one folder, so that a status needs neither history
 * nor an index. Claims come before their events: one counts only once its event is in the journal.
 */
import pLimit from 'p-limit';
import { z } from 'zod';
import type { Sha256 } from '../model/types.js';
import { parseId } from './ids.js';
import { findDocument, hasCode } from './json.js';
import { dossierPrefix, eventKey, parseDossierKey } from './keys.js';
import type { CorrectionEvent, CorrectionId, ObjectStore } from './types.js';
import type { Dossier, ReviewWord, Word } from './verdicts.js';

const PARALLEL = 8;

const idSchema = z.string().transform((text, context): CorrectionId => {
  const id = parseId(text);
  if (id === null) {
    context.addIssue({ code: 'custom', message: 'no identifier' });
    return z.NEVER;
  }
  return id;
});
const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Sha256);

export const correctionEventSchema = z.object({
  id: idSchema,
  image: z.object({ sha256: sha256Schema, contentType: z.string(), sizeBytes: z.number() }),
  label: z.string(),
  author: z.string(),
  submittedAt: z.string(),
  predicted: z.object({ label: z.string(), modelVersion: z.string().nullable() }).nullable(),
  comment: z.string().nullable(),
});

export const reviewEventSchema = z.object({
  id: idSchema,
  correction: idSchema,
  image: sha256Schema,
  decision: z.enum(['accept', 'reject']),
  reviewer: z.string(),
  reviewedAt: z.string(),
});
export type ReviewEvent = z.output<typeof reviewEventSchema>;

/**
 * Reads an image's dossier. `known`, an event that is in the journal, saves the reads where it is all there is.
 */
export async function readDossier(
  objects: ObjectStore,
  image: Sha256,
  known: CorrectionEvent | null = null,
): Promise<Dossier> {
  const claims: { key: string; author: string; position: number }[] = [];
  const reviewKeys: string[] = [];
  for await (const { key } of objects.list(dossierPrefix(image))) {
    const entry = parseDossierKey(key);
    if (entry?.type === 'claim') claims.push({ key, author: entry.author, position: entry.position });
    if (entry?.type === 'review') reviewKeys.push(key);
  }
  const [only] = claims;
  if (known !== null && only !== undefined && claims.length === 1 && reviewKeys.length === 0) {
    const { id, label } = known;
    return { words: [{ id, label, author: only.author, position: only.position }], reviews: [] };
  }
  const limit = pLimit(PARALLEL);
  const words = await Promise.all(
    claims.map(({ key, author, position }) =>
      limit(async (): Promise<Word | null> => {
        const event = await findWhole(objects, key, correctionEventSchema);
        if (event === null || !(await objects.has(eventKey('correction', event.id)))) return null;
        return { id: event.id, label: event.label, author, position };
      }),
    ),
  );
  const reviews = await Promise.all(
    reviewKeys.map((key) =>
      limit(async (): Promise<ReviewWord | null> => {
        const event = await findWhole(objects, key, reviewEventSchema);
        return event !== null && (await objects.has(eventKey('review', event.id))) ? event : null;
      }),
    ),
  );
  return {
    words: words.filter((word) => word !== null),
    reviews: reviews.filter((review) => review !== null),
  };
}

/** Null for a document that is missing or damaged: one damaged entry must not hide what others said. */
async function findWhole<T extends z.ZodType>(
  objects: ObjectStore,
  key: string,
  schema: T,
): Promise<z.output<T> | null> {
  try {
    return (await findDocument(objects, key, schema))?.value ?? null;
  } catch (error) {
    if (hasCode(error, 'OBJECT_CORRUPT')) return null;
    throw error;
  }
}
