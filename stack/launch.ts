/** Starts one program in its own process group, known to the guardian before its first instruction. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guardian } from './guardian.js';
import { startTimeOf, type ProcessIdentity } from './processes.js';

/** A program with all that it needs to run. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** True for our own Node processes: they say `{type:'ready'}` and leave when the channel closes. */
  readonly ipc?: boolean;
}

/** A program that was started. */
export interface Launched {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  /** Settles once, with a sentence about how it ended. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
}

/** Waits for leave before it becomes the program, so that nothing runs which the guardian does not know. */
const GATE = 'read -r leave || exit 1; exec "$@" </dev/null';

/** Where a program's output goes: into a file, through pipes to the caller, or to our own terminal. */
export type Output = { readonly logFile: string } | 'pipe' | 'inherit';

/**
 * Starts a program.
 * @param register is told the leader before the program runs, for a record on disk
 */
export async function launch(
  command: Command,
  options: {
    readonly output: Output;
    readonly guardian: Guardian;
    readonly register?: (leader: ProcessIdentity) => void;
  },
): Promise<Launched> {
  const { output } = options;
  const target = typeof output === 'string' ? output : openForAppend(output.logFile);
  const child = spawn('sh', ['-c', GATE, 'sh', command.file, ...command.args], {
    stdio: command.ipc === true ? ['pipe', target, target, 'ipc'] : ['pipe', target, target],
    env: command.env,
    detached: true,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  if (typeof target === 'number') closeSync(target);
  let over = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      over = true;
      resolve(`could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      over = true;
      resolve(signal === null ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}`);
    });
  });
  if (child.pid === undefined) throw new Error(await ended);
  const identity = { pid: child.pid, startedAt: startTimeOf(child.pid) ?? '' };
  await options.guardian.watch(identity);
  options.register?.(identity);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('go\n');
  return { child, identity, ended, hasEnded: () => over };
}

function openForAppend(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  return openSync(file, 'a', 0o600);
}

/**
 * Polls until `check` is true.
 * @returns null when healthy, otherwise a sentence that says why not
 */
export async function waitUntilHealthy(
  launched: Launched,
  check: () => Promise<boolean>,
  deadlineMs: number,
): Promise<string | null> {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    if (launched.hasEnded()) return launched.ended;
    if (await check().catch(() => false)) return launched.hasEnded() ? launched.ended : null;
    await Promise.race([sleep(100), launched.ended]);
  }
  return `did not become healthy within ${Math.round(deadlineMs / 1000)} s`;
}
