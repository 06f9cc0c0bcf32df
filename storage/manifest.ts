/** The stored form of a snapshot: its public fields, and what the next snapshot needs to know in order to be cheap. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Sha256 } from '../model/types.js';
import { parseId, parseSnapshotId } from './ids.js';
import type { CorrectionId, Snapshot, SnapshotId } from './types.js';

const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Sha256);
const idSchema = z
  .string()
  .refine((text) => parseId(text) !== null)
  .transform((text) => text as CorrectionId);
const snapshotIdSchema = z
  .string()
  .refine((text) => parseSnapshotId(text) !== null)
  .transform((text) => text as SnapshotId);
const partSchema = z.object({ digest: sha256Schema, rows: z.int(), index: sha256Schema });
const perLabel = z.record(z.string(), z.int());

/**
 * What the words about one image amounted to when a snapshot was made. It stands until a later snapshot rules on the
 * image again, so that a snapshot gives the same data for ever, whatever is said later.
 */
const rulingSchema = z.object({
  image: sha256Schema,
  state: z.enum(['agreed', 'disputed', 'silent']),
  /** A class or `none`; null unless agreed. */
  label: z.string().nullable(),
  correction: idSchema.nullable(),
  /** True when the image is to be learned anew from here on: its label is new. */
  fresh: z.boolean(),
  /** Part of this snapshot's exam. */
  exam: z.boolean(),
});
export type Ruling = z.output<typeof rulingSchema>;

export const manifestSchema = z.object({
  id: snapshotIdSchema,
  parent: snapshotIdSchema.nullable(),
  kind: z.enum(['import', 'corrections']),
  digest: sha256Schema,
  createdAt: z.string(),
  createdBy: z.string(),
  labels: z.array(z.string()),
  synthetic: z.boolean(),
  parts: z.array(partSchema),
  corrections: z.array(idSchema),
  counts: z.object({ train: perLabel, validation: perLabel, golden: perLabel, exam: perLabel }),
  cursor: idSchema.nullable(),
  replacesBase: z.boolean(),
  source: z.object({ name: z.string(), archive: sha256Schema.nullable() }).nullable(),
  quarantined: z.array(z.object({ correction: idSchema, code: z.string() })),
  rulings: z.array(rulingSchema),
  /** Reviews taken by this snapshot. */
  reviews: z.array(idSchema),
  /** All parts of base data that count, this snapshot's included. */
  baseParts: z.array(partSchema),
  /** Corrections and reviews taken by this or an earlier snapshot that the next one may meet again in the journal. */
  recent: z.array(idSchema),
});
export type Manifest = z.output<typeof manifestSchema>;

/** The fields that other rooms see. */
export function publicSnapshot(manifest: Manifest): Snapshot {
  const { id, parent, kind, digest, createdAt, createdBy, labels, synthetic, parts } = manifest;
  const { corrections, counts, cursor, replacesBase, source, quarantined } = manifest;
  return {
    ...{ id, parent, kind, digest, createdAt, createdBy, labels, synthetic, parts },
    ...{ corrections, counts, cursor, replacesBase, source, quarantined },
  };
}

/** SHA-256 over everything that decides what the data are: equal digests mean equal data. */
export function manifestDigest(
  parentDigest: Sha256 | null,
  manifest: Pick<Manifest, 'labels' | 'synthetic' | 'parts' | 'replacesBase' | 'rulings'>,
): Sha256 {
  const { labels, synthetic, parts, replacesBase, rulings } = manifest;
  const text = JSON.stringify([parentDigest, labels, synthetic, parts, replacesBase, rulings]);
  return createHash('sha256').update(text).digest('hex') as Sha256;
}
