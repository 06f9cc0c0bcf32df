/** A lock between processes: a file that names its holder by pid and start time, so that a dead holder's lock is void. */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, thisProcess, type ProcessIdentity } from './processes.js';

export interface Lock {
  release(): void;
}

/** The lock, or the live process that holds it. */
export type LockAttempt =
  | { readonly lock: Lock; readonly holder?: undefined }
  | { readonly lock?: undefined; readonly holder: ProcessIdentity };

/** Longest time in which a lock of a dead holder is being taken over. */
const TAKE_OVER_MS = 10_000;

/** Takes the lock if nobody alive holds it; never waits. */
export function tryLock(file: string): LockAttempt {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  for (;;) {
    if (claim(file))
      return {
        lock: {
          release: () => {
            releaseOwn(file);
          },
        },
      };
    const holder = holderOf(file);
    if (holder !== null && isAlive(holder)) return { holder };
    takeAway(file);
  }
}

/** Waits until the lock is ours. `onWait` is called once, with the process that holds it. */
export async function acquireLock(file: string, onWait: (holder: ProcessIdentity) => void): Promise<Lock> {
  let told = false;
  for (;;) {
    const attempt = tryLock(file);
    if (attempt.lock !== undefined) return attempt.lock;
    if (!told) onWait(attempt.holder);
    told = true;
    await sleep(200);
  }
}

/** The process that a lock names; null where there is no lock or it cannot be read. */
export function holderOf(file: string): ProcessIdentity | null {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : null;
  } catch {
    return null;
  }
}

/** A link appears with its whole content at once, so nobody ever reads half a lock. */
function claim(file: string): boolean {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(thisProcess()), { mode: 0o600 });
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes a dead holder's lock. Only one process at a time may look and remove, or it could remove a new lock. */
function takeAway(file: string): void {
  const turn = `${file}.turn`;
  if (!claim(turn)) {
    const sinceMs = Date.now() - (statSync(turn, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (sinceMs > TAKE_OVER_MS) rmSync(turn, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    return;
  }
  try {
    const holder = holderOf(file);
    if (holder === null || !isAlive(holder)) rmSync(file, { force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

function releaseOwn(file: string): void {
  if (holderOf(file)?.pid === process.pid) rmSync(file, { force: true });
}
