/** The API process itself on real S3, MLflow and Temporal: starts, swaps, imports, outages, stops. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { ZipFile } from 'yazl';
import type {
  CorrectionReceipt,
  DataView,
  ImportLine,
  Prediction,
  Predictions,
  Readiness,
} from '../../../api/schema.js';
import { inheritedEnvironment } from '../../../config/env.js';
import { createModelRegistry } from '../../../storage/registry/registry.js';
import type { ModelRegistry, ModelVersion, SnapshotId } from '../../../storage/types.js';
import {
  freePort,
  startMlflow,
  startS3,
  startTemporal,
  type TestMlflow,
  type TestS3,
  type TestTemporal,
} from '../../support/parts.js';
import { form, LABELS, picture, writeModel } from './support.js';

const MAIN = new URL('../../../api/main.js', import.meta.url);

interface Api {
  readonly child: ChildProcess;
  readonly url: string;
  readonly errors: () => string;
  /** Exit code, and how long the process took to end. */
  ended(): Promise<{ code: number | null; ms: number }>;
}

describe('the API process', function () {
  this.timeout(240_000);
  let s3: TestS3;
  let mlflow: TestMlflow;
  let temporal: TestTemporal;
  let registry: ModelRegistry;
  let folder: string;
  let home: string;
  const running = new Set<ChildProcess>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-api-process-'));
    home = join(folder, 'home');
    [s3, mlflow, temporal] = await Promise.all([startS3(), startMlflow(), startTemporal()]);
    registry = createModelRegistry({ url: mlflow.url, model: 'medical-mnist' });
    await register(1);
    await registry.promote('1' as ModelVersion, null, 'test', 'first');
  });
  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await Promise.all([s3.stop(), mlflow.stop(), temporal.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function register(seed: number): Promise<void> {
    const modelFolder = join(folder, `model-${seed}`);
    await writeModel(modelFolder, seed);
    await registry.register({
      ...{ workflowRunId: `run-${seed}`, runName: `retrain ${seed}`, startedAtMs: Date.now(), modelFolder },
      ...{ artifacts: {}, parameters: {}, metrics: { 'golden.accuracy': 0.9 }, epochs: [], tags: {} },
      dataset: { name: 'medical-mnist', digest: 'a'.repeat(64), rows: 1, uri: 's3://medloop/snapshots/1' },
      ...{ labels: LABELS, snapshot: '00000001' as SnapshotId, snapshotDigest: 'a'.repeat(64) },
      ...{ synthetic: true, verdict: 'promote', mode: 'full', description: 'For a test.' },
    });
  }

  async function start(change: NodeJS.ProcessEnv = {}, ready = true): Promise<Api> {
    const port = await freePort();
    let stderr = '';
    const child = fork(MAIN, [], {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...inheritedEnvironment(),
        MEDLOOP_HOME: home,
        MEDLOOP_PORT: String(port),
        MEDLOOP_HOST: '127.0.0.1',
        MEDLOOP_S3_FSYNC_ROOT: s3.fsyncRoot,
        AWS_ENDPOINT_URL_S3: s3.url,
        AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        MLFLOW_TRACKING_URI: mlflow.url,
        TEMPORAL_ADDRESS: temporal.address,
        ...change,
      },
    });
    running.add(child);
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const exit = once(child, 'exit').then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    if (ready)
      await Promise.race([once(child, 'message'), exit.then(() => Promise.reject(new Error(stderr)))]);
    const startedAt = performance.now();
    let told = startedAt;
    return {
      child,
      url: `http://127.0.0.1:${port}`,
      errors: () => stderr,
      ended: async () => {
        told = performance.now();
        const code = await exit;
        return { code, ms: performance.now() - told };
      },
    };
  }

  async function stop(api: Api): Promise<void> {
    api.child.kill('SIGTERM');
    const { code, ms } = await api.ended();
    expect(code).to.equal(0);
    expect(ms).to.be.below(10_000);
  }

  async function until<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
    for (;;) {
      const value = await look();
      if (good(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The public layout: a folder for each class. */
  async function archive(): Promise<Uint8Array<ArrayBuffer>> {
    const zip = new ZipFile();
    for (const [index, label] of LABELS.entries()) {
      for (let image = 0; image < 10; image += 1) {
        zip.addBuffer(await picture(1000 + index * 10 + image), `${label}/${image}.jpeg`);
      }
    }
    zip.end();
    return new Uint8Array(await buffer(zip.outputStream));
  }

  const json = async <T>(url: string, init?: RequestInit): Promise<T> =>
    (await (await fetch(url, init)).json()) as T;
  const predict = async (api: Api): Promise<Prediction> => {
    const body = form([{ name: 'a.jpg', bytes: await picture(1) }]);
    const answer = await json<Predictions>(`${api.url}/api/v1/predictions`, { method: 'POST', body });
    return answer.predictions[0] as Prediction;
  };
  const correct = async (api: Api, seed: number): Promise<Response> => {
    const body = form([{ name: 'a.jpg', bytes: await picture(seed) }], { label: 'Hand', author: 'Ada' });
    return fetch(`${api.url}/api/v1/corrections`, { method: 'POST', body });
  };
  const ready = (api: Api): Promise<Readiness> => json<Readiness>(`${api.url}/readyz`);
  const servedBy = (api: Api, version: string) =>
    until(
      () => ready(api),
      (state) => state.serving?.version === version,
    );

  it('refuses to listen where other machines could reach it, naming the variable', async () => {
    const api = await start({ MEDLOOP_HOST: '0.0.0.0' }, false);
    expect((await api.ended()).code).to.equal(1);
    expect(api.errors()).to.include('MEDLOOP_HOST').and.include('accounts');
  });

  it('names the variable of a port that is in use', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const api = await start({ MEDLOOP_PORT: String((blocker.address() as AddressInfo).port) }, false);
    expect((await api.ended()).code).to.equal(1);
    expect(api.errors()).to.include('MEDLOOP_PORT').and.include('in use');
    blocker.close();
  });

  it('goes from the alias to answers, imports beside serving, stores corrections, and follows a promotion', async () => {
    const api = await start();
    await servedBy(api, '1');
    expect((await predict(api)).model.version).to.equal('1');
    const { parts } = await ready(api);
    expect([parts.s3.ok, parts.mlflow.ok, parts.temporal.ok]).to.deep.equal([true, true, true]);

    const importing = fetch(`${api.url}/api/v1/imports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"demo":true}',
    }).then((response) => response.text());
    expect((await predict(api)).model.version).to.equal('1');
    const lines = (await importing)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ImportLine);
    const last = lines.at(-1);
    expect(last).to.have.property('report');
    expect(
      (last as { report: { synthetic: boolean; images: number; labels: string[] } }).report,
    ).to.deep.include({
      synthetic: true,
      images: 1200,
      labels: [...LABELS],
    });
    const data = await json<DataView>(`${api.url}/api/v1/data`);
    expect(data.snapshots.map((one) => [one.id, one.source])).to.deep.equal([['00000001', 'demo phantoms']]);

    const zipped = await fetch(`${api.url}/api/v1/imports?name=real.zip`, {
      method: 'POST',
      headers: { 'content-type': 'application/zip' },
      body: await archive(),
    });
    const real = JSON.parse((await zipped.text()).trimEnd().split('\n').at(-1) ?? '') as ImportLine;
    expect((real as { report: unknown }).report).to.deep.include({
      synthetic: false,
      images: 60,
      changed: true,
    });
    expect((await json<DataView>(`${api.url}/api/v1/data`)).snapshots[0]?.source).to.equal('real.zip');

    const broken = await fetch(`${api.url}/api/v1/imports`, {
      method: 'POST',
      headers: { 'content-type': 'application/zip' },
      body: 'this is no zip',
    });
    expect(JSON.parse((await broken.text()).trim())).to.have.nested.property(
      'problem.code',
      'IMPORT_UNREADABLE',
    );

    const sent = await correct(api, 77);
    expect(sent.status).to.equal(201);
    const { id } = (await sent.json()) as CorrectionReceipt;
    expect((await correct(api, 77)).status).to.equal(200);
    const shown = await json<unknown>(`${api.url}/api/v1/corrections/${id}`);
    expect(shown).to.have.nested.property('fate.answersNow.version', '1');
    expect(shown).to.have.nested.property('fate.unknown').that.is.an('array').with.length(0);

    await register(2);
    await registry.promote('2' as ModelVersion, '1' as ModelVersion, 'test', 'better');
    await servedBy(api, '2');
    expect((await predict(api)).model.version).to.equal('2');
    await stop(api);
  });

  it('predicts from disk with every part down, refuses corrections, hangs nowhere, and recovers', async () => {
    await Promise.all([s3.kill9(), mlflow.kill9(), temporal.kill9()]);
    const api = await start();
    expect((await predict(api)).model.version).to.equal('2');
    expect((await ready(api)).parts.s3.ok).to.equal(false);
    const started = performance.now();
    const answers = await Promise.all([
      correct(api, 78),
      fetch(`${api.url}/api/v1/runs`, { method: 'POST' }),
      fetch(`${api.url}/api/v1/models`),
      fetch(`${api.url}/api/v1/schedule`),
      fetch(`${api.url}/api/v1/data`),
    ]);
    expect(performance.now() - started).to.be.below(15_000);
    const codes = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { code: string }).code),
    );
    expect(answers.map((answer) => answer.status)).to.deep.equal([503, 503, 503, 503, 503]);
    expect(codes[1]).to.equal('TEMPORAL_UNREACHABLE');
    expect(codes[2]).to.equal('MLFLOW_UNREACHABLE');
    await Promise.all([s3.restart(), mlflow.restart(), temporal.restart()]);
    await until(
      () => correct(api, 78),
      (answer) => answer.status === 201,
    );
    await stop(api);
  });

  it('ends when its supervisor is gone', async () => {
    const api = await start();
    api.child.disconnect();
    expect((await api.ended()).code).to.equal(0);
  });
});
