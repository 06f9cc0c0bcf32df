/** Which examples each epoch shows to the network, and in which order. */
import type { TrainingSettings } from '../types.js';
import type { TrainingData } from './dataset.js';
import { Random } from './random.js';
import { MINIMUM_FULL_STEPS, WARM_EPOCH } from './settings.js';

/** The course of a training. The order of an epoch depends on the seed and its number alone. */
export interface EpochPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Numbers of examples, `stepsPerEpoch` × batch size of them. */
  order(epoch: number): Uint32Array;
}

/** Tells this stream of random numbers from the others of the same run. */
const STREAM = 1;

/** The plan for a run's mode; a warm run without any correction trains on the replay alone. */
export function planEpochs(data: TrainingData, settings: TrainingSettings): EpochPlan {
  return settings.mode === 'warm' ? warmPlan(data, settings) : fullPlan(data, settings);
}

/** Every trained example equally often; small data sets several times an epoch. */
function fullPlan(data: TrainingData, { epochs, batchSize, seed }: TrainingSettings): EpochPlan {
  const train = data.train;
  const stepsPerEpoch = Math.max(
    Math.floor(train.length / batchSize),
    Math.ceil(MINIMUM_FULL_STEPS / epochs),
    1,
  );
  return {
    epochs,
    stepsPerEpoch,
    order: (epoch) => draw(train, stepsPerEpoch * batchSize, new Random(seed, STREAM, epoch)),
  };
}

/**
 * Fresh corrections several times, earlier corrections, and base data to fill up, the latter two in equal shares of
 * every class, so that nothing is forgotten (experience replay, Rolnick et al. 2019). An epoch's size does not grow
 * with the data, only with the fresh corrections.
 */
function warmPlan(data: TrainingData, { epochs, batchSize, seed }: TrainingSettings): EpochPlan {
  const { base, fresh, earlier } = data.groups;
  const images = Math.max(WARM_EPOCH.images, Math.ceil(fresh.length / WARM_EPOCH.freshShare));
  const stepsPerEpoch = Math.ceil(images / batchSize);
  const total = stepsPerEpoch * batchSize;
  const freshCount = Math.min(
    fresh.length * WARM_EPOCH.freshRepeats,
    Math.floor(total * WARM_EPOCH.freshShare),
  );
  const earlierCount = Math.min(
    earlier.length * WARM_EPOCH.earlierRepeats,
    Math.floor(total * WARM_EPOCH.earlierShare),
  );
  const earlierByClass = byClass(earlier, data);
  const rest = base.length > 0 ? byClass(base, data) : byClass(data.train, data);
  return {
    epochs,
    stepsPerEpoch,
    order: (epoch) => {
      const random = new Random(seed, STREAM, epoch);
      const order = new Uint32Array(total);
      order.set(draw(fresh, freshCount, random), 0);
      order.set(drawByClass(earlierByClass, earlierCount, random), freshCount);
      const filled = freshCount + earlierCount;
      order.set(drawByClass(rest, total - filled, random), filled);
      return random.shuffle(order);
    },
  };
}

/** `count` of the given numbers, each as often as the others (give or take one), in random order. */
function draw(from: Uint32Array, count: number, random: Random): Uint32Array {
  const drawn = new Uint32Array(count);
  for (let filled = 0; filled < count; filled += from.length) {
    const round = random.shuffle(from.slice());
    drawn.set(round.subarray(0, Math.min(round.length, count - filled)), filled);
  }
  return drawn;
}

/** The same number from every class that has examples (give or take one). */
function drawByClass(classes: readonly Uint32Array[], count: number, random: Random): Uint32Array {
  const drawn = new Uint32Array(count);
  let filled = 0;
  classes.forEach((members, index) => {
    const share = Math.floor((count - filled) / (classes.length - index));
    drawn.set(draw(members, share, random), filled);
    filled += share;
  });
  return drawn;
}

function byClass(examples: Uint32Array, data: TrainingData): readonly Uint32Array[] {
  return data.labels
    .map((_, label) => examples.filter((example) => data.label[example] === label))
    .filter((members) => members.length > 0);
}
