/** Snapshots as the other rooms see them: the chain's head and members, the taking of corrections, and data sets. */
import type { BaseIndex } from './base-index.js';
import type { SnapshotChain } from './chain.js';
import { StorageError } from './errors.js';
import { snapshotId } from './ids.js';
import { publicSnapshot, type Manifest } from './manifest.js';
import { materialize } from './materialize.js';
import type { PartReader } from './parts.js';
import { draftNext } from './take.js';
import type { Sha256 } from '../model/types.js';
import type { CorrectionId, ImageDecoder, ObjectStore, SnapshotStore } from './types.js';

export interface SnapshotStoreParts {
  readonly objects: ObjectStore;
  readonly chain: SnapshotChain;
  readonly decode: ImageDecoder;
  readonly isExam: (sha256: Sha256) => boolean;
  readonly sha256Of: (bytes: Uint8Array | string) => Sha256;
  /** Keeps parts and their indexes between calls; null keeps none. */
  readonly cacheFolder: string | null;
  readonly base: BaseIndex;
  readonly reader: PartReader;
  /** Now, in ms since 1970. */
  readonly clock?: () => number;
}

const ATTEMPTS = 10;

export function createSnapshotStore(parts: SnapshotStoreParts): SnapshotStore {
  const { objects, chain, base, reader, cacheFolder } = parts;
  const taking = {
    ...{ objects, chain, base, decode: parts.decode, isExam: parts.isExam, sha256Of: parts.sha256Of },
    spoolFolder: cacheFolder,
    clock: parts.clock ?? Date.now,
  };

  return {
    async head() {
      const head = await chain.head();
      return head === null ? null : publicSnapshot(head);
    },

    async get(id) {
      const manifest = await chain.get(id);
      return manifest === null ? null : publicSnapshot(manifest);
    },

    async list(limit) {
      const head = await chain.head();
      if (head === null) return [];
      const last = Number(head.id);
      const numbers = Array.from({ length: Math.max(0, Math.min(limit, last)) }, (_, i) => last - i);
      const manifests = await Promise.all(numbers.map((number) => chain.require(snapshotId(number))));
      return manifests.map(publicSnapshot);
    },

    async takeCorrections(idempotencyKey) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const head = await chain.head();
        if (head === null) throw new StorageError('NO_BASE_DATA', 'No data have been imported yet.');
        const made = await chain.madeBy(idempotencyKey, head);
        if (made !== null)
          return { snapshot: publicSnapshot(made), created: true, taken: made.corrections.length };
        const next = await draftNext(taking, head, idempotencyKey);
        if (next === null) return { snapshot: publicSnapshot(head), created: false, taken: 0 };
        if (await chain.append(next)) {
          return { snapshot: publicSnapshot(next), created: true, taken: next.corrections.length };
        }
      }
      throw new StorageError('SNAPSHOT_CONFLICT', 'Other snapshots were written all the time.');
    },

    async snapshotOf(id) {
      const head = await chain.head();
      const found = head === null ? null : await takerOf(chain, head, id);
      return found === null ? null : publicSnapshot(found);
    },

    materialize: (id, folder) => materialize({ chain, reader, cacheFolder }, id, folder),
  };
}

/**
 * The snapshot that took a correction. Cursors grow along the chain, so it is found by halving; only what was taken
 * around the cursor's own time needs a look at its neighbours.
 */
async function takerOf(chain: SnapshotChain, head: Manifest, id: CorrectionId): Promise<Manifest | null> {
  const last = Number(head.id);
  const recent = head.recent.includes(id);
  // What is new enough to be remembered by the head, and is not, has not been taken.
  const oldestRemembered = head.recent[0];
  if (!recent && (head.cursor === null || id > head.cursor)) return null;
  if (!recent && oldestRemembered !== undefined && id > oldestRemembered) return null;
  let start = 1;
  if (!recent) {
    let end = last;
    while (start < end) {
      const middle = Math.floor((start + end) / 2);
      const { cursor } = await chain.require(snapshotId(middle));
      if (cursor !== null && cursor >= id) end = middle;
      else start = middle + 1;
    }
  } else {
    start = last;
  }
  // Usually the first look; late arrivals are in a later snapshot, those of a fast clock in an earlier one.
  for (let distance = 0; distance < last; distance += 1) {
    for (const number of distance === 0 ? [start] : [start + distance, start - distance]) {
      if (number < 1 || number > last) continue;
      const manifest = await chain.require(snapshotId(number));
      if (manifest.corrections.includes(id)) return manifest;
    }
  }
  return null;
}
