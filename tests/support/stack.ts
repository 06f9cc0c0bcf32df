/** The whole stack as a user starts it (`npm start`), in a home and on ports of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inheritedEnvironment } from '../../config/env.js';
import { projectRoot } from '../../config/paths.js';
import { freePort } from './parts.js';

export interface TestStack {
  readonly home: string;
  readonly url: string;
  readonly mlflowUrl: string;
  readonly temporalUiUrl: string;
  readonly s3Url: string;
  /** The environment of a user's shell that talks to this stack. */
  readonly env: NodeJS.ProcessEnv;
  /** Everything that `npm start` has printed so far. */
  output(): string;
  /** The supervisor's process id. */
  pid(): number;
  /** Starts it and waits until its addresses are printed. */
  start(args?: readonly string[]): Promise<void>;
  /** Sends a signal and waits for the end; gives the seconds that it took. */
  end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<number>;
  /** Runs `medloop` against this stack. */
  medloop(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }>;
  /** Keys of the embedded S3 server. */
  credentials(): Promise<{ accessKeyId: string; secretAccessKey: string }>;
  /** Ends what runs and removes the home. */
  remove(): Promise<void>;
}

const START_DEADLINE_MS = 15 * 60_000;

function collect(child: ChildProcess, add: (text: string) => void): void {
  child.stdout?.on('data', (chunk: Buffer) => {
    add(chunk.toString());
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    add(chunk.toString());
  });
}

/** Makes a stack that is not started yet. */
export async function createStack(): Promise<TestStack> {
  const home = await mkdtemp(join(tmpdir(), 'medloop-e2e-'));
  const port = async (): Promise<string> => String(await freePort());
  const [api, temporal, temporalUi, mlflow, s3] = [
    await port(),
    await port(),
    await port(),
    await port(),
    await port(),
  ];
  const inherited = inheritedEnvironment();
  // A developer's own stack or cluster must not leak into the test.
  for (const name of Object.keys(inherited))
    if (/^(AWS|MLFLOW|TEMPORAL)_/.test(name)) inherited[name] = undefined;
  const env: NodeJS.ProcessEnv = {
    ...inherited,
    MEDLOOP_HOME: home,
    MEDLOOP_PORT: api,
    MEDLOOP_TEMPORAL_PORT: temporal,
    MEDLOOP_TEMPORAL_UI_PORT: temporalUi,
    MEDLOOP_MLFLOW_PORT: mlflow,
    MEDLOOP_S3_PORT: s3,
  };
  const url = `http://127.0.0.1:${api}`;
  let child: ChildProcess | null = null;
  let printed = '';

  async function end(signal: NodeJS.Signals): Promise<number> {
    const running = child;
    if (!running || running.exitCode !== null || running.signalCode !== null) return 0;
    const startedAt = Date.now();
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await ended;
    child = null;
    return (Date.now() - startedAt) / 1000;
  }

  return {
    home,
    url,
    env,
    mlflowUrl: `http://127.0.0.1:${mlflow}`,
    temporalUiUrl: `http://127.0.0.1:${temporalUi}`,
    s3Url: `http://127.0.0.1:${s3}`,
    output: () => printed,
    pid: () => child?.pid ?? 0,
    async start(args = []) {
      printed = '';
      const started = spawn(process.execPath, [join(projectRoot(), 'bin', 'start.mjs'), ...args], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      collect(started, (text) => (printed += text));
      const deadline = Date.now() + START_DEADLINE_MS;
      // The addresses are the last thing that is printed, once everything serves.
      while (!(
        printed.includes(`http://127.0.0.1:${mlflow}`) &&
        printed.includes(url) &&
        printed.includes('Ctrl-C')
      )) {
        if (started.exitCode !== null)
          throw new Error(`npm start ended with ${started.exitCode}:\n${printed}`);
        if (Date.now() > deadline) throw new Error(`npm start printed no addresses:\n${printed}`);
        await sleep(200);
      }
    },
    end,
    medloop: (args) =>
      new Promise((resolve, reject) => {
        const command = spawn(process.execPath, [join(projectRoot(), 'bin', 'medloop.mjs'), ...args], {
          env,
        });
        let out = '';
        let err = '';
        command.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        command.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
        command.on('error', reject);
        command.on('close', (code) => {
          resolve({ code, out, err });
        });
      }),
    async credentials() {
      return JSON.parse(await readFile(join(home, 'credentials.json'), 'utf8')) as {
        accessKeyId: string;
        secretAccessKey: string;
      };
    },
    async remove() {
      await end('SIGTERM');
      await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
    },
  };
}
