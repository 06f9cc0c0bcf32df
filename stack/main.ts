/** `npm start`: from nothing to a running stack with a model, and back in an orderly way. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, inheritedEnvironment, loadConfig, type Config } from '../config/env.js';
import { StackError, type StackErrorCode } from './errors.js';
import { provideFirstData } from './supervisor/first-data.js';
import { ensureCredentials, lockHome, prepareHome } from './supervisor/home.js';
import type { KeeperEvent } from './supervisor/keeper.js';
import { requireFreePorts, silentParts } from './supervisor/ports.js';
import { createRecord, endLeftovers } from './supervisor/record.js';
import { specsOf } from './supervisor/specs.js';
import { createSupervisor, type Supervisor } from './supervisor/supervisor.js';
import { partsOf } from './setup/setup.js';
import { messageOf, setUpShown } from './terminal.js';

const LEFTOVER_GRACE_MS = 3_000;
/** Failures at first data with which the stack is of use all the same. */
const HARMLESS: ReadonlySet<StackErrorCode> = new Set(['TRAINING_FAILED', 'PART_UNREACHABLE']);
const USAGE = 'Usage: npm start [-- --data FILE_OR_FOLDER]';

/** Runs until it is told to stop; ends the process with 0 when that was asked for, else with 1 (wrong use: 2). */
export async function main(args: readonly string[]): Promise<never> {
  // A terminal that is closed, or a pipe whose reader has gone, must not end the stack in disorder.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await run(loadConfig(), dataOf(args));
    process.exit(0);
  } catch (error) {
    console.error(messageOf(error));
    const isWrongUse =
      error instanceof ConfigError || (error instanceof StackError && error.code === 'WRONG_USE');
    process.exit(isWrongUse ? 2 : 1);
  }
}

async function run(config: Config, data: string | null): Promise<void> {
  prepareHome(config.paths);
  const lock = lockHome(config.paths);
  try {
    const recordFile = join(config.paths.run, 'parts.json');
    const leftovers = await endLeftovers(recordFile, LEFTOVER_GRACE_MS);
    if (leftovers.length > 0) say(`Ended what an earlier start had left running: ${leftovers.join(', ')}.`);
    await requireFreePorts(config);
    const tools = await setUpShown(partsOf(config));
    const record = createRecord(recordFile);
    const { servers, own, env } = specsOf({
      config,
      tools,
      credentials: ensureCredentials(config.paths.credentials),
      stackId: record.stackId,
      inherited: inheritedEnvironment(),
    });
    const supervisor = createSupervisor({ record, logs: config.paths.logs, onEvent: announce });
    const stopping = stopOnSignals(supervisor);
    try {
      for (const silent of await silentParts(config)) say(`Warning: ${messageOf(silent)}`);
      // MLflow takes the longest, and a model that was served before is answered from without it.
      const { rest } = await supervisor.start(servers, (name) => name !== 'mlflow');
      if (!stopping.aborted) await supervisor.start(own);
      await rest;
      const { apiUrl } = config;
      const { guardian } = supervisor;
      await provideFirstData({ apiUrl, data, env, guardian, say, signal: stopping }).catch(
        (error: unknown) => {
          // The stack is of use without a first model: what went wrong can be looked at in it.
          if (!(error instanceof StackError) || !HARMLESS.has(error.code)) throw error;
          console.error(messageOf(error));
        },
      );
      if (!stopping.aborted) printAddresses(config);
      await untilAborted(stopping);
    } catch (error) {
      // What fails because we are stopping is no failure.
      if (!stopping.aborted) throw error;
    } finally {
      await supervisor.stop();
    }
    say('Everything has stopped.');
  } finally {
    lock.release();
  }
}

/** The first signal stops in order; a second one does not wait. */
function stopOnSignals(supervisor: Supervisor): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) {
        void supervisor.kill();
        return;
      }
      say('Stopping …');
      controller.abort();
      void supervisor.stop();
    });
  }
  return controller.signal;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}

function announce({ part, event, detail }: KeeperEvent): void {
  if (event === 'healthy') say(`✓ ${part}`);
  else if (event === 'died') say(`✗ ${part} ${detail ?? 'ended'}`);
  else if (event === 'unhealthy') say(`✗ ${part} ${detail ?? 'is not healthy'}`);
  else if (event === 'restarting') say(`· ${part}: starting again ${detail ?? ''}`);
}

function printAddresses(config: Config): void {
  const temporal = config.temporalUiUrl ?? `(that of ${config.temporalAddress})`;
  say(`
Medloop is running. Ctrl-C stops everything. Data and logs: ${config.paths.home}

  Page         ${config.apiUrl}
  Temporal UI  ${temporal}
  MLflow UI    ${config.mlflowUrl}`);
}

function dataOf(args: readonly string[]): string | null {
  let data: string | undefined;
  try {
    ({ data } = parseArgs({ args: [...args], options: { data: { type: 'string' } } }).values);
  } catch (error) {
    throw new StackError('WRONG_USE', `${(error as Error).message}\n${USAGE}`, { cause: error });
  }
  if (data === undefined) return null;
  const path = resolve(typedIn(), data);
  if (!existsSync(path)) throw new StackError('WRONG_USE', `There is nothing at ${path}.\n${USAGE}`);
  return path;
}

/** The folder in which the command was typed: npm itself changes to that of package.json. */
function typedIn(): string {
  const { npm_lifecycle_event: event, INIT_CWD: folder } = inheritedEnvironment();
  return event === 'start' && folder !== undefined ? folder : process.cwd();
}

function say(line: string): void {
  console.log(line);
}
