/** One trainer process: how each way of ending is told, and that the process is gone when it is. */
import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTrainer, type SessionEnd, type SessionOptions } from '../../../activities/training/session.js';
import { createTrainerSpawner } from '../../../activities/training/spawn.js';
import { inheritedEnvironment } from '../../../config/env.js';
import type { TrainerJob } from '../../../model/types.js';

const script = new URL('./fake-trainer.js', import.meta.url);

describe('a trainer process', () => {
  let work: string;
  let child: ChildProcess;
  let steps: number[];
  let checkpoints: number[];
  const controller = (): AbortController => new AbortController();

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'medloop-session-'));
    steps = [];
    checkpoints = [];
  });
  afterEach(() => rm(work, { recursive: true, force: true }));

  const job = (change: Partial<TrainerJob> = {}): TrainerJob => ({
    dataset: { labels: ['a', 'b'], digest: 'd', parts: [], examplesPath: '', synthetic: true },
    settings: { mode: 'full', seed: 1, epochs: 20, batchSize: 1, learningRate: 1 },
    ...{ warmFrom: null, resumeFrom: null, workFolder: work, checkpointEveryMs: 20, threads: 1 },
    ...change,
  });
  const run = (mode: string[], options: Partial<SessionOptions> = {}): Promise<SessionEnd> => {
    child = fork(fileURLToPath(script), mode, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    return runTrainer({
      child,
      job: job(),
      signal: controller().signal,
      stopMs: () => 5000,
      silenceMs: 20_000,
      onProgress: (progress) => steps.push(progress.step),
      onCheckpoint: (_, step) => checkpoints.push(step),
      onLine: () => undefined,
      ...options,
    });
  };
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;

  it('gives its result after progress and checkpoints', async () => {
    const end = await run(['good']);
    expect(end).to.deep.equal({
      kind: 'done',
      result: { folder: work, steps: 20, seconds: 1, parameters: 2 },
    });
    expect(steps).to.deep.equal(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(checkpoints).to.include(20);
    expect(isGone()).to.equal(true);
  });

  it('tells its exit code and its last words when it crashes', async () => {
    const end = await run(['crash', '5']);
    expect(end.kind).to.equal('gone');
    expect(end.kind === 'gone' && end.reason).to.match(/exit code 3[^]*TypeError: cannot read weights/);
    expect(isGone()).to.equal(true);
  });

  it('tells the code with which it gave up', async () => {
    expect(await run(['fail', 'TRAINING_DIVERGED'])).to.deep.equal({
      ...{ kind: 'failed', code: 'TRAINING_DIVERGED', message: 'the reason' },
    });
  });

  it('stops with a last checkpoint when it is told to', async () => {
    const stop = controller();
    const end = await run(['slow'], {
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.step === 5) stop.abort();
      },
    });
    expect(end.kind).to.equal('stopped');
    expect(end.kind === 'stopped' && end.step).to.be.within(5, 19);
    expect(isGone()).to.equal(true);
  });

  for (const [name, mode] of [
    ['does not obey', ['deaf']],
    ['hangs in a computation', ['hang', '5']],
  ] as const) {
    it(`is killed when it ${name}`, async () => {
      const stop = controller();
      const end = await run([...mode], {
        signal: stop.signal,
        stopMs: () => 200,
        job: job({ settings: { ...job().settings, epochs: 100_000 } }),
        onProgress: (progress) => {
          if (progress.step === 5) stop.abort();
        },
      });
      expect(end.kind).to.equal('gone');
      expect(child.signalCode).to.equal('SIGKILL');
    });
  }

  it('is killed when it says nothing for too long', async () => {
    const end = await run(['silent'], { silenceMs: 1000 });
    expect(end.kind === 'gone' && end.reason).to.include('said nothing for 1 s');
    expect(child.signalCode).to.equal('SIGKILL');
  });

  it('does not start at all when the stop came before it', async () => {
    const stop = controller();
    stop.abort();
    const end = await run(['deaf'], { signal: stop.signal, stopMs: () => 0 });
    expect(end.kind).to.equal('gone');
    expect(steps).to.deep.equal([]);
  });

  it('runs with low priority and without the keys of its worker', async () => {
    const spawn = createTrainerSpawner({
      script: new URL('./fake-mirror.js', import.meta.url),
      environment: {
        ...inheritedEnvironment(),
        ...{ AWS_SECRET_ACCESS_KEY: 's', MLFLOW_TRACKING_TOKEN: 't', TEMPORAL_API_KEY: 'u' },
        OMP_NUM_THREADS: '1',
      },
      niceness: 15,
    });
    child = spawn();
    const end = await runTrainer({
      ...{ child, job: job(), signal: controller().signal, stopMs: () => 0, silenceMs: 20_000 },
      ...{ onProgress: () => undefined, onCheckpoint: () => undefined, onLine: () => undefined },
    });
    expect(end.kind).to.equal('failed');
    const seen = JSON.parse(end.kind === 'failed' ? end.message : '') as {
      niceness: number;
      names: string[];
    };
    expect(seen.niceness).to.equal(15);
    expect(seen.names).to.include.members(['PATH', 'OMP_NUM_THREADS']);
    expect(seen.names.filter((name) => /^(AWS|MLFLOW|TEMPORAL)_/.test(name))).to.deep.equal([]);
  });

  it('says that it could not be started', async () => {
    const lost = fork(fileURLToPath(script), [], {
      ...{ execPath: '/nonexistent/node', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    });
    const end = await runTrainer({
      ...{ child: lost, job: job(), signal: controller().signal, stopMs: () => 0, silenceMs: 20_000 },
      ...{ onProgress: () => undefined, onCheckpoint: () => undefined, onLine: () => undefined },
    });
    expect(end.kind === 'gone' && end.reason).to.include('could not be started');
  });
});
