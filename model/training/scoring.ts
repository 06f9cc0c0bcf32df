/** The answers of a network in training, computed in batches on the native kernels. */
import type { NetworkState } from '../network/architecture.js';
import type { Kernels } from '../network/kernels.js';
import type { Passes } from '../network/passes.js';
import { toImages } from './augmentation.js';
import type { TrainingData } from './dataset.js';

const BATCH = 256;

/** The network as it is, with what it needs to answer. */
export interface Scorer {
  readonly kernels: Kernels;
  readonly passes: Passes;
  readonly state: NetworkState;
  readonly data: TrainingData;
}

/** Probabilities of one image, as a part of a batch's vector. */
export interface Answer {
  readonly example: number;
  readonly probabilities: Float32Array;
}

/** Answers for the given examples, in their order, a batch at a time. Unchanged pixels, moving statistics. */
export function* answers(scorer: Scorer, examples: Uint32Array): Generator<readonly Answer[]> {
  const { kernels, passes, state, data } = scorer;
  const classes = data.labels.length;
  for (let start = 0; start < examples.length; start += BATCH) {
    const batch = examples.slice(start, start + BATCH);
    const probabilities = kernels.scope(() =>
      passes.probabilities(state, toImages(kernels, data.read(batch))),
    );
    yield Array.from(batch, (example, position) => ({
      example,
      probabilities: probabilities.subarray(position * classes, (position + 1) * classes),
    }));
  }
}

/** Index of the largest value; the first where several are equal. */
export function largest(values: Float32Array): number {
  let best = 0;
  values.forEach((value, index) => {
    if (value > (values[best] ?? -Infinity)) best = index;
  });
  return best;
}

/** At most `limit` of the given numbers, evenly spread. */
export function evenly(examples: Uint32Array, limit: number): Uint32Array {
  if (examples.length <= limit) return examples;
  return Uint32Array.from(
    { length: limit },
    (_, index) => examples[Math.floor((index * examples.length) / limit)] ?? 0,
  );
}
