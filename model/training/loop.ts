/** The training loop: steps, epochs, validation, checkpoints, progress, stop. */
import { setImmediate } from 'node:timers/promises';
import { ModelError } from '../errors.js';
import { assertSameLabels } from '../labels.js';
import {
  fromNetwork,
  initialState,
  layoutFor,
  type Layout,
  type NetworkState,
} from '../network/architecture.js';
import type { NativeBinding } from '../network/binding.js';
import { Kernels } from '../network/kernels.js';
import { Passes } from '../network/passes.js';
import type { EpochMetrics, TrainerJob, TrainerResult, TrainingProgress } from '../types.js';
import { readCheckpoint, runIdentity, writeCheckpoint, type TrainingState } from './checkpoint.js';
import { TrainingData } from './dataset.js';
import { mixWithChampion } from './mixing.js';
import { newMoments } from './optimizer.js';
import { Random } from './random.js';
import { writeResults } from './results.js';
import { planEpochs, type EpochPlan } from './sampling.js';
import { answers, evenly, largest, type Scorer } from './scoring.js';
import { VALIDATION_LIMIT } from './settings.js';
import { Stepper } from './step.js';
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
/** Tells this stream of random numbers from the others of the same run. */
const INITIAL_STREAM = 0;

interface RunSetting {
  readonly job: TrainerJob;
  readonly observer: TrainingObserver;
  readonly data: TrainingData;
  readonly plan: EpochPlan;
  /** See `runIdentity`. */
  readonly identity: string;
  readonly stepper: Stepper;
  readonly scorer: Scorer;
  readonly layout: Layout;
  readonly champion: NetworkState | null;
}

/**
 * Runs a job to its end or until it is told to stop. A resumed job must be the same in everything but `resumeFrom`
 * and `workFolder`; it then ends with the same weights as if it had never been stopped.
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
    const champion = await readChampion(job, layout);
    const identity = runIdentity(job.dataset, job.settings, champion);
    const state =
      job.resumeFrom === null
        ? firstState(job, layout, champion)
        : await readCheckpoint(job.resumeFrom, identity, layout);
    const kernels = new Kernels(binding);
    const passes = new Passes(kernels, layout);
    const plan = planEpochs(data, job.settings);
    const totalSteps = plan.epochs * plan.stepsPerEpoch;
    const common = { kernels, passes, layout, data };
    const stepper = new Stepper({ ...common, settings: job.settings, totalSteps, champion });
    const scorer = { ...common, state: state.network };
    return await new TrainingRun(
      { job, observer, data, plan, identity, stepper, scorer, layout, champion },
      state,
    ).run();
  } finally {
    data.close();
  }
}

/** The network that a warm training starts from and must not forget. */
async function readChampion(job: TrainerJob, layout: Layout): Promise<NetworkState | null> {
  if (job.warmFrom === null) {
    if (job.settings.mode === 'full') return null;
    throw new ModelError('MODEL_UNREADABLE', 'A warm training needs a model to start from.');
  }
  const champion = await readTrainedNetwork(job.warmFrom);
  assertSameLabels(champion.labels, job.dataset.labels);
  return fromNetwork(layout, champion);
}

function firstState(job: TrainerJob, layout: Layout, champion: NetworkState | null): TrainingState {
  const network = champion
    ? { parameters: champion.parameters.slice(), statistics: champion.statistics.slice() }
    : initialState(layout, new Random(job.settings.seed, INITIAL_STREAM));
  const counters = { step: 0, epochLoss: 0, epochCorrect: 0, epochImages: 0, epochSeconds: 0, seconds: 0 };
  return { network, moments: newMoments(layout), epochs: [], ...counters };
}

class TrainingRun {
  readonly #stepsAtStart: number;
  readonly #secondsAtStart: number;
  #lastProgress = 0;
  #lastCheckpoint = performance.now();
  #lastClock = performance.now();
  #lastLoss = 0;

  constructor(
    private readonly setting: RunSetting,
    private readonly state: TrainingState,
  ) {
    this.#stepsAtStart = state.step;
    this.#secondsAtStart = state.seconds;
  }

  async run(): Promise<TrainingOutcome> {
    const { state } = this;
    const { plan, observer, stepper, job, layout, scorer, champion } = this.setting;
    while (state.epochs.length < plan.epochs) {
      const epoch = state.epochs.length;
      const order = plan.order(epoch);
      while (state.step < (epoch + 1) * plan.stepsPerEpoch) {
        if (observer.stopRequested()) return this.#stop();
        await this.#checkpointIfDue();
        const start = (state.step - epoch * plan.stepsPerEpoch) * job.settings.batchSize;
        this.#lastLoss = stepper.step(state, order.subarray(start, start + job.settings.batchSize));
        this.#passTime();
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
    if (champion && job.settings.mode === 'warm') {
      state.network.parameters.set(await mixWithChampion(champion, scorer));
    }
    this.#passTime();
    return { type: 'done', result: await writeResults(job, layout, state, scorer) };
  }

  /** Null where it was told to stop meanwhile. */
  async #validate(epoch: number): Promise<EpochMetrics | null> {
    const { state } = this;
    const { data, scorer, observer } = this.setting;
    const examples = evenly(data.groups.validation, VALIDATION_LIMIT);
    let correct = 0;
    let loss = 0;
    for (const batch of answers(scorer, examples)) {
      for (const { example, probabilities } of batch) {
        const label = data.label[example] ?? 0;
        if (largest(probabilities) === label) correct++;
        loss -= Math.log(Math.max(probabilities[label] ?? 0, 1e-12));
      }
      this.#reportIfDue();
      await setImmediate();
      if (observer.stopRequested()) return null;
    }
    this.#passTime();
    // Without validation images both figures are 0.
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

  async #stop(): Promise<TrainingOutcome> {
    const { job, identity } = this.setting;
    const folder = await writeCheckpoint(job.workFolder, identity, this.state);
    return { type: 'stopped', folder, step: this.state.step };
  }

  async #checkpointIfDue(): Promise<void> {
    const { job, identity, observer } = this.setting;
    if (performance.now() - this.#lastCheckpoint < job.checkpointEveryMs) return;
    if (this.state.step === this.#stepsAtStart) return;
    const folder = await writeCheckpoint(job.workFolder, identity, this.state);
    this.#lastCheckpoint = performance.now();
    observer.checkpoint(folder, this.state.step);
  }

  #reportIfDue(): void {
    if (performance.now() - this.#lastProgress >= PROGRESS_EVERY_MS) this.#report();
  }

  #report(): void {
    this.#lastProgress = performance.now();
    const { state } = this;
    const { plan, job, observer } = this.setting;
    const totalSteps = plan.stepsPerEpoch * plan.epochs;
    const steps = state.step - this.#stepsAtStart;
    const stepsPerSecond = steps / Math.max(1e-3, state.seconds - this.#secondsAtStart);
    observer.progress({
      step: state.step,
      totalSteps,
      epoch: Math.min(plan.epochs, state.epochs.length + 1),
      totalEpochs: plan.epochs,
      loss: this.#lastLoss,
      imagesPerSecond: stepsPerSecond * job.settings.batchSize,
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
