/** Which images the base data hold, under which label and in which split: read once for each part and kept. */
import type { Sha256 } from '../model/types.js';
import type { SnapshotChain } from './chain.js';
import type { Manifest } from './manifest.js';
import type { PartReader } from './parts.js';
import type { BaseRow } from './rulings.js';

export type BaseRows = ReadonlyMap<Sha256, BaseRow>;

export interface BaseIndex {
  /** Every base image that counts at a snapshot. */
  at(manifest: Manifest): Promise<BaseRows>;
  /** True when the image is in the golden set of the latest snapshot. */
  isGolden(image: Sha256): Promise<boolean>;
}

export function createBaseIndex(chain: SnapshotChain, parts: PartReader): BaseIndex {
  let latest: { readonly key: string; readonly rows: Promise<BaseRows> } | null = null;

  async function read(manifest: Manifest): Promise<BaseRows> {
    const rows = new Map<Sha256, BaseRow>();
    const interned = new Map<string, string>();
    for (const part of manifest.baseParts) {
      for (const row of await parts.rows(part)) {
        const label = interned.get(row.label) ?? row.label;
        interned.set(label, label);
        rows.set(row.sha256, { label, split: row.split, name: row.name ?? row.sha256 });
      }
    }
    return rows;
  }

  async function at(manifest: Manifest): Promise<BaseRows> {
    const key = manifest.baseParts.map(({ index }) => index).join();
    if (latest?.key !== key) latest = { key, rows: read(manifest) };
    const mine = latest;
    try {
      return await mine.rows;
    } catch (error) {
      if (latest === mine) latest = null;
      throw error;
    }
  }

  return {
    at,
    async isGolden(image) {
      const head = await chain.head();
      return head !== null && (await at(head)).get(image)?.split === 'golden';
    },
  };
}
