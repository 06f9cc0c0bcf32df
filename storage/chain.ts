/** The chain of snapshots: numbered manifests, each written once, so that two writers can never both be next. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { z } from 'zod';
import type { Sha256 } from '../model/types.js';
import { parseSnapshotId, snapshotId } from './ids.js';
import { findDocument, putOnce } from './json.js';
import { madeKey, parseSnapshotKey, snapshotKey, snapshotsPrefix } from './keys.js';
import { manifestSchema, type Manifest } from './manifest.js';
import { StorageError } from './errors.js';
import type { ObjectStore, SnapshotId } from './types.js';

export interface SnapshotChain {
  head(): Promise<Manifest | null>;
  get(id: SnapshotId): Promise<Manifest | null>;
  /** Fails with `SNAPSHOT_NOT_FOUND`. */
  require(id: SnapshotId): Promise<Manifest>;
  /** From the first snapshot up to and including `id`, oldest first. */
  upTo(id: SnapshotId): AsyncIterable<Manifest>;
  /** False when another manifest has taken the place meanwhile. */
  append(manifest: Manifest): Promise<boolean>;
  /** The snapshot that was made with an idempotency key, given the head. */
  madeBy(key: string, head: Manifest): Promise<Manifest | null>;
}

const CACHED = 16;
const READ_AHEAD = 16;
const madeSchema = z.object({ snapshot: z.string(), key: z.string() });

export function createChain(objects: ObjectStore): SnapshotChain {
  const cache = new Map<SnapshotId, Manifest>();
  /** Highest number seen; the chain only grows. */
  let known: SnapshotId | null = null;

  async function get(id: SnapshotId): Promise<Manifest | null> {
    const cached = cache.get(id);
    if (cached !== undefined) {
      cache.delete(id);
      cache.set(id, cached);
      return cached;
    }
    const found = await findDocument(objects, snapshotKey(id), manifestSchema);
    if (found === null) return null;
    cache.set(id, found.value);
    const [oldest] = cache.keys();
    if (cache.size > CACHED && oldest !== undefined) cache.delete(oldest);
    return found.value;
  }

  async function require(id: SnapshotId): Promise<Manifest> {
    const manifest = await get(id);
    if (manifest === null) throw new StorageError('SNAPSHOT_NOT_FOUND', `There is no snapshot ${id}.`);
    return manifest;
  }

  /** The key can be looked up only once this is written; a cut before it is healed by the next writer. */
  async function recordKey(manifest: Manifest): Promise<void> {
    const body = JSON.stringify({ snapshot: manifest.id, key: manifest.createdBy });
    await putOnce(objects, madeKey(digestOf(manifest.createdBy)), body);
  }

  return {
    get,
    require,

    async head() {
      const from = known === null ? undefined : snapshotKey(known);
      for await (const { key } of objects.list(snapshotsPrefix, from)) {
        known = parseSnapshotKey(key) ?? known;
      }
      return known === null ? null : get(known);
    },

    async *upTo(id) {
      const last = Number(id);
      const limit = pLimit(READ_AHEAD);
      for (let start = 1; start <= last; start += READ_AHEAD) {
        const numbers = Array.from({ length: Math.min(READ_AHEAD, last - start + 1) }, (_, i) => start + i);
        yield* await Promise.all(numbers.map((number) => limit(() => require(snapshotId(number)))));
      }
    },

    async append(manifest) {
      if (manifest.parent !== null) {
        // Before the head stops being the head, its key must be findable.
        await recordKey(await require(manifest.parent));
      }
      if (!(await putOnce(objects, snapshotKey(manifest.id), JSON.stringify(manifest)))) return false;
      await recordKey(manifest);
      return true;
    },

    async madeBy(key, head) {
      if (head.createdBy === key) return head;
      const made = await findDocument(objects, madeKey(digestOf(key)), madeSchema);
      const id = made === null ? null : parseSnapshotId(made.value.snapshot);
      return id === null ? null : require(id);
    },
  };
}

function digestOf(text: string): Sha256 {
  return createHash('sha256').update(text).digest('hex') as Sha256;
}
