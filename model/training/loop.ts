/** The training loop: steps, epochs, validation, checkpoints, progress, stop. */
import { setImmediate } from 'node:timers/promises';
import { ModelError } from '../errors.js';
import { assertSameLabels } from '../labels.js';
import { fromNetwork, initialState, layoutFor, type Layout, type Span } from '../network/architecture.js';
import type { NativeBinding } from '../network/binding.js';
import { Kernels } from '../network/kernels.js';
import { Passes } from '../network/passes.js';
import type { EpochMetrics, TrainerJob, TrainerResult, TrainingProgress } from '../types.js';
import { toAugmentedImages } from './augmentation.js';
import { readCheckpoint, runIdentity, writeCheckpoint, type TrainingState } from './checkpoint.js';
import { TrainingData } from './dataset.js';
import { adamStep, decayingSpans, newMoments, oneCycleRate } from './optimizer.js';
import { Random } from './random.js';
import { writeResults } from './results.js';
import { planEpochs, type EpochPlan } from './sampling.js';
import { answers, largest, type Scorer } from './scoring.js';
import { LABEL_SMOOTHING, STATISTICS_MOMENTUM, VALIDATION_LIMIT } from './settings.js';
import { readTrainedNetwork } from './tfjs-files.js';

/** What the loop tells and asks while it runs. */
export interface TrainingObserver {
  /** At most about twice a second. */
  progress(progress: TrainingProgress): void;
  /** `folder` is complete, synced, and never written again. */
  checkpoint(folder: string, step: number): void;
  /** Asked between steps; true ends the training after a last checkpoint. */
  stopRequested(): boolean;
}

export type TrainingOutcome =
  | { readonly type: 'done'; readonly result: TrainerResult }
  | { readonly type: 'stopped'; readonly folder: string; readonly step: number };

const PROGRESS_EVERY_MS = 500;
/** Streams of random numbers of one run, told apart by their first number. */
const INITIAL_STREAM = 0;
const AUGMENTATION_STREAM = 2;

/**
 * Runs a job to its end or until it is told to stop.
 * @throws ModelError DATASET_INVALID, CHECKPOINT_INVALID, MODEL_UNREADABLE, MODEL_LABELS_DIFFER, TRAINING_DIVERGED
 */
export async function runTraining(
  job: TrainerJob,
  binding: NativeBinding,
  observer: TrainingObserver,
): Promise<TrainingOutcome> {
  const data = await TrainingData.open(job.dataset);
  try {
    const layout = layoutFor(data.labels.length);
    const state = await startingState(job, layout);
    return await new TrainingRun(job, binding, observer, data, layout, state).run();
  } finally {
    data.close();
  }
}

async function startingState(job: TrainerJob, layout: Layout): Promise<TrainingState> {
  if (job.resumeFrom !== null) {
    return readCheckpoint(job.resumeFrom, runIdentity(job.dataset, job.settings), layout);
  }
  const counters = { step: 0, epochLoss: 0, epochCorrect: 0, epochImages: 0, epochSeconds: 0, seconds: 0 };
  const start = { moments: newMoments(layout), epochs: [], ...counters };
  if (job.warmFrom === null) {
    if (job.settings.mode === 'warm') {
      throw new ModelError('MODEL_UNREADABLE', 'A warm training needs a model to start from.');
    }
    return { network: initialState(layout, new Random(job.settings.seed, INITIAL_STREAM)), ...start };
  }
  const champion = await readTrainedNetwork(job.warmFrom);
  assertSameLabels(champion.labels, job.dataset.labels);
  return { network: fromNetwork(layout, champion), ...start };
}

class TrainingRun {
  readonly #kernels: Kernels;
  readonly #passes: Passes;
  readonly #plan: EpochPlan;
  readonly #decaying: readonly Span[];
  readonly #run: string;
  readonly #stepsAtStart: number;
  readonly #secondsAtStart: number;
  #lastProgress = 0;
  #lastCheckpoint = performance.now();
  #lastClock = performance.now();
  #lastLoss = 0;

  constructor(
    private readonly job: TrainerJob,
    binding: NativeBinding,
    private readonly observer: TrainingObserver,
    private readonly data: TrainingData,
    private readonly layout: Layout,
    private readonly state: TrainingState,
  ) {
    this.#kernels = new Kernels(binding);
    this.#passes = new Passes(this.#kernels, layout);
    this.#plan = planEpochs(data, job.settings);
    this.#decaying = decayingSpans(layout);
    this.#run = runIdentity(job.dataset, job.settings);
    this.#stepsAtStart = state.step;
    this.#secondsAtStart = state.seconds;
  }

  async run(): Promise<TrainingOutcome> {
    const { state } = this;
    const { stepsPerEpoch, epochs } = this.#plan;
    while (state.epochs.length < epochs) {
      const epoch = state.epochs.length;
      const order = this.#plan.order(epoch);
      while (state.step < (epoch + 1) * stepsPerEpoch) {
        if (this.observer.stopRequested()) return this.#stop();
        await this.#checkpointIfDue();
        this.#step(order);
        this.#reportIfDue();
        // Lets the process hear its parent.
        await setImmediate();
      }
      const validated = await this.#validate(epoch);
      if (validated === null) return this.#stop();
      state.epochs.push(validated);
      Object.assign(state, { epochLoss: 0, epochCorrect: 0, epochImages: 0, epochSeconds: 0 });
    }
    this.#report();
    const result = await writeResults(this.job, this.layout, state, this.#scorer());
    this.#passTime();
    return { type: 'done', result };
  }

  #step(order: Uint32Array): void {
    const { state, job, data } = this;
    const { batchSize, learningRate, seed } = job.settings;
    const { stepsPerEpoch, epochs } = this.#plan;
    const start = (state.step % stepsPerEpoch) * batchSize;
    const examples = order.subarray(start, start + batchSize);
    const classes = data.labels.length;
    const normalisation = job.settings.mode === 'warm' ? 'moving' : 'batch';
    const found = this.#kernels.scope(() => {
      const random = new Random(seed, AUGMENTATION_STREAM, state.step);
      const images = toAugmentedImages(this.#kernels, data.read(examples), random);
      return this.#passes.gradient(state.network, images, this.#targets(examples), normalisation);
    });
    if (!Number.isFinite(found.loss)) {
      throw new ModelError(
        'TRAINING_DIVERGED',
        `The loss became ${found.loss} in step ${state.step + 1}; try a lower learning rate than ${learningRate}.`,
      );
    }
    const rate = oneCycleRate(learningRate, state.step, stepsPerEpoch * epochs);
    const { parameters, statistics } = state.network;
    adamStep(parameters, found.gradient, state.moments, this.#decaying, rate, state.step + 1);
    if (found.statistics) blend(statistics, found.statistics, state.step);
    examples.forEach((example, position) => {
      const logits = found.logits.subarray(position * classes, (position + 1) * classes);
      if (largest(logits) === data.label[example]) state.epochCorrect++;
    });
    state.epochLoss += found.loss * examples.length;
    state.epochImages += examples.length;
    state.step++;
    this.#lastLoss = found.loss;
    this.#passTime();
  }

  #targets(examples: Uint32Array): Float32Array {
    const classes = this.data.labels.length;
    const targets = new Float32Array(examples.length * classes).fill(LABEL_SMOOTHING / classes);
    examples.forEach((example, position) => {
      const index = position * classes + (this.data.label[example] ?? 0);
      targets[index] = 1 - LABEL_SMOOTHING + LABEL_SMOOTHING / classes;
    });
    return targets;
  }

  /** Null where it was told to stop meanwhile. */
  async #validate(epoch: number): Promise<EpochMetrics | null> {
    const { state, data } = this;
    const examples = evenly(data.groups.validation, VALIDATION_LIMIT);
    let correct = 0;
    let loss = 0;
    for (const batch of answers(this.#scorer(), examples)) {
      for (const { example, probabilities } of batch) {
        const label = data.label[example] ?? 0;
        if (largest(probabilities) === label) correct++;
        loss -= Math.log(Math.max(probabilities[label] ?? 0, 1e-12));
      }
      await setImmediate();
      if (this.observer.stopRequested()) return null;
    }
    this.#passTime();
    const validated = Math.max(1, examples.length);
    return {
      epoch: epoch + 1,
      loss: state.epochLoss / state.epochImages,
      trainAccuracy: state.epochCorrect / state.epochImages,
      validationAccuracy: correct / validated,
      validationLoss: loss / validated,
      seconds: state.epochSeconds,
    };
  }

  #scorer(): Scorer {
    return { kernels: this.#kernels, passes: this.#passes, state: this.state.network, data: this.data };
  }

  async #stop(): Promise<TrainingOutcome> {
    const folder = await writeCheckpoint(this.job.workFolder, this.#run, this.state);
    return { type: 'stopped', folder, step: this.state.step };
  }

  async #checkpointIfDue(): Promise<void> {
    if (performance.now() - this.#lastCheckpoint < this.job.checkpointEveryMs) return;
    if (this.state.step === this.#stepsAtStart) return;
    const folder = await writeCheckpoint(this.job.workFolder, this.#run, this.state);
    this.#lastCheckpoint = performance.now();
    this.observer.checkpoint(folder, this.state.step);
  }

  #reportIfDue(): void {
    if (performance.now() - this.#lastProgress >= PROGRESS_EVERY_MS) this.#report();
  }

  #report(): void {
    this.#lastProgress = performance.now();
    const { state } = this;
    const { stepsPerEpoch, epochs } = this.#plan;
    const totalSteps = stepsPerEpoch * epochs;
    const stepsPerSecond =
      (state.step - this.#stepsAtStart) / Math.max(1e-3, state.seconds - this.#secondsAtStart);
    this.observer.progress({
      step: state.step,
      totalSteps,
      epoch: Math.min(epochs, state.epochs.length + 1),
      totalEpochs: epochs,
      loss: this.#lastLoss,
      imagesPerSecond: stepsPerSecond * this.job.settings.batchSize,
      remainingSeconds: stepsPerSecond > 0 ? (totalSteps - state.step) / stepsPerSecond : 0,
      epochs: [...state.epochs],
    });
  }

  #passTime(): void {
    const now = performance.now();
    const seconds = (now - this.#lastClock) / 1000;
    this.#lastClock = now;
    this.state.seconds += seconds;
    this.state.epochSeconds += seconds;
  }
}

/** Exponential average; the first steps weigh more, so that the starting values are soon forgotten. */
function blend(moving: Float32Array, batch: Float32Array, step: number): void {
  const momentum = Math.min(STATISTICS_MOMENTUM, step / (step + 10));
  for (let index = 0; index < moving.length; index++) {
    moving[index] = momentum * (moving[index] ?? 0) + (1 - momentum) * (batch[index] ?? 0);
  }
}

/** At most `limit` of the given numbers, evenly spread. */
function evenly(examples: Uint32Array, limit: number): Uint32Array {
  if (examples.length <= limit) return examples;
  return Uint32Array.from(
    { length: limit },
    (_, index) => examples[Math.floor((index * examples.length) / limit)] ?? 0,
  );
}
