/** Whole trainings on drawn patterns: what is learned, remembered, written; and that nothing depends on luck. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkGoldenExamples, loadOnnxModel } from '../../../../model/inference.js';
import { loadBinding, type NativeBinding } from '../../../../model/network/binding.js';
import { runTraining, type TrainingObserver, type TrainingOutcome } from '../../../../model/training/loop.js';
import type {
  DatasetFiles,
  EpochMetrics,
  GoldenExamples,
  TrainerJob,
  TrainerResult,
  TrainingProgress,
} from '../../../../model/types.js';
import {
  accuracyOf,
  codeOf,
  doneOf,
  goldenAnswers,
  goldenLabels,
  goldenPixels,
  json,
  pixelsOf,
  sameFile,
} from './outcome.js';
import {
  drawPattern,
  jobFor,
  PATTERN_LABELS,
  rowsOf,
  setTrainerEnvironment,
  temporaryFolder,
  writePatterns,
  type PatternRow,
} from './patterns.js';
import { Random } from '../../../../model/training/random.js';
import { MINIMUM_FULL_STEPS as STEPS, WARM_MIXES } from '../../../../model/training/settings.js';
import { readTrainedNetwork } from '../../../../model/training/tfjs-files.js';
import { mixWithChampion } from '../../../../model/training/mixing.js';
import { TrainingData } from '../../../../model/training/dataset.js';
import { Kernels } from '../../../../model/network/kernels.js';
import { Passes } from '../../../../model/network/passes.js';
import { fromNetwork, layoutFor } from '../../../../model/network/architecture.js';

const BASE: PatternRow[] = [
  ...rowsOf(20, { split: 'train' }),
  ...rowsOf(8, { split: 'validation' }),
  ...rowsOf(8, { split: 'golden' }),
];

describe('a training', function () {
  this.timeout(120_000);
  let root: string;
  let binding: NativeBinding;
  let base: DatasetFiles;
  let champion: TrainerResult;
  const progress: TrainingProgress[] = [];

  before(async () => {
    setTrainerEnvironment();
    binding = await loadBinding();
    root = await temporaryFolder();
    base = writePatterns(join(root, 'base'), [BASE]);
    const observer = { progress: (now: TrainingProgress) => progress.push(now) };
    champion = doneOf(await train(jobFor(base, await folder()), observer));
  });

  after(() => {
    rmSync(root, { recursive: true });
  });

  it('learns to tell the patterns apart', () => {
    const history = json(champion.folder, 'history.json') as EpochMetrics[];
    expect(history.map(({ epoch }) => epoch)).to.deep.equal([1, 2]);
    expect(history[1]!.validationAccuracy).to.be.at.least(0.95);
    expect(history[1]!.loss).to.be.lessThan(history[0]!.loss);
    expect(accuracyOf(goldenAnswers(champion.folder), goldenLabels(BASE))).to.be.at.least(0.95);
    expect(champion.steps).to.equal(STEPS);
  });

  it('tells how far it is, rarely, and the epochs so far', () => {
    const last = progress.at(-1)!;
    expect(last).to.deep.include({
      step: STEPS,
      totalSteps: STEPS,
      epoch: 2,
      totalEpochs: 2,
      remainingSeconds: 0,
    });
    expect(last.epochs).to.have.lengthOf(2);
    expect(last.imagesPerSecond).to.be.greaterThan(0);
    expect(progress.length).to.be.at.most(2 + champion.seconds * 2);
    const steps = progress.map(({ step }) => step);
    expect(steps).to.deep.equal([...steps].sort((a, b) => a - b));
  });

  it('writes an ONNX file that answers like the trained network', async () => {
    const model = await loadOnnxModel(readFileSync(join(champion.folder, 'model.onnx')), { threads: 1 });
    const answers = await model.predict(goldenPixels(base, BASE), 32);
    const trained = goldenAnswers(champion.folder);
    trained.forEach((value, index) => {
      expect(answers[index]).to.be.closeTo(value, 1e-5);
    });
  });

  it('stores four examples of each class with its own answers', () => {
    const examples = json(champion.folder, 'golden-examples.json') as GoldenExamples;
    expect(examples.labels).to.deep.equal(PATTERN_LABELS);
    expect(examples.examples).to.have.lengthOf(16);
    const first = Buffer.from(examples.examples[0]!.pixels, 'base64');
    expect(
      first.equals(
        pixelsOf(
          base,
          BASE.findIndex(({ split }) => split === 'validation'),
        ),
      ),
    ).to.equal(true);
    for (const { probabilities } of examples.examples) {
      expect(probabilities.reduce((sum, value) => sum + value, 0)).to.be.closeTo(1, 1e-5);
    }
  });

  it('gives the same weights bit for bit when it is done again, stopped and resumed on the way', async () => {
    let step = 0;
    const work = await folder();
    const stopped = await train(jobFor(base, work), { stopRequested: () => step++ === 130 });
    expect(stopped).to.deep.equal({ type: 'stopped', folder: join(work, 'checkpoint-130'), step: 130 });

    const again = await folder();
    const resumed = doneOf(await train(jobFor(base, again, { resumeFrom: join(work, 'checkpoint-130') })));
    expect(resumed.steps).to.equal(STEPS);
    expect(sameFile(champion, resumed, 'tfjs/weights.bin')).to.equal(true);
    expect(sameFile(champion, resumed, 'trained-golden.npy')).to.equal(true);
    const timeless = (result: TrainerResult): unknown[] =>
      (json(result.folder, 'history.json') as EpochMetrics[]).map((epoch) => ({ ...epoch, seconds: 0 }));
    expect(timeless(resumed)).to.deep.equal(timeless(champion));
  });

  it('resumes exactly from checkpoints made on the way, within an epoch and between two', async () => {
    const checkpoints: string[] = [];
    const settings = { mode: 'warm', seed: 7, epochs: 2, batchSize: 512, learningRate: 1e-3 } as const;
    const changes = { settings, warmFrom: champion.folder, checkpointEveryMs: 0 };
    const job = jobFor(base, await folder(), changes);
    const checkpoint = (path: string): void => void checkpoints.push(path);
    const undisturbed = doneOf(await train(job, { checkpoint }));
    expect(checkpoints).to.deep.equal(
      [1, 2, 3, 4, 5, 6, 7].map((step) => join(job.workFolder, `checkpoint-${step}`)),
    );
    for (const from of [checkpoints[1]!, checkpoints[3]!]) {
      const resumed = doneOf(await train({ ...job, workFolder: await folder(), resumeFrom: from }));
      expect(sameFile(undisturbed, resumed, 'tfjs/weights.bin'), from).to.equal(true);
    }
  });

  it('stopped during the validation of its last epoch has only that left to do', async () => {
    const work = await folder();
    let told = 0;
    // Asked before each of the steps, once after the validation of the first epoch, and then in the second.
    const stopped = await train(jobFor(base, work), { stopRequested: () => told++ === STEPS + 1 });
    expect(stopped).to.deep.include({ type: 'stopped', step: STEPS });
    const job = jobFor(base, await folder(), { resumeFrom: join(work, `checkpoint-${STEPS}`) });
    const resumed = doneOf(await train(job));
    expect(sameFile(champion, resumed, 'tfjs/weights.bin')).to.equal(true);
    expect(json(resumed.folder, 'history.json')).to.have.lengthOf(2);
  });

  it('warm, learns corrected images of another scanner and loses nothing of the golden set', async () => {
    const corrected = rowsOf(6, { split: 'train', origin: 'correction', fresh: true, inverted: true });
    const data = writePatterns(join(root, 'week'), [BASE, corrected]);
    const settings = { mode: 'warm', seed: 1, epochs: 4, batchSize: 64, learningRate: 1e-3 } as const;
    const job = jobFor(data, await folder(), { settings, warmFrom: champion.folder });
    const challenger = doneOf(await train(job));
    const unseen = rowsOf(10, { split: 'golden' }).map(({ label }) => label);
    const random = new Random(99);
    const pictures = Buffer.concat(unseen.map((label) => drawPattern(label, random, true)));
    const accuracy = async (result: TrainerResult): Promise<number> => {
      const bytes = readFileSync(join(result.folder, 'model.onnx'));
      const model = await loadOnnxModel(bytes, { threads: 1 });
      return accuracyOf(await model.predict(pictures, unseen.length), unseen);
    };
    const learned = await accuracy(challenger);
    expect(learned).to.be.at.least(0.9);
    expect(learned - (await accuracy(champion))).to.be.at.least(0.1);
    const golden = goldenLabels(BASE);
    expect(accuracyOf(goldenAnswers(challenger.folder), golden)).to.be.at.least(
      accuracyOf(goldenAnswers(champion.folder), golden),
    );
  });

  it('warm, goes only as far from the champion as validation allows', async () => {
    const layout = layoutFor(PATTERN_LABELS.length);
    const state = fromNetwork(layout, await readTrainedNetwork(champion.folder));
    const data = await TrainingData.open(base);
    const kernels = new Kernels(binding);
    const common = { kernels, passes: new Passes(kernels, layout), data };
    const mixed = (parameters: Float32Array): Promise<Float32Array> =>
      mixWithChampion(state, { ...common, state: { ...state, parameters } });
    const nearby = state.parameters.map((value) => value * 1.001);
    expect(await mixed(nearby)).to.deep.equal(nearby);
    const biased = state.parameters.slice();
    const bias = layout.dense.bias.start;
    biased[bias]! += 8;
    const share = ((await mixed(biased))[bias]! - state.parameters[bias]!) / 8;
    expect(share).to.be.within(WARM_MIXES.at(-1)! - 0.01, WARM_MIXES[1] + 0.01);
    data.close();
  });

  it('never looks at golden or exam images, whatever they say', async () => {
    const rows = [...BASE, ...rowsOf(4, { split: 'exam', origin: 'correction', fresh: true })];
    const lied = rows.map((row) =>
      row.split === 'golden' || row.split === 'exam' ? { ...row, label: 3 - row.label } : row,
    );
    const settings = { mode: 'warm', seed: 1, epochs: 1, batchSize: 128, learningRate: 1e-3 } as const;
    const trained = async (name: string, of: PatternRow[]): Promise<TrainerResult> => {
      const files = { ...writePatterns(join(root, name), [of]), digest: 'same' };
      return doneOf(await train(jobFor(files, await folder(), { settings, warmFrom: champion.folder })));
    };
    const honest = await trained('honest', rows);
    expect(sameFile(honest, await trained('lied', lied), 'tfjs/weights.bin')).to.equal(true);
  });

  it('stores examples that serving accepts', async () => {
    const bytes = readFileSync(join(champion.folder, 'model.onnx'));
    const model = await loadOnnxModel(bytes, { threads: 1 });
    const examples = json(champion.folder, 'golden-examples.json') as GoldenExamples;
    await checkGoldenExamples(model, examples);
  });

  describe('is refused', () => {
    it('warm from a model with other labels', async () => {
      const labels = ['ring', 'disc', 'rows', 'columns'];
      const job = warmJob({ dataset: { ...base, labels } });
      expect(await codeOf(train(await job))).to.equal('MODEL_LABELS_DIFFER');
    });

    it('warm from nothing', async () => {
      expect(await codeOf(train(await warmJob({ warmFrom: null })))).to.equal('MODEL_UNREADABLE');
      expect(await codeOf(train(await warmJob({ warmFrom: root })))).to.equal('MODEL_UNREADABLE');
    });

    it('from the checkpoint of another run', async () => {
      const work = await folder();
      const stopped = await train(jobFor(base, work), { stopRequested: () => true });
      expect(stopped.type).to.equal('stopped');
      const job = await warmJob({ resumeFrom: join(work, 'checkpoint-0') });
      expect(await codeOf(train(job))).to.equal('CHECKPOINT_INVALID');
    });

    it('when its loss is no number any more', async () => {
      const settings = { mode: 'full', seed: 1, epochs: 1, batchSize: 8, learningRate: 1e30 } as const;
      expect(await codeOf(train(jobFor(base, await folder(), { settings })))).to.equal('TRAINING_DIVERGED');
    });

    async function warmJob(changes: Partial<TrainerJob>): Promise<TrainerJob> {
      const settings = { mode: 'warm', seed: 1, epochs: 1, batchSize: 128, learningRate: 1e-3 } as const;
      return jobFor(base, await folder(), { settings, warmFrom: champion.folder, ...changes });
    }
  });

  async function train(job: TrainerJob, observer: Partial<TrainingObserver> = {}): Promise<TrainingOutcome> {
    return runTraining(job, binding, {
      progress: () => undefined,
      checkpoint: () => undefined,
      stopRequested: () => false,
      ...observer,
    });
  }

  async function folder(): Promise<string> {
    return temporaryFolder(root);
  }
});
