import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inheritedEnvironment } from '../../config/env.js';
import { createTemporalClient } from '../../temporal/client.js';
import { freePort, startTemporal, type TestTemporal } from '../support/parts.js';
import { until } from './rig.js';

const ENTRIES = {
  'control-worker': new URL('../../temporal/control-worker.js', import.meta.url),
  'training-worker': new URL('../../temporal/training-worker.js', import.meta.url),
};
type Name = keyof typeof ENTRIES;
const LONGEST_STOP_MS = 10_000;

interface Started {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  log(): readonly { readonly msg: string; readonly level: string }[];
}

describe('worker processes', function () {
  this.timeout(90_000);
  let temporal: TestTemporal;
  let home: string;
  const children: ChildProcess[] = [];
  before(async () => {
    temporal = await startTemporal();
  });
  after(() => temporal.stop());
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'medloop-test-worker-'));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  function start(name: Name, address = temporal.address, more: NodeJS.ProcessEnv = {}): Started {
    const child = fork(ENTRIES[name], [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...inheritedEnvironment(),
        MEDLOOP_HOME: home,
        TEMPORAL_ADDRESS: address,
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
        AWS_ACCESS_KEY_ID: 'none',
        AWS_SECRET_ACCESS_KEY: 'none',
        MLFLOW_TRACKING_URI: 'http://127.0.0.1:9',
        ...more,
      },
    });
    children.push(child);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message) => {
        if ((message as { type?: unknown }).type === 'ready') resolve();
      });
      void exited.then(() => {
        reject(new Error(`${name} ended before it was ready:\n${output}`));
      });
    });
    // A test that does not wait for readiness must not fail by its absence.
    ready.catch(() => undefined);
    const log = () =>
      output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { msg: string; level: string });
    return { child, ready, exited, log };
  }

  for (const name of ['control-worker', 'training-worker'] as const) {
    it(`${name} says when it is ready, and stops cleanly when it is told to`, async () => {
      const worker = start(name);
      await worker.ready;
      const file = join(home, 'run', `${name}.ready`);
      expect(JSON.parse(readFileSync(file, 'utf8'))).to.include({ name, pid: worker.child.pid });
      const begun = performance.now();
      worker.child.kill('SIGTERM');
      expect(await worker.exited).to.deep.equal({ code: 0, signal: null });
      expect(performance.now() - begun).to.be.below(LONGEST_STOP_MS);
      expect(existsSync(file)).to.equal(false);
      expect(worker.log().filter((line) => line.level === 'error')).to.deep.equal([]);
    });

    it(`${name} ends by itself when its supervisor is gone`, async () => {
      const worker = start(name);
      await worker.ready;
      worker.child.disconnect();
      expect(await worker.exited).to.deep.equal({ code: 0, signal: null });
    });
  }

  it('the control worker sets up retention and schedule, and finds its bundle the second time', async () => {
    const first = start('control-worker');
    await first.ready;
    const client = createTemporalClient({
      address: temporal.address,
      namespace: temporal.namespace,
      environment: {},
      versions: { byAlias: () => Promise.resolve(null), get: () => Promise.resolve(null) },
    });
    expect(await client.schedule()).to.include({ cron: '0 3 * * 1', timezone: 'UTC', paused: false });
    await client.close();
    first.child.kill('SIGTERM');
    await first.exited;
    expect(first.log().some((line) => line.msg.includes('Workflow bundle created'))).to.equal(true);
    const second = start('control-worker');
    await second.ready;
    second.child.kill('SIGTERM');
    await second.exited;
    expect(second.log().some((line) => line.msg.includes('Workflow bundle created'))).to.equal(false);
  });

  it('works on with a schedule that is not understood, and says so in its log', async () => {
    const worker = start('control-worker', temporal.address, { MEDLOOP_SCHEDULE_CRON: 'every monday' });
    await worker.ready;
    worker.child.kill('SIGTERM');
    await worker.exited;
    expect(worker.log().some((line) => line.msg === 'schedule could not be set up')).to.equal(true);
  });

  it('waits for a server that starts after it', async () => {
    const late = await startTemporal();
    await late.kill9();
    const worker = start('training-worker', late.address);
    await until(() => (worker.log().some((line) => line.msg.includes('does not answer yet')) ? true : null));
    await late.restart();
    await worker.ready;
    worker.child.kill('SIGTERM');
    expect(await worker.exited).to.deep.equal({ code: 0, signal: null });
    await late.stop();
  });

  it('stops at once while it still waits for the server', async () => {
    const worker = start('training-worker', `127.0.0.1:${await freePort()}`);
    await until(() => (worker.log().some((line) => line.msg.includes('does not answer yet')) ? true : null));
    worker.child.kill('SIGTERM');
    expect(await worker.exited).to.deep.equal({ code: 0, signal: null });
  });
});
