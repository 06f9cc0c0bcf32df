/** A snapshot and all its parents laid out on the local disk, as the trainer and the evaluation read them. */
import { copyFile, link, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetFiles, Example, Sha256 } from '../model/types.js';
import type { SnapshotChain } from './chain.js';
import { onLocalDisk, replaceFile, systemCode, writeWhole } from './local-files.js';
import type { Manifest, Ruling } from './manifest.js';
import type { PartReader } from './parts.js';
import { isHeldOut, trainedLabel, type BaseRow } from './rulings.js';
import type { PartRef, SnapshotId } from './types.js';

export interface MaterializeParts {
  readonly chain: SnapshotChain;
  readonly reader: PartReader;
  /** Keeps parts between data sets; null fetches into each data set's own folder. */
  readonly cacheFolder: string | null;
}

interface Place {
  readonly part: number;
  readonly row: number;
}

interface Layout {
  readonly parts: readonly PartRef[];
  /** Where each image's pixels are, in the order in which they came. */
  readonly places: ReadonlyMap<Sha256, Place>;
  readonly base: ReadonlyMap<Sha256, BaseRow>;
  readonly rulings: ReadonlyMap<Sha256, Ruling & { readonly by: SnapshotId }>;
}

/**
 * Lays out a snapshot under `folder`: the parts as `.npy` and `examples-<digest>.jsonl`. Parts that are there already
 * are checked and kept.
 */
export async function materialize(
  parts: MaterializeParts,
  id: SnapshotId,
  folder: string,
): Promise<{ files: DatasetFiles; examples: readonly Example[] }> {
  const manifest = await parts.chain.require(id);
  const layout = await readLayout(parts, manifest);
  const { examples, used } = resolveExamples(manifest, layout);
  await onLocalDisk(() => mkdir(folder, { recursive: true }));
  const files: { imagesPath: string; rows: number }[] = [];
  for (const part of used) {
    files.push({ imagesPath: await placePart(parts, part, folder), rows: part.rows });
  }
  const examplesPath = join(folder, `examples-${manifest.digest}.jsonl`);
  const lines = examples.map((example) => `${JSON.stringify(example)}\n`).join('');
  // The trainer may be reading an earlier call's file, which is the same by construction.
  if (!(await hasContent(examplesPath, lines))) await writeWhole(examplesPath, lines);
  return {
    files: {
      labels: manifest.labels,
      digest: manifest.digest,
      parts: files,
      examplesPath,
      synthetic: manifest.synthetic,
    },
    examples,
  };
}

async function readLayout(parts: MaterializeParts, manifest: Manifest): Promise<Layout> {
  const refs: PartRef[] = [...manifest.baseParts];
  const rulings = new Map<Sha256, Ruling & { readonly by: SnapshotId }>();
  for await (const { id, kind, parts: own, rulings: ruled } of parts.chain.upTo(manifest.id)) {
    if (kind === 'corrections') refs.push(...own);
    for (const ruling of ruled) rulings.set(ruling.image, { ...ruling, by: id });
  }
  const places = new Map<Sha256, Place>();
  const base = new Map<Sha256, BaseRow>();
  for (const [part, ref] of refs.entries()) {
    const rows = await parts.reader.rows(ref);
    for (const [row, { sha256, label, split, name }] of rows.entries()) {
      // The same image is the same pixels everywhere: its first place will do.
      if (!places.has(sha256)) places.set(sha256, { part, row });
      if (part < manifest.baseParts.length) base.set(sha256, { label, split, name: name ?? sha256 });
    }
  }
  return { parts: refs, places, base, rulings };
}

/** The latest ruling on each image, the base row where there is none; parts renumbered to those that are used. */
function resolveExamples(
  manifest: Manifest,
  layout: Layout,
): { examples: Example[]; used: readonly PartRef[] } {
  const used: PartRef[] = [];
  const numbers = new Map<number, number>();
  const examples: Example[] = [];
  for (const [sha256, place] of layout.places) {
    const base = layout.base.get(sha256);
    const ruling = layout.rulings.get(sha256);
    const heldOut = isHeldOut(base);
    const name = heldOut ? base?.label : trainedLabel(ruling, base, manifest.labels);
    const label = name === undefined || name === null ? -1 : manifest.labels.indexOf(name);
    if (label < 0) continue;
    let part = numbers.get(place.part);
    const ref = layout.parts[place.part];
    if (part === undefined && ref !== undefined) {
      part = used.push(ref) - 1;
      numbers.set(place.part, part);
    }
    if (part === undefined) continue;
    const mine = !heldOut && ruling?.by === manifest.id ? ruling : undefined;
    const corrected = !heldOut && (base === undefined || base.label !== name);
    examples.push({
      sha256,
      part,
      row: place.row,
      label,
      split: heldOut && base !== undefined ? base.split : mine?.exam === true ? 'exam' : 'train',
      origin: corrected ? 'correction' : 'base',
      fresh: mine?.fresh ?? false,
    });
  }
  return { examples, used };
}

async function placePart(parts: MaterializeParts, part: PartRef, folder: string): Promise<string> {
  if (parts.cacheFolder === null) return onLocalDisk(() => parts.reader.images(part, folder));
  const cached = await onLocalDisk(() => parts.reader.images(part, parts.cacheFolder ?? folder));
  const path = join(folder, `${part.digest}.npy`);
  if (path === cached) return path;
  await replaceFile(path, async (temporary) => {
    try {
      await link(cached, temporary);
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error;
      await copyFile(cached, temporary);
    }
  });
  return path;
}

async function hasContent(path: string, content: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')) === content;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
