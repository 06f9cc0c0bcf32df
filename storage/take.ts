/** One week's corrections made into the next manifest: what is new in the journal, decoded, judged and counted. */
import pLimit from 'p-limit';
import type { Sha256 } from '../model/types.js';
import type { BaseIndex } from './base-index.js';
import type { SnapshotChain } from './chain.js';
import { correctionEventSchema, readDossier, reviewEventSchema } from './dossiers.js';
import { StorageError } from './errors.js';
import { firstIdAt, lastIdAt, snapshotId, timeOf } from './ids.js';
import { entriesSince, type JournalEntry } from './journal.js';
import { readDocument } from './json.js';
import { eventKey, imageKey } from './keys.js';
import { manifestDigest, type Manifest, type Ruling } from './manifest.js';
import { createPartSpool, type PartSpool } from './parts.js';
import { addCount, inheritedCounts, isHeldOut, trainedLabel } from './rulings.js';
import { verdictOf, type Dossier, type Verdict } from './verdicts.js';
import type { CorrectionEvent, CorrectionId, ImageDecoder, ObjectStore, PartRef } from './types.js';

export interface TakeParts {
  readonly objects: ObjectStore;
  readonly chain: SnapshotChain;
  readonly base: BaseIndex;
  readonly decode: ImageDecoder;
  readonly isExam: (sha256: Sha256) => boolean;
  readonly sha256Of: (bytes: Uint8Array | string) => Sha256;
  readonly spoolFolder: string | null;
  readonly clock: () => number;
}

/**
 * How far before the cursor the journal is read again: more than the clocks of all servers may differ, plus the time
 * that writing one event may take. What is in this window and already taken is known from the manifest.
 */
const MARGIN_MS = 60 * 60_000;
/** An exam of fewer corrections measures nothing. */
const SMALLEST_EXAM = 10;
const PARALLEL = 8;
const IMAGES_AT_A_TIME = 64;

interface Draft {
  readonly dossier: Dossier;
  readonly pixels: Uint8Array | null;
  readonly event: CorrectionEvent | null;
}

/**
 * Drafts the manifest that follows `head`; null when nothing is new. Its parts are uploaded, it itself is not.
 */
export async function draftNext(parts: TakeParts, head: Manifest, key: string): Promise<Manifest | null> {
  const now = parts.clock();
  const { fresh, since, taken } = await newEntries(parts, head, now);
  const [last] = fresh.slice(-1);
  if (last === undefined) return null;
  const isTaken = (id: CorrectionId): boolean => taken.has(id) || (since !== null && id < since);
  const batch = new Set(fresh.map(({ id }) => id));

  const quarantined: { correction: CorrectionId; code: string }[] = [];
  const images = await imagesOf(parts, fresh, quarantined);
  const baseRows = await parts.base.at(head);
  const spool = await createPartSpool(parts.objects, parts.spoolFolder);
  try {
    const drafts = await readImages(parts, images, spool, quarantined);
    const counts = inheritedCounts(head.counts, head.labels);
    const rulings: Ruling[] = [];
    for (const [image, { dossier }] of drafts) {
      const before = verdictOf(restricted(dossier, isTaken));
      const after = verdictOf(restricted(dossier, (id) => isTaken(id) || batch.has(id)));
      const base = baseRows.get(image);
      const from = trainedLabel(before, base, head.labels);
      const to = trainedLabel(after, base, head.labels);
      if (from !== to) {
        if (from !== null) addCount(counts, 'train', from, -1);
        if (to !== null) addCount(counts, 'train', to, 1);
      }
      const isNew = after.state === 'agreed' && to !== null && to !== from;
      rulings.push(rulingOf(image, after, isNew && !isHeldOut(base)));
    }
    const withExam = chooseExam(rulings, parts.isExam);
    for (const { exam, label } of withExam) {
      if (!exam || label === null) continue;
      addCount(counts, 'train', label, -1);
      addCount(counts, 'exam', label, 1);
    }
    const uploaded: PartRef[] = await spool.upload();
    return assemble({ head, key, now, fresh, last: last.id, taken, uploaded, withExam, counts, quarantined });
  } finally {
    await spool.discard();
  }
}

interface NewEntries {
  /** Oldest first. */
  readonly fresh: readonly JournalEntry[];
  /** Everything before this is taken; null when nothing was ever taken. */
  readonly since: CorrectionId | null;
  /** Taken entries that are not before `since`. */
  readonly taken: ReadonlySet<CorrectionId>;
}

async function newEntries(parts: TakeParts, head: Manifest, now: number): Promise<NewEntries> {
  if (head.cursor === null) {
    return { fresh: await entriesSince(parts.objects, null), since: null, taken: new Set() };
  }
  const cursorMs = timeOf(head.cursor);
  const taken = new Set(head.recent);
  let sinceMs = Math.min(cursorMs, now) - MARGIN_MS;
  if (sinceMs < rememberedFrom(cursorMs)) {
    // The clock was set back by more than the margin. Then only the whole chain says what is taken.
    sinceMs = Math.max(0, sinceMs);
    for await (const manifest of parts.chain.upTo(head.id)) {
      for (const id of [...manifest.corrections, ...manifest.reviews]) taken.add(id);
    }
  }
  const since = firstIdAt(sinceMs);
  const entries = await entriesSince(parts.objects, since);
  return { fresh: entries.filter(({ id }) => !taken.has(id)), since, taken };
}

function rememberedFrom(cursorMs: number): number {
  return cursorMs - 2 * MARGIN_MS;
}

interface ImageInBatch {
  /** The batch's latest event about the image; null when there are reviews only. */
  event: CorrectionEvent | null;
}

async function imagesOf(
  parts: TakeParts,
  fresh: readonly JournalEntry[],
  quarantined: { correction: CorrectionId; code: string }[],
): Promise<Map<Sha256, ImageInBatch>> {
  const { objects } = parts;
  const limit = pLimit(PARALLEL);
  const found = await Promise.all(
    fresh.map(({ kind, id }) =>
      limit(async (): Promise<{ image: Sha256; event: CorrectionEvent | null } | null> => {
        try {
          if (kind === 'review') {
            const { value } = await readDocument(objects, eventKey(kind, id), reviewEventSchema);
            return { image: value.image, event: null };
          }
          const { value } = await readDocument(objects, eventKey(kind, id), correctionEventSchema);
          return { image: value.image.sha256, event: value };
        } catch (error) {
          const code = codeOfDamage(error);
          if (code === null) throw error;
          if (kind === 'correction') quarantined.push({ correction: id, code });
          return null;
        }
      }),
    ),
  );
  const images = new Map<Sha256, ImageInBatch>();
  for (const entry of found) {
    if (entry === null) continue;
    const known = images.get(entry.image);
    if (known === undefined) images.set(entry.image, { event: entry.event });
    else if (entry.event !== null) known.event = entry.event;
  }
  return images;
}

/** Reads dossiers and pixels; the rows of readable images go to the spool in the order of the batch. */
async function readImages(
  parts: TakeParts,
  images: ReadonlyMap<Sha256, ImageInBatch>,
  spool: PartSpool,
  quarantined: { correction: CorrectionId; code: string }[],
): Promise<Map<Sha256, { dossier: Dossier }>> {
  const limit = pLimit(PARALLEL);
  const drafts = new Map<Sha256, { dossier: Dossier }>();
  const all = [...images];
  for (let at = 0; at < all.length; at += IMAGES_AT_A_TIME) {
    const window = all.slice(at, at + IMAGES_AT_A_TIME);
    const read = await Promise.all(
      window.map(([image, { event }]) =>
        limit(async (): Promise<Draft | null> => {
          const dossier = await readDossier(parts.objects, image, event);
          if (event === null) return { dossier, pixels: null, event };
          try {
            return { dossier, event, pixels: await pixelsOf(parts, image) };
          } catch (error) {
            const code = codeOfDamage(error);
            if (code === null) throw error;
            quarantined.push({ correction: event.id, code });
            return null;
          }
        }),
      ),
    );
    for (const [index, [image]] of window.entries()) {
      const draft = read[index];
      if (draft === undefined || draft === null) continue;
      drafts.set(image, { dossier: draft.dossier });
      if (draft.pixels === null || draft.event === null) continue;
      const { label, author, id } = draft.event;
      await spool.add(
        { sha256: image, label, split: 'train', correction: id, author, name: null },
        draft.pixels,
      );
    }
  }
  return drafts;
}

async function pixelsOf(parts: TakeParts, image: Sha256): Promise<Uint8Array> {
  const { body } = await parts.objects.get(imageKey(image));
  if (parts.sha256Of(body) !== image) {
    throw new StorageError('OBJECT_CORRUPT', `The image ${image} does not have its digest.`);
  }
  return (await parts.decode(body)).pixels;
}

/** Code of an error that means that this one object is unusable; null when it may be readable another time. */
function codeOfDamage(error: unknown): string | null {
  if (error instanceof StorageError) {
    return error.code === 'OBJECT_MISSING' || error.code === 'OBJECT_CORRUPT' ? error.code : null;
  }
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return error.code.startsWith('IMAGE_') ? error.code : null;
}

function restricted(dossier: Dossier, counts: (id: CorrectionId) => boolean): Dossier {
  return {
    words: dossier.words.filter(({ id }) => counts(id)),
    reviews: dossier.reviews.filter(({ id }) => counts(id)),
  };
}

function rulingOf(image: Sha256, verdict: Verdict, fresh: boolean): Ruling {
  return { image, ...verdict, fresh, exam: false };
}

function chooseExam(rulings: readonly Ruling[], isExam: (sha256: Sha256) => boolean): Ruling[] {
  const enough = rulings.filter(({ fresh }) => fresh).length >= SMALLEST_EXAM;
  return rulings.map((ruling) => ({ ...ruling, exam: enough && ruling.fresh && isExam(ruling.image) }));
}

function assemble(draft: {
  head: Manifest;
  key: string;
  now: number;
  fresh: readonly JournalEntry[];
  last: CorrectionId;
  taken: ReadonlySet<CorrectionId>;
  uploaded: readonly PartRef[];
  withExam: readonly Ruling[];
  counts: Manifest['counts'];
  quarantined: readonly { correction: CorrectionId; code: string }[];
}): Manifest {
  const { head, now, fresh } = draft;
  // A server whose clock is ahead must not move the cursor past what is still to come from the others.
  const limit = lastIdAt(now);
  const seen = draft.last < limit ? draft.last : limit;
  const cursor = head.cursor !== null && head.cursor > seen ? head.cursor : seen;
  const remembered = firstIdAt(rememberedFrom(timeOf(cursor)));
  const recent = [...draft.taken, ...fresh.map(({ id }) => id)].filter((id) => id >= remembered).sort();
  const next = {
    ...head,
    parts: [...draft.uploaded],
    replacesBase: false,
    rulings: [...draft.withExam],
  };
  return {
    ...next,
    id: snapshotId(Number(head.id) + 1),
    parent: head.id,
    kind: 'corrections',
    digest: manifestDigest(head.digest, next),
    createdAt: new Date(now).toISOString(),
    createdBy: draft.key,
    corrections: fresh.flatMap(({ kind, id }) => (kind === 'correction' ? [id] : [])),
    reviews: fresh.flatMap(({ kind, id }) => (kind === 'review' ? [id] : [])),
    counts: draft.counts,
    cursor,
    source: null,
    quarantined: [...draft.quarantined],
    recent,
  };
}
