/** The life of a worker process: connect with patience, run, say so, and stop within ten seconds when told. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GracefulShutdownPeriodExpiredError, type NativeConnection, type Worker } from '@temporalio/worker';
import type { Config } from '../config/env.js';
import { createLogger, type Logger } from '../config/log.js';
import { onStop } from '../config/stop.js';
import { connectWorker } from './connection.js';
import { installRuntime } from './runtime-log.js';
import { temporalSettings, type TemporalSettings } from './settings.js';

/** How long the server may take to come up after the worker. */
const PATIENCE_MS = 120_000;
/** The supervisor waits ten seconds for a stop; whatever hangs is left behind before that. */
const STOP_LIMIT_MS = 9_500;

export interface WorkerParts {
  readonly worker: Worker;
  /** Ends what the worker's activities hold open. */
  readonly close: () => void;
}

export interface WorkerContext {
  readonly connection: NativeConnection;
  readonly settings: TemporalSettings;
  readonly log: Logger;
}

/**
 * Runs until SIGTERM, SIGINT or the end of the supervisor's IPC channel, then exits: 0 when it was told to stop, 1 when
 * it failed. Ready is an IPC message `{type:'ready'}`, the log line `worker ready`, and the file `run/<name>.ready`.
 */
export async function runWorkerProcess(
  name: string,
  config: Config,
  create: (context: WorkerContext) => Promise<WorkerParts>,
): Promise<never> {
  const log = createLogger(name, config.values.MEDLOOP_LOG_LEVEL);
  const stopping = onStop(log, 'worker', STOP_LIMIT_MS);
  const readyFile = join(config.paths.run, `${name}.ready`);
  let code = 0;
  try {
    installRuntime(log);
    const settings = temporalSettings(config);
    const connection = await connectWorker(settings, log, stopping, PATIENCE_MS);
    const { worker, close } = await create({ connection, settings, log });
    const stopWorker = (): void => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    try {
      const running = worker.run();
      stopping.addEventListener('abort', stopWorker);
      if (stopping.aborted) stopWorker();
      else await announce(name, readyFile, log);
      await running;
    } finally {
      close();
      await connection.close();
    }
  } catch (error) {
    const expected =
      stopping.aborted && (isAbort(error) || error instanceof GracefulShutdownPeriodExpiredError);
    if (expected) log.warn('stopped before everything had ended');
    else log.error({ err: error }, 'worker failed');
    code = expected ? 0 : 1;
  }
  await withdraw(readyFile);
  log.info({ code }, 'worker stopped');
  process.exit(code);
}

async function announce(name: string, path: string, log: Logger): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const unfinished = `${path}.${process.pid}.tmp`;
  await writeFile(unfinished, JSON.stringify({ name, pid: process.pid, readyAt: new Date().toISOString() }));
  await rename(unfinished, path);
  process.send?.({ type: 'ready' });
  log.info('worker ready');
}

/** Removes the file unless a later process has put its own there. */
async function withdraw(path: string): Promise<void> {
  try {
    const { pid } = JSON.parse(await readFile(path, 'utf8')) as { pid?: unknown };
    if (pid === process.pid) await rm(path, { force: true });
  } catch {
    // There is none, or it is not readable: then it says nothing either.
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
