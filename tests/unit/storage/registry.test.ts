/** The model registry against a real MLflow server, also when it is cut off between any two requests. */
import { expect } from 'chai';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createModelRegistry } from '../../../storage/registry/registry.js';
import { StorageError } from '../../../storage/errors.js';
import type { ModelRegistry, ModelVersion, RegistrationRequest, SnapshotId } from '../../../storage/types.js';
import { startMlflow, type TestMlflow } from '../../support/parts.js';

const LABELS = ['hand', 'head'];
const version = (text: string): ModelVersion => text as ModelVersion;

describe('the model registry on a real MLflow server', function () {
  this.timeout(240_000);
  let mlflow: TestMlflow;
  let folder: string;
  let registry: ModelRegistry;
  let names = 0;

  /** A registry of its own for each test, so that version numbers start at 1. */
  const freshModel = (): string => `test-${String(++names)}`;
  const open = (model: string, options: { fetch?: typeof fetch; retries?: number } = {}): ModelRegistry =>
    createModelRegistry({ url: mlflow.url, model, ...options });

  const request = (
    workflowRunId: string,
    change: Partial<RegistrationRequest> = {},
  ): RegistrationRequest => ({
    workflowRunId,
    runName: 'retrain 1',
    startedAtMs: 1_790_000_000_000,
    modelFolder: folder,
    modelFiles: ({ runId, modelId, artifactPath }) => ({
      MLmodel: `run_id: ${runId}\nmodel_id: ${modelId}\nartifact_path: ${artifactPath}\n`,
    }),
    artifacts: {
      'confusion-matrix.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'evaluation.json': '{}',
    },
    parameters: { epochs: '2', seed: '7' },
    metrics: { 'golden.accuracy': 0.75, 'golden.ece': Number.NaN },
    epochs: [1, 2].map((epoch) => ({
      epoch,
      loss: 1 / epoch,
      trainAccuracy: 0.5,
      validationAccuracy: 0.6,
      validationLoss: 0.9,
      seconds: 1.5,
    })),
    dataset: { name: 'medical-mnist', digest: 'a'.repeat(64), rows: 480, uri: 's3://bucket/snapshots/1' },
    tags: { champion: '' },
    labels: LABELS,
    snapshot: '00000001' as SnapshotId,
    snapshotDigest: 'a'.repeat(64),
    synthetic: true,
    verdict: 'promote',
    mode: 'full',
    description: 'Full training.',
    ...change,
  });

  /** What MLflow itself says, past the code under test. */
  const ask = async (path: string, body?: unknown): Promise<Record<string, never[]>> => {
    const answer = await fetch(`${mlflow.url}/api/2.0/mlflow/${path}`, {
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return (await answer.json()) as Record<string, never[]>;
  };
  const experimentId = async (model: string): Promise<string> => {
    const answer = await ask(`experiments/get-by-name?experiment_name=${model}`);
    return (answer as unknown as { experiment: { experiment_id: string } }).experiment.experiment_id;
  };
  const failure = async (promise: Promise<unknown>): Promise<StorageError> => {
    try {
      await promise;
    } catch (error) {
      expect(error).to.be.instanceOf(StorageError);
      return error as StorageError;
    }
    throw new Error('it did not fail');
  };

  before(async () => {
    mlflow = await startMlflow();
    folder = await mkdtemp(join(tmpdir(), 'medloop-registry-'));
    await mkdir(join(folder, 'tfjs'));
    await writeFile(join(folder, 'model.onnx'), Buffer.from([1, 2, 3, 4]));
    await writeFile(join(folder, 'tfjs', 'weights.bin'), Buffer.alloc(1000, 7));
    registry = open(freshModel());
  });
  after(async () => {
    await mlflow.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('has no version and no alias before the first registration', async () => {
    expect(await registry.list(10)).to.deep.equal([]);
    expect(await registry.byAlias('prod')).to.equal(null);
    expect(await registry.get(version('1'))).to.equal(null);
    await registry.ping();
    await registry.ensure();
    await registry.ensure();
    expect(await registry.list(10)).to.deep.equal([]);
    expect(await registry.byAlias('prod')).to.equal(null);
  });

  it('makes the experiment and the model once when several set it up at the same time', async () => {
    const model = freshModel();
    await Promise.all(Array.from({ length: 6 }, () => open(model).ensure()));
    expect(await open(model).byAlias('prod')).to.equal(null);
  });

  it('gives back everything that was registered', async () => {
    const model = freshModel();
    const made = await open(model).register(request('run-a'));
    expect(made.version).to.equal('1');
    const [listed] = await open(model).list(5);
    expect(listed).to.deep.equal(made);
    expect(listed).to.deep.include({
      labels: LABELS,
      snapshot: '00000001',
      snapshotDigest: 'a'.repeat(64),
      workflowRunId: 'run-a',
      verdict: 'promote',
      mode: 'full',
      synthetic: true,
      metrics: { 'golden.accuracy': 0.75 },
      aliases: [],
    });
    expect(listed?.description).to.match(/synthetic demo phantoms/);
  });

  it('gives MLflow a finished run with parameters, curves, data set, model and pictures', async () => {
    const model = freshModel();
    const { runId } = await open(model).register(request('run-b'));
    const { run } = (await ask(`runs/get?run_id=${runId}`)) as unknown as {
      run: {
        info: { status: string; artifact_uri: string };
        data: { params: unknown[]; tags: { key: string; value: string }[] };
        inputs: { dataset_inputs: { dataset: { digest: string } }[] };
        outputs: { model_outputs: { model_id: string }[] };
      };
    };
    expect(run.info.status).to.equal('FINISHED');
    expect(run.data.params).to.have.length(2);
    expect(run.data.tags).to.deep.include({ key: 'labels', value: JSON.stringify(LABELS) });
    expect(run.inputs.dataset_inputs[0]?.dataset.digest).to.equal('a'.repeat(36));
    expect(run.outputs.model_outputs).to.have.length(1);
    const history = await ask(`metrics/get-history?run_id=${runId}&metric_key=train_loss`);
    expect(history['metrics']).to.deep.equal([
      { key: 'train_loss', value: 1, timestamp: 1_790_000_001_500, step: 1 },
      { key: 'train_loss', value: 0.5, timestamp: 1_790_000_003_000, step: 2 },
    ]);
    const listed = await ask(`artifacts/list?run_id=${runId}`);
    const paths = (listed['files'] as unknown as { path: string }[]).map((file) => file.path);
    expect(paths).to.include.members(['confusion-matrix.svg', 'evaluation.json']);
  });

  it('registers one retrain once, however often and however simultaneously it is asked to', async () => {
    const model = freshModel();
    const first = await open(model).register(request('run-c'));
    const again = await open(model).register(request('run-c'));
    expect(again).to.deep.equal(first);
    await Promise.all(Array.from({ length: 4 }, () => open(model).register(request('run-d'))));
    const versions = await open(model).list(20);
    expect(versions.filter((entry) => entry.workflowRunId === 'run-d')).to.have.length(1);
    expect(versions).to.have.length(2);
  });

  it('completes a registration that was cut off after any of its requests, without a second version, run or point', async () => {
    const model = freshModel();
    await open(model).ensure();
    const experiment = await experimentId(model);
    let cut = 0;
    for (;;) {
      cut += 1;
      let sent = 0;
      // The request arrives and its answer is lost: the state that a crash right behind it leaves.
      const cutting: typeof fetch = async (...parameters) => {
        sent += 1;
        if (sent > cut) throw new TypeError('fetch failed');
        const answer = await fetch(...parameters);
        await answer.clone().arrayBuffer();
        if (sent >= cut) throw new TypeError('fetch failed');
        return answer;
      };
      const key = `cut-${String(cut)}`;
      const complete = await open(model, { fetch: cutting, retries: 0 })
        .register(request(key))
        .then(() => true)
        .catch((error: unknown) => {
          expect(error).to.be.instanceOf(StorageError);
          expect((error as StorageError).code).to.equal('MLFLOW_UNREACHABLE');
          return false;
        });
      if (complete) break;
      const made = await open(model).register(request(key));
      const where = `after request ${String(cut)}`;
      const versions = await open(model).list(1000);
      expect(
        versions.filter((entry) => entry.workflowRunId === key),
        where,
      ).to.have.length(1);
      const filter = `tags.workflow_run_id = '${key}'`;
      const runs = await ask('runs/search', { experiment_ids: [experiment], filter });
      expect(runs['runs'], where).to.have.length(1);
      const models = await ask('logged-models/search', { experiment_ids: [experiment], filter });
      expect(models['models'], where).to.have.length(1);
      const points = await ask(`metrics/get-history?run_id=${made.runId}&metric_key=train_loss`);
      expect(points['metrics'], where).to.have.length(2);
      const target = await mkdtemp(join(tmpdir(), 'medloop-registry-'));
      await open(model).download(made.version, target);
      expect(await readFile(join(target, 'MLmodel'), 'utf8'), where).to.include(made.runId);
      await rm(target, { recursive: true });
    }
    // Fewer requests than this would mean that the loop ended before the work did.
    expect(cut).to.be.greaterThan(15);
  });

  it('downloads every file and finds a changed and a lost one', async () => {
    const model = freshModel();
    const made = await open(model).register(request('run-e'));
    const target = await mkdtemp(join(tmpdir(), 'medloop-registry-'));
    try {
      await open(model).download(made.version, target);
      expect(await readFile(join(target, 'tfjs', 'weights.bin'))).to.deep.equal(Buffer.alloc(1000, 7));
      const found = await ask(`model-versions/get-download-uri?name=${model}&version=1`);
      const root = String(found['artifact_uri']).replace('mlflow-artifacts:/', '');
      const address = `${mlflow.url}/api/2.0/mlflow-artifacts/artifacts/${root}/model.onnx`;
      await fetch(address, { method: 'PUT', body: 'something else' });
      expect((await failure(open(model).download(made.version, target))).code).to.equal('OBJECT_CORRUPT');
      await fetch(address, { method: 'DELETE' });
      expect((await failure(open(model).download(made.version, target))).code).to.equal('OBJECT_MISSING');
      expect((await failure(open(model).download(version('99'), target))).code).to.equal('VERSION_NOT_FOUND');
      expect((await failure(open(model).download(version('../1'), target))).code).to.equal(
        'VERSION_NOT_FOUND',
      );
    } finally {
      await rm(target, { recursive: true });
    }
  });

  describe('moving the alias', () => {
    let model: string;
    let own: ModelRegistry;
    beforeEach(async () => {
      model = freshModel();
      own = open(model);
      for (const key of ['one', 'two', 'three']) await own.register(request(key, { epochs: [] }));
    });

    const aliases = async (): Promise<(string | null)[]> => [
      (await own.byAlias('prod'))?.version ?? null,
      (await own.byAlias('previous'))?.version ?? null,
    ];

    it('points prod to the version and previous to the one before, and records who, when, from, to and why', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      expect(await aliases()).to.deep.equal(['1', null]);
      await own.promote(version('2'), version('1'), 'ben', 'better');
      expect(await aliases()).to.deep.equal(['2', '1']);
      const listed = await own.list(10);
      expect(listed.map((entry) => entry.aliases)).to.deep.equal([[], ['prod'], ['previous']]);
      expect(listed[1]?.promotions).to.have.length(1);
      expect(listed[1]?.promotions?.[0]).to.deep.include({ by: 'ben', from: '1', to: '2', why: 'better' });
    });

    it('refuses when prod is not where the caller believes it to be', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      expect((await failure(own.promote(version('2'), null, 'ben', 'late'))).code).to.equal('ALIAS_MOVED');
      expect((await failure(own.promote(version('3'), version('2'), 'ben', 'late'))).code).to.equal(
        'ALIAS_MOVED',
      );
      expect((await failure(own.promote(version('9'), version('1'), 'ben', 'none'))).code).to.equal(
        'VERSION_NOT_FOUND',
      );
      expect(await aliases()).to.deep.equal(['1', null]);
    });

    it('gives previous back what it named before, when a promotion is taken back', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      await own.promote(version('2'), version('1'), 'ben', 'better');
      await own.promote(version('1'), version('2'), 'retrain', 'not confirmed', true);
      expect(await aliases()).to.deep.equal(['1', null]);
      await own.promote(version('2'), version('1'), 'ben', 'again');
      await own.promote(version('3'), version('2'), 'ben', 'newest');
      await own.promote(version('2'), version('3'), 'retrain', 'not confirmed', true);
      expect(await aliases()).to.deep.equal(['2', '1']);
    });

    it('changes nothing when prod is there already', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      await own.promote(version('2'), version('1'), 'ben', 'better');
      await own.promote(version('2'), version('1'), 'ben', 'better');
      await own.promote(version('2'), version('2'), 'ben', 'better');
      expect(await aliases()).to.deep.equal(['2', '1']);
      expect((await own.get(version('2')))?.promotions).to.have.length(1);
    });

    it('keeps every move when the same two versions change places again and again', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      for (const [to, from] of [
        ['2', '1'],
        ['1', '2'],
        ['2', '1'],
      ] as const) {
        await own.promote(version(to), version(from), 'ann', `to ${to}`);
      }
      expect(await aliases()).to.deep.equal(['2', '1']);
      expect((await own.get(version('2')))?.promotions).to.have.length(2);
      expect((await own.get(version('1')))?.promotions).to.have.length(2);
    });

    it('completes a move that was cut off after any of its requests, also a repeated one', async () => {
      await own.promote(version('1'), null, 'ann', 'first');
      let [to, from] = [version('2'), version('1')];
      let moves = 0;
      for (let cut = 1; cut <= 8; cut += 1) {
        let sent = 0;
        const cutting: typeof fetch = async (...parameters) => {
          sent += 1;
          const answer = await fetch(...parameters);
          await answer.clone().arrayBuffer();
          if (sent >= cut) throw new TypeError('fetch failed');
          return answer;
        };
        await open(model, { fetch: cutting, retries: 0 })
          .promote(to, from, 'ann', 'again')
          .catch((error: unknown) => {
            expect((error as StorageError).code).to.equal('MLFLOW_UNREACHABLE');
          });
        await own.promote(to, from, 'ann', 'again');
        moves += 1;
        expect(await aliases(), `after request ${String(cut)}`).to.deep.equal([to, from]);
        [to, from] = [from, to];
      }
      const all = (await own.list(10)).flatMap((entry) => entry.promotions ?? []);
      expect(all).to.have.length(moves + 1);
    });
  });

  it('shows a version that was registered by other means, without labels and as refused', async () => {
    const model = freshModel();
    await open(model).ensure();
    const { runId } = await open(model).register(request('run-f'));
    const source = `mlflow-artifacts:/${await experimentId(model)}/${runId}/artifacts`;
    await ask('model-versions/create', { name: model, source, run_id: runId });
    const [foreign] = await open(model).list(1);
    expect(foreign).to.deep.include({ version: '2', labels: [], verdict: 'refuse', workflowRunId: '' });
    const target = await mkdtemp(join(tmpdir(), 'medloop-registry-'));
    await open(model).download(version('2'), target);
    expect(await readFile(join(target, 'evaluation.json'), 'utf8')).to.equal('{}');
    await rm(target, { recursive: true });
  });

  it('restores its experiment when someone has deleted it', async () => {
    const model = freshModel();
    await open(model).ensure();
    await ask('experiments/delete', { experiment_id: await experimentId(model) });
    expect((await open(model).register(request('run-g'))).version).to.equal('1');
  });

  it("names the address of a version in MLflow's own pages", () => {
    const own = createModelRegistry({
      url: 'http://mlflow:5000',
      model: 'm',
      pageBaseUrl: 'http://127.0.0.1:5000/',
    });
    expect(own.pageUrl(version('3'))).to.equal('http://127.0.0.1:5000/#/models/m/versions/3');
  });

  it('says that MLflow is not reachable, and answers again when it is back', async () => {
    await mlflow.kill9();
    const gone = await failure(createModelRegistry({ url: mlflow.url, model: 'm', retryDelayMs: 1 }).ping());
    expect(gone.code).to.equal('MLFLOW_UNREACHABLE');
    expect(gone.retryable).to.equal(true);
    await mlflow.restart();
    await registry.ping();
  });
});
