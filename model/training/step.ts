/** One step of training: a batch in, changed weights out. */
import { ModelError } from '../errors.js';
import type { Layout, NetworkState, Span } from '../network/architecture.js';
import type { Kernels, Tensor } from '../network/kernels.js';
import type { Passes } from '../network/passes.js';
import type { TrainingSettings } from '../types.js';
import { toAugmentedImages } from './augmentation.js';
import type { TrainingState } from './checkpoint.js';
import type { TrainingData } from './dataset.js';
import { adamStep, decayingSpans, oneCycleRate } from './optimizer.js';
import { Random } from './random.js';
import { largest } from './scoring.js';
import { LABEL_SMOOTHING, STATISTICS_MOMENTUM } from './settings.js';

/** Tells this stream of random numbers from the others of the same run. */
const STREAM = 2;

/** What stays the same over all steps of a run. */
export interface StepSetting {
  readonly kernels: Kernels;
  readonly passes: Passes;
  readonly layout: Layout;
  readonly data: TrainingData;
  readonly settings: TrainingSettings;
  readonly totalSteps: number;
  /** In a warm training, the network that must not be forgotten. */
  readonly champion: NetworkState | null;
}

/** Trains on batches, changing the state in place. */
export class Stepper {
  readonly #decaying: readonly Span[];
  readonly #warm: boolean;

  constructor(private readonly setting: StepSetting) {
    this.#decaying = decayingSpans(setting.layout);
    this.#warm = setting.settings.mode === 'warm';
  }

  /**
   * @returns the mean loss over the batch
   * @throws ModelError TRAINING_DIVERGED where it is not finite
   */
  step(state: TrainingState, examples: Uint32Array): number {
    const { kernels, passes, data, settings, totalSteps } = this.setting;
    const found = kernels.scope(() => {
      const random = new Random(settings.seed, STREAM, state.step);
      const images = toAugmentedImages(kernels, data.read(examples), random);
      // A warm batch is not a fair sample of what users bring, so its statistics must not become the network's.
      const normalisation = this.#warm ? 'moving' : 'batch';
      return passes.gradient(state.network, images, this.#targets(examples, images), normalisation);
    });
    if (!Number.isFinite(found.loss)) {
      throw new ModelError(
        'TRAINING_DIVERGED',
        `The loss became ${found.loss} in step ${state.step + 1}; the learning rate ${settings.learningRate} may be too high.`,
      );
    }
    const { parameters, statistics } = state.network;
    const rate = oneCycleRate(settings.learningRate, state.step, totalSteps);
    adamStep(parameters, found.gradient, state.moments, this.#decaying, rate, state.step + 1);
    if (found.statistics) blend(statistics, found.statistics, state.step);
    examples.forEach((example, position) => {
      if (largest(row(found.logits, position, data.labels.length)) === data.label[example])
        state.epochCorrect++;
    });
    state.epochLoss += found.loss * examples.length;
    state.epochImages += examples.length;
    state.step++;
    return found.loss;
  }

  /**
   * Smoothed labels. In a warm training the targets of replayed base images are what the champion says of the very
   * same pixels, where it is right: as long as nothing new contradicts, nothing changes (Learning without Forgetting,
   * Li and Hoiem 2016, with replayed images instead of the new ones).
   */
  #targets(examples: Uint32Array, images: Tensor): Float32Array {
    const { data, passes, champion } = this.setting;
    const classes = data.labels.length;
    const targets = new Float32Array(examples.length * classes).fill(LABEL_SMOOTHING / classes);
    const remembered = this.#warm && champion ? passes.probabilities(champion, images) : null;
    examples.forEach((example, position) => {
      const label = data.label[example] ?? 0;
      const target = row(targets, position, classes);
      target[label] = 1 - LABEL_SMOOTHING + LABEL_SMOOTHING / classes;
      if (remembered === null || data.correction[example] === 1) return;
      const answer = row(remembered, position, classes);
      if (largest(answer) === label) target.set(answer);
    });
    return targets;
  }
}

function row(values: Float32Array, position: number, columns: number): Float32Array {
  return values.subarray(position * columns, (position + 1) * columns);
}

/** Exponential average; the first steps weigh more, so that the starting values are soon forgotten. */
function blend(moving: Float32Array, batch: Float32Array, step: number): void {
  const momentum = Math.min(STATISTICS_MOMENTUM, step / (step + 10));
  for (let index = 0; index < moving.length; index++) {
    moving[index] = momentum * (moving[index] ?? 0) + (1 - momentum) * (batch[index] ?? 0);
  }
}
