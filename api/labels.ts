/** Which classes a correction may name: those of the model that answers, else those of the data set. */
import type { Labels } from '../model/types.js';
import type { SnapshotStore } from '../storage/types.js';
import type { ModelSlot } from './serving/slot.js';

/** For how long the data set's classes are taken as read, in ms. They change only with an import. */
const FRESH_MS = 5_000;

export interface KnownLabels {
  /** Null where neither is known. Fails with the storage's error when only the data set could tell and S3 is down. */
  known(): Promise<{ labels: Labels; synthetic: boolean } | null>;
  /** The data set's own classes; null before the first import. */
  ofDataset(): Promise<Labels | null>;
}

export function createKnownLabels(slot: ModelSlot, snapshots: Pick<SnapshotStore, 'head'>): KnownLabels {
  let cached: { at: number; value: { labels: Labels; synthetic: boolean } | null } | null = null;

  async function dataset(): Promise<{ labels: Labels; synthetic: boolean } | null> {
    if (cached && Date.now() - cached.at < FRESH_MS) return cached.value;
    const head = await snapshots.head();
    cached = { at: Date.now(), value: head && { labels: head.labels, synthetic: head.synthetic } };
    return cached.value;
  }

  return {
    async known() {
      const model = slot.current();
      return model ? { labels: model.labels, synthetic: model.synthetic } : await dataset();
    },
    ofDataset: async () => (await dataset())?.labels ?? null,
  };
}
