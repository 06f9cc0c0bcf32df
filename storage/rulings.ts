/** What a ruling makes of an image: the label and split under which it counts, given its place in the base data. */
import type { Labels, Sha256, Split } from '../model/types.js';
import type { Manifest, Ruling } from './manifest.js';
import type { SnapshotChain } from './chain.js';
import { NONE_LABEL, type SnapshotId } from './types.js';

/** A base image's own label and split. */
export interface BaseRow {
  readonly label: string;
  readonly split: Split;
  /** File name inside its import. */
  readonly name: string;
}

/** True when feedback never changes the image: it measures, so what people say about it must not move it. */
export function isHeldOut(base: BaseRow | undefined): boolean {
  return base !== undefined && base.split !== 'train';
}

/**
 * The label under which an image is trained on; null when it is not trained on. Base images of the golden and the
 * validation split keep label and split whatever is said about them.
 */
export function trainedLabel(
  ruling: Pick<Ruling, 'state' | 'label'> | undefined,
  base: BaseRow | undefined,
  labels: Labels,
): string | null {
  if (isHeldOut(base)) return null;
  if (ruling === undefined || ruling.state === 'silent') return base?.label ?? null;
  if (ruling.label === null || ruling.label === NONE_LABEL || !labels.includes(ruling.label)) return null;
  return ruling.label;
}

/** The ruling on every image that was ever ruled on, up to a snapshot, with the snapshot that made it. */
export async function rulingsUpTo(
  chain: SnapshotChain,
  id: SnapshotId,
): Promise<Map<Sha256, Ruling & { readonly by: SnapshotId }>> {
  const rulings = new Map<Sha256, Ruling & { readonly by: SnapshotId }>();
  for await (const manifest of chain.upTo(id)) {
    for (const ruling of manifest.rulings) rulings.set(ruling.image, { ...ruling, by: manifest.id });
  }
  return rulings;
}

export type Counts = Manifest['counts'];

/** All zero. */
export function emptyCounts(labels: Labels): Counts {
  const zeros = (): Record<string, number> => Object.fromEntries(labels.map((label) => [label, 0]));
  return { train: zeros(), validation: zeros(), golden: zeros(), exam: zeros() };
}

/** A copy in which the exam has become training data, as it does for every snapshot after its own. */
export function inheritedCounts(counts: Counts, labels: Labels): Counts {
  const next = emptyCounts(labels);
  for (const label of labels) {
    next.train[label] = (counts.train[label] ?? 0) + (counts.exam[label] ?? 0);
    next.validation[label] = counts.validation[label] ?? 0;
    next.golden[label] = counts.golden[label] ?? 0;
  }
  return next;
}

export function addCount(counts: Counts, split: Split, label: string, by: number): void {
  counts[split][label] = (counts[split][label] ?? 0) + by;
}
