/**
 * Corrections: kept durably and once, whoever sends them how often, and judged together with what others said.
 *
 * A submission writes the image, then a claim in the image's dossier (the whole event, at the next place of its
 * author's chain, if absent), then the event into the journal. The claim makes a repeated submission find the first
 * one; the event makes it exist. A cut between the two is healed by the next attempt.
 */
import pLimit from 'p-limit';
import type { Sha256 } from '../model/types.js';
import { correctionEventSchema, readDossier, type ReviewEvent } from './dossiers.js';
import { StorageError } from './errors.js';
import { newId, parseId, timeOf } from './ids.js';
import { newestFirst } from './journal.js';
import { findDocument, putOnce, readDocument } from './json.js';
import { claimKey, claimPrefix, eventKey, imageKey, parseDossierKey, reviewKey } from './keys.js';
import { standingOf } from './verdicts.js';
import type {
  Correction,
  CorrectionEvent,
  CorrectionId,
  CorrectionStore,
  CorrectionSubmission,
  ObjectStore,
  ReviewDecision,
} from './types.js';

export interface CorrectionStoreParts {
  readonly objects: ObjectStore;
  /** True when the image is in the base data's golden set. */
  readonly isGolden: (sha256: Sha256) => boolean | Promise<boolean>;
  readonly sha256Of: (bytes: Uint8Array | string) => Sha256;
  /** Now, in ms since 1970. */
  readonly clock?: () => number;
}

/**
 * A claim without an event that is older than this was never acknowledged. Its event is not written any more: it would
 * appear far in the past, where no snapshot looks. Far below the margin with which snapshots look back.
 */
const CLAIM_LIFE_MS = 10 * 60_000;
/** An event that took longer than this to be written (a suspended process) is written again with a new time. */
const LATEST_WRITE_MS = 30 * 60_000;
/** An author's place in what they said about an image; 0 before the first word. */
interface Claim {
  readonly position: number;
  readonly event: CorrectionEvent | null;
}
const NO_CLAIM: Claim = { position: 0, event: null };
const CHAIN_ATTEMPTS = 100;
const PARALLEL = 16;
/** Events that one page of a filtered list reads at most, so that a rare filter cannot read all of history. */
const SCANNED_PER_PAGE = 500;

export function createCorrectionStore(parts: CorrectionStoreParts): CorrectionStore {
  const { objects, sha256Of, isGolden } = parts;
  const clock = parts.clock ?? Date.now;

  async function judged(event: CorrectionEvent): Promise<Correction> {
    const [dossier, golden] = await Promise.all([
      readDossier(objects, event.image.sha256, event),
      isGolden(event.image.sha256),
    ]);
    return { ...event, ...standingOf(dossier, event.id), golden };
  }

  /** The author's latest claim about the image; position 0 where there is none. */
  async function latestClaim(image: Sha256, author: Sha256): Promise<Claim> {
    let latest: { key: string; position: number } | null = null;
    for await (const { key } of objects.list(claimPrefix(image, author))) {
      const entry = parseDossierKey(key);
      if (entry?.type === 'claim') latest = { key, position: entry.position };
    }
    if (latest === null) return NO_CLAIM;
    const { value } = await readDocument(objects, latest.key, correctionEventSchema);
    return { position: latest.position, event: value };
  }

  /** Writes a claim's event unless it is there; null when the claim is too old to be completed. */
  async function complete(
    image: Sha256,
    author: Sha256,
    position: number,
    event: CorrectionEvent,
  ): Promise<{ created: boolean } | null> {
    const body = JSON.stringify(event);
    if (
      clock() - timeOf(event.id) > CLAIM_LIFE_MS &&
      !(await objects.has(eventKey('correction', event.id)))
    ) {
      return null;
    }
    // Written again because whoever wrote it first may have been cut off before it was on disk.
    await putOnce(objects, claimKey(image, author, position), body);
    return { created: await putOnce(objects, eventKey('correction', event.id), body) };
  }

  async function record(
    submission: CorrectionSubmission,
    image: Sha256,
  ): Promise<{ event: CorrectionEvent; created: boolean }> {
    const author = sha256Of(submission.author);
    let fresh = false;
    for (let attempt = 0; attempt < CHAIN_ATTEMPTS; attempt += 1) {
      // Most submissions are an author's first word on an image, which needs no look at what is there.
      const latest = attempt === 0 ? NO_CLAIM : await latestClaim(image, author);
      if (!fresh && latest.event?.label === submission.label) {
        const completed = await complete(image, author, latest.position, latest.event);
        if (completed !== null) return { event: latest.event, ...completed };
      }
      // Later than the author's word before it, also where two servers' clocks differ.
      const now = Math.max(clock(), latest.event === null ? 0 : timeOf(latest.event.id) + 1);
      const event: CorrectionEvent = {
        id: newId(now),
        image: {
          sha256: image,
          contentType: submission.contentType,
          sizeBytes: submission.bytes.length,
        },
        label: submission.label,
        author: submission.author,
        submittedAt: new Date(now).toISOString(),
        predicted: submission.predicted,
        comment: submission.comment,
      };
      const body = JSON.stringify(event);
      if (!(await putOnce(objects, claimKey(image, author, latest.position + 1), body))) continue;
      const created = await putOnce(objects, eventKey('correction', event.id), body);
      if (clock() - now <= LATEST_WRITE_MS) return { event, created };
      fresh = true;
    }
    throw new StorageError(
      'S3_UNREACHABLE',
      'Too many corrections of one image by one person at the same time.',
    );
  }

  async function eventOf(id: string): Promise<CorrectionEvent | null> {
    const parsed = parseId(id);
    if (parsed === null) return null;
    return (
      (await findDocument(objects, eventKey('correction', parsed), correctionEventSchema))?.value ?? null
    );
  }

  async function writeReview(
    event: CorrectionEvent,
    decision: ReviewDecision,
    reviewer: string,
  ): Promise<void> {
    for (;;) {
      const now = clock();
      const id = newId(now);
      const image = event.image.sha256;
      const review: ReviewEvent = {
        id,
        correction: event.id,
        image,
        decision,
        reviewer,
        reviewedAt: new Date(now).toISOString(),
      };
      const body = JSON.stringify(review);
      await putOnce(objects, reviewKey(image, id, event.id), body);
      await putOnce(objects, eventKey('review', id), body);
      if (clock() - now <= LATEST_WRITE_MS) return;
    }
  }

  return {
    async submit(submission) {
      const image = sha256Of(submission.bytes);
      await putOnce(objects, imageKey(image), submission.bytes, submission.contentType);
      const { event, created } = await record(submission, image);
      return { correction: await judged(event), created };
    },

    async get(id) {
      const event = await eventOf(id);
      return event === null ? null : judged(event);
    },

    async list({ limit, cursor, label, author, status }) {
      const olderThan = cursor === undefined ? null : parseId(cursor);
      if (cursor !== undefined && olderThan === null) {
        throw new StorageError('CURSOR_INVALID', 'The cursor of the list is not one that was given out.');
      }
      const found: Correction[] = [];
      let scanned = 0;
      let lastSeen: CorrectionId | null = null;
      const filtered = label !== undefined || author !== undefined || status !== undefined;
      const examine = async (ids: readonly CorrectionId[]): Promise<void> => {
        const slots = pLimit(PARALLEL);
        const corrections = await Promise.all(
          ids.map((id) =>
            slots(async () => {
              const event = await eventOf(id);
              if (event === null) return null;
              if (label !== undefined && event.label !== label) return null;
              if (author !== undefined && event.author !== author) return null;
              return judged(event);
            }),
          ),
        );
        for (const [index, correction] of corrections.entries()) {
          lastSeen = ids[index] ?? lastSeen;
          if (correction === null || (status !== undefined && correction.status !== status)) continue;
          found.push(correction);
          if (found.length >= limit) return;
        }
      };
      let batch: CorrectionId[] = [];
      for await (const { kind, id } of newestFirst(objects, olderThan)) {
        if (kind !== 'correction') continue;
        // One beyond a full page shows that there is another page.
        if (found.length >= limit || scanned >= SCANNED_PER_PAGE) {
          return { corrections: found, nextCursor: lastSeen };
        }
        batch.push(id);
        scanned += 1;
        if (batch.length < (filtered ? PARALLEL : Math.min(PARALLEL, limit - found.length))) continue;
        await examine(batch);
        batch = [];
      }
      if (batch.length > 0) await examine(batch);
      return { corrections: found, nextCursor: null };
    },

    async review(id, decision, reviewer) {
      const event = await eventOf(id);
      if (event === null) {
        throw new StorageError('CORRECTION_NOT_FOUND', `There is no correction ${id.slice(0, 40)}.`);
      }
      const before = await judged(event);
      if (before.review?.decision !== decision || before.review.reviewer !== reviewer) {
        await writeReview(event, decision, reviewer);
        return judged(event);
      }
      return before;
    },

    async image(sha256) {
      const stored = await objects.get(imageKey(sha256));
      if (sha256Of(stored.body) !== sha256) {
        throw new StorageError('OBJECT_CORRUPT', `The image ${sha256} does not have its digest.`);
      }
      return stored;
    },
  };
}
