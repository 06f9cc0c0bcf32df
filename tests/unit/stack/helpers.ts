/** Small things that the tests of the stack share. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inheritedEnvironment } from '../../../config/env.js';
import { startTimeOf } from '../../../stack/processes.js';

const DEADLINE_MS = 60_000;

/** Polls until the value is there (neither null, undefined nor false). */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await look();
    if (value !== null && value !== undefined && value !== false) {
      return value as NonNullable<Exclude<T, false>>;
    }
    if (Date.now() > deadline) throw new Error(`never came about: ${what}`);
    await sleep(25);
  }
}

/** True while a process of this pid runs (a zombie does not). */
export function runs(pid: number): boolean {
  return startTimeOf(pid) !== null;
}

/** A temporary folder for the tests of the surrounding `describe`, removed after each. */
export function temporaryFolder(): { path: () => string } {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'medloop-stack-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3, retryDelay: 200 });
  });
  return { path: () => folder };
}

/** Starts a fixture (its name without `.js`) as a process of its own; its output is collected. */
export function startFixture(
  name: string,
  args: readonly string[],
): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const file = fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: inheritedEnvironment(),
  });
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      resolve(code);
    });
  });
  return { child, output: () => text, ended };
}
