/** The steps of a run one after the other, with the real trainer, S3, MLflow and Python. */
/* eslint-disable @typescript-eslint/unbound-method -- activities are functions that use no `this` */
import type { ApplicationFailure } from '@temporalio/common';
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { activitiesOn, composeActivities } from '../../../activities/compose.js';
import type {
  EvaluateResult,
  RegisterInput,
  SnapshotResult,
  TrainResult,
} from '../../../activities/types.js';
import { inheritedEnvironment } from '../../../config/env.js';
import { loadOnnxModel } from '../../../model/inference.js';
import { drawPhantom, PHANTOM_LABELS, phantomSet } from '../../../model/phantoms.js';
import { IMAGE_PIXELS, type GatePolicy } from '../../../model/types.js';
import type { ModelVersion, SnapshotId } from '../../../storage/types.js';
import { startMlflow, toolPaths, type TestMlflow } from '../../support/parts.js';
import { activityEnvironment } from './environment.js';
import { openRig, type Rig } from './rig.js';

const MODEL = 'medical-mnist';
const POLICY: GatePolicy = {
  ...{ firstVersionFloor: 0.5, goldenTolerance: 0, classRecallTolerance: 0.01, onnxTolerance: 1e-3 },
};
const SETTINGS = { mode: 'full', seed: 1, epochs: 1, batchSize: 32, learningRate: 8e-3 } as const;

const PYTHON = `
import json, sys
import numpy as np
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/medical-mnist@prod")
pixels = np.fromfile(sys.argv[2], dtype=np.uint8).astype(np.float32).reshape(-1, 64, 64, 1)
answers = model.predict({"image": pixels})["probabilities"]
print(json.dumps({"answers": answers.tolist(), "labels": json.loads(model.metadata.metadata["labels"])}))
`;

describe('the steps of a run', function () {
  this.timeout(300_000);
  let mlflow: TestMlflow;
  let rig: Rig;
  let steps: ReturnType<typeof activitiesOn>;
  let taken: SnapshotResult;
  let training: TrainResult;
  let evaluation: EvaluateResult;
  const startedAtMs = Date.parse('2026-01-05T03:00:00Z');

  const inRun = <I, O>(runId: string, step: (input: I) => Promise<O>, input: I): Promise<O> =>
    activityEnvironment({ workflowExecution: { workflowId: `retrain/${MODEL}`, runId } }).run<
      [I],
      O,
      typeof step
    >(step, input);
  const failure = async (promise: Promise<unknown>): Promise<ApplicationFailure> => {
    try {
      await promise;
    } catch (error) {
      return error as ApplicationFailure;
    }
    throw new Error('it did not fail');
  };
  const registration = (change: Partial<RegisterInput> = {}): RegisterInput => ({
    ...{ model: MODEL, snapshot: taken.snapshot, challenger: training.model, training, evaluation },
    ...{ championVersion: null, startedAtMs, requestedBy: 'ann' },
    ...change,
  });

  before(async () => {
    mlflow = await startMlflow();
    rig = await openRig({ mlflow: { url: mlflow.url } });
    steps = activitiesOn(rig.ports);
  });
  after(async () => {
    await rig.close();
    await mlflow.stop();
  });
  afterEach(async () => {
    expect(await rig.leftovers(), 'work folders').to.deep.equal([]);
  });

  it('say that there are no data before anything was imported', async () => {
    const error = await failure(
      inRun('run-0', steps.control.snapshotCorrections, { model: MODEL, mode: 'warm' }),
    );
    expect(error).to.include({ type: 'DATA_MISSING', nonRetryable: true });
    expect(error.details).to.deep.equal([{ code: 'NO_BASE_DATA' }]);
  });

  it('take the first snapshot, which is something new although there is no correction', async () => {
    await rig.importPhantoms(40);
    taken = await inRun('run-1', steps.control.snapshotCorrections, { model: MODEL, mode: 'warm' });
    expect(taken).to.deep.include({ taken: 0, championVersion: null, nothingNew: false });
    expect(taken.digest).to.match(/^[0-9a-f]{64}$/);
  });

  it('train with TensorFlow in a process of its own', async () => {
    training = await inRun('run-1', steps.training.trainModel, {
      ...{ model: MODEL, snapshot: taken.snapshot, championVersion: null },
      ...{ settings: SETTINGS, checkpointEveryMs: 30_000 },
    });
    expect(training.steps).to.be.greaterThan(0);
    expect(training.parameters).to.be.greaterThan(1000);
  });

  it('evaluate the first version against the floor, and find ONNX and network equal', async () => {
    const input = {
      ...{ model: MODEL, snapshot: taken.snapshot, challenger: training.model, championVersion: null },
    };
    evaluation = await inRun('run-1', steps.training.evaluateModel, { ...input, policy: POLICY });
    expect(evaluation.promote, JSON.stringify(evaluation.reasons)).to.equal(true);
    expect(evaluation.metrics['golden.accuracy']).to.be.within(0.5, 1);
    expect(evaluation.metrics['onnx.difference']).to.be.within(0, 1e-3);
    expect(evaluation.metrics).to.not.have.property('champion.golden.accuracy');
    const strict = await inRun('run-strict', steps.training.evaluateModel, {
      ...input,
      policy: { ...POLICY, firstVersionFloor: 1.01 },
    });
    expect(strict.promote).to.equal(false);
    expect(strict.reasons.find((reason) => !reason.passed)?.code).to.equal('FIRST_VERSION_FLOOR');
  });

  it('register one version with everything that belongs to it, however often they are called', async () => {
    const first = await inRun('run-1', steps.control.registerModel, registration());
    expect(await inRun('run-1', steps.control.registerModel, registration())).to.deep.equal(first);
    expect(first.version).to.equal('1');
    const version = await rig.ports.registry.get('1' as ModelVersion);
    expect(version).to.deep.include({
      ...{ labels: PHANTOM_LABELS, snapshotDigest: taken.digest, synthetic: true, mode: 'full' },
      ...{ verdict: 'promote', workflowRunId: 'run-1' },
    });
    expect(version?.description).to.match(/synthetic.*Trained from scratch on snapshot 00000001/);
    expect(version?.metrics).to.include(evaluation.metrics);
    const folder = await mkdtemp(join(tmpdir(), 'medloop-version-'));
    await rig.ports.registry.download('1' as ModelVersion, folder);
    expect(await readFile(join(folder, 'MLmodel'), 'utf8')).to.include(version?.runId);
    await readFile(join(folder, 'golden-examples.json'));
    await readFile(join(folder, 'tfjs', 'model.json'));
    expect(await failure(readFile(join(folder, 'trained-golden.npy')))).to.include({
      code: 'ENOENT',
    });
    await rm(folder, { recursive: true });
  });

  it('promote it, and refuse to when prod is not where the run believes', async () => {
    const promotion = { model: MODEL, version: '1' as ModelVersion, by: 'ann', why: 'the first' };
    const promoted = await inRun('run-1', steps.control.promoteModel, { ...promotion, expected: null });
    expect(promoted).to.deep.equal({ version: '1', previous: null });
    const moved = await failure(
      inRun('run-2', steps.control.promoteModel, {
        ...promotion,
        ...{ version: '9' as ModelVersion, expected: null },
      }),
    );
    expect(moved.type).to.equal('STORAGE_REJECTED');
  });

  it('give Python a model that answers as ours does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'medloop-python-'));
    try {
      const pixels = Buffer.concat(PHANTOM_LABELS.map((label) => drawPhantom(label, 99)));
      expect(pixels.length).to.equal(PHANTOM_LABELS.length * IMAGE_PIXELS);
      await writeFile(join(folder, 'pixels'), pixels);
      await writeFile(join(folder, 'ask.py'), PYTHON);
      const { stdout } = await promisify(execFile)(
        toolPaths().python,
        [join(folder, 'ask.py'), mlflow.url, join(folder, 'pixels')],
        { env: { ...inheritedEnvironment(), CUDA_VISIBLE_DEVICES: '' } },
      );
      const said = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
        answers: number[][];
        labels: string[];
      };
      expect(said.labels).to.deep.equal(PHANTOM_LABELS);
      await rig.ports.registry.download('1' as ModelVersion, join(folder, 'model'));
      const model = await loadOnnxModel(await readFile(join(folder, 'model', 'model.onnx')), { threads: 1 });
      const ours = await model.predict(pixels, PHANTOM_LABELS.length);
      await model.close();
      for (const [index, value] of said.answers.flat().entries()) {
        expect(Math.abs(value - (ours[index] ?? Number.NaN))).to.be.lessThan(1e-4);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('say that there is nothing new until a correction comes, unless everything shall be trained anew', async () => {
    const ask = (runId: string, mode: 'warm' | 'full'): Promise<SnapshotResult> =>
      inRun(runId, steps.control.snapshotCorrections, { model: MODEL, mode });
    expect(await ask('run-3', 'warm')).to.deep.include({ taken: 0, nothingNew: true, championVersion: '1' });
    expect((await ask('run-4', 'full')).nothingNew).to.equal(false);
    for await (const { png } of phantomSet(1, 77)) {
      await rig.storage.corrections.submit({
        ...{ bytes: png, contentType: 'image/png', label: 'Hand', author: 'ann' },
        ...{ predicted: null, comment: null },
      });
    }
    const first = await ask('run-5', 'warm');
    expect(first).to.deep.include({ taken: 6, nothingNew: false, championVersion: '1' });
    // An answer that was lost on its way: the same call again is the same snapshot.
    expect(await ask('run-5', 'warm')).to.deep.equal(first);
    taken = first;
  });

  it('start warm from the champion, and compare both on the golden set and on the corrections', async () => {
    training = await inRun('run-5', steps.training.trainModel, {
      ...{ model: MODEL, snapshot: taken.snapshot, championVersion: '1' as ModelVersion },
      ...{ settings: { ...SETTINGS, mode: 'warm', learningRate: 1e-4 }, checkpointEveryMs: 30_000 },
    });
    expect(training.settings.mode).to.equal('warm');
    evaluation = await inRun('run-5', steps.training.evaluateModel, {
      ...{ model: MODEL, snapshot: taken.snapshot, challenger: training.model },
      ...{ championVersion: '1' as ModelVersion, policy: POLICY },
    });
    expect(evaluation.metrics).to.include.keys(
      'golden.accuracy',
      'champion.golden.accuracy',
      'corrections.accuracy',
      'champion.corrections.accuracy',
    );
    expect(evaluation.metrics['corrections.count']).to.equal(6);
    const { version } = await inRun(
      'run-5',
      steps.control.registerModel,
      registration({ championVersion: '1' as ModelVersion }),
    );
    expect((await rig.ports.registry.get(version))?.description).to.include('Trained on from version 1');
  });

  it('wait for MLflow and fail with something to be tried again while it is down', async () => {
    const impatient = composeActivities({
      ...{ model: MODEL, mlflow: { url: 'http://127.0.0.1:9' }, cacheFolder: rig.ports.workFolder },
      s3: {
        ...{ endpoint: rig.s3.url, region: rig.s3.region, bucket: rig.s3.bucket, fsyncRoot: null },
        ...rig.s3.credentials,
      },
      ...{ threads: 1, niceness: 0, servingUrls: [], environment: {} },
      imageLimits: { maxBytes: 1e6, maxPixels: 1e6 },
    });
    try {
      const error = await failure(
        inRun('run-6', impatient.control.promoteModel, {
          ...{ model: MODEL, version: '1' as ModelVersion, expected: null, by: 'ann', why: 'x' },
        }),
      );
      expect(error).to.include({ type: 'STORAGE_UNAVAILABLE', nonRetryable: false });
    } finally {
      impatient.close();
    }
  });

  it('refuse to register without an evaluation, or for a snapshot that is not there', async () => {
    expect((await failure(inRun('run-7', steps.control.registerModel, registration()))).type).to.equal(
      'DATA_MISSING',
    );
    const unknown = registration({ snapshot: '00000099' as SnapshotId });
    expect((await failure(inRun('run-5', steps.control.registerModel, unknown))).type).to.equal(
      'DATA_MISSING',
    );
  });
});
