/** Keeps one part running: starts it, waits for its health, and starts it again with back-off when it dies. */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import type { Guardian } from '../guardian.js';
import { launch, waitUntilHealthy, type Command, type Launched } from '../launch.js';
import { endGroup } from '../processes.js';
import { lastLines, rotate } from './log-files.js';
import type { Record } from './record.js';

/** A part as the supervisor runs it. */
export interface PartSpec {
  readonly name: string;
  readonly command: Command;
  /** Asked until true; without it the part says `{type:'ready'}` over IPC. */
  readonly isHealthy?: () => Promise<boolean>;
  readonly startLimitMs: number;
  /** How long it may take to end when asked. */
  readonly graceMs: number;
  /** True for a part without which the rest is of use: its start is not waited for, and tried until it succeeds. */
  readonly mayComeLater?: boolean;
}

export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** After this long in health the next failure counts as the first. */
  readonly resetAfterMs: number;
}

export const BACK_OFF: BackOff = { firstMs: 500, longestMs: 30_000, resetAfterMs: 60_000 };

export interface KeeperEvent {
  readonly part: string;
  readonly event: 'started' | 'healthy' | 'unhealthy' | 'died' | 'restarting' | 'stopped';
  readonly detail?: string;
  readonly pid?: number;
}

export interface KeeperOptions {
  readonly guardian: () => Guardian;
  readonly record: Record;
  readonly logs: string;
  readonly onEvent: (event: KeeperEvent) => void;
  readonly backOff?: BackOff;
}

export interface Keeper {
  readonly name: string;
  /** The running process; null between two. */
  running(): Launched | null;
  /** Resolves when healthy; fails with `PART_NOT_HEALTHY` and the end of the log. Keeps it running from then on. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a keeper; nothing is started yet. */
export function createKeeper(spec: PartSpec, options: KeeperOptions): Keeper {
  const logFile = join(options.logs, `${spec.name}.log`);
  const backOff = options.backOff ?? BACK_OFF;
  const stopping = new AbortController();
  let running: Launched | null = null;
  let beginning: Promise<string | null> = Promise.resolve(null);
  let failures = 0;

  const isStopping = (): boolean => stopping.signal.aborted;

  const tell = (event: KeeperEvent['event'], detail?: string): void => {
    const pid = running?.identity.pid;
    options.onEvent({
      part: spec.name,
      event,
      ...(detail === undefined ? {} : { detail }),
      ...(pid === undefined ? {} : { pid }),
    });
  };

  const begin = (): Promise<string | null> => {
    beginning = beginNow().catch((error: unknown) => (error as Error).message);
    return beginning;
  };

  const beginNow = async (): Promise<string | null> => {
    rotate(logFile);
    const launched = await launch(spec.command, {
      output: { logFile },
      guardian: options.guardian(),
      register: (leader) => {
        options.record.add(spec.name, leader);
      },
    });
    running = launched;
    if (isStopping()) return 'was stopped';
    tell('started');
    let saidReady = false;
    launched.child.on('message', (message) => {
      if ((message as { type?: unknown } | null)?.type === 'ready') saidReady = true;
    });
    const check = spec.isHealthy ?? (() => Promise.resolve(saidReady));
    return waitUntilHealthy(launched, check, spec.startLimitMs);
  };

  const clear = async (graceMs: number): Promise<void> => {
    if (running === null) return;
    const { identity } = running;
    // Also after its own end: a part may leave children in its group.
    await endGroup(identity.pid, graceMs);
    running = null;
    await options.guardian().forget(identity);
    options.record.remove(identity);
  };

  const keep = async (): Promise<void> => {
    while (!isStopping() && running !== null) {
      const healthySinceMs = Date.now();
      const how = await running.ended;
      if (isStopping()) return;
      tell('died', how);
      await clear(0);
      if (Date.now() - healthySinceMs > backOff.resetAfterMs) failures = 0;
      await bringBack(nextWaitMs());
    }
  };

  const nextWaitMs = (): number => {
    const waitMs = Math.min(backOff.longestMs, backOff.firstMs * 2 ** failures);
    failures += 1;
    tell('restarting', `in ${waitMs} ms`);
    return waitMs;
  };

  const bringBack = async (firstWaitMs: number): Promise<void> => {
    for (let waitMs = firstWaitMs; !isStopping(); waitMs = nextWaitMs()) {
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (isStopping()) return;
      const problem = await begin();
      if (problem === null) {
        tell('healthy');
        return;
      }
      if (isStopping()) return;
      tell('unhealthy', problem);
      await clear(spec.graceMs);
    }
  };

  return {
    name: spec.name,
    running: () => running,
    start: async () => {
      if (spec.mayComeLater === true) {
        void bringBack(0).then(keep);
        return;
      }
      const problem = await begin();
      if (problem !== null) {
        await clear(spec.graceMs);
        if (!isStopping()) tell('unhealthy', problem);
        throw new StackError(
          'PART_NOT_HEALTHY',
          `${spec.name} ${problem}. Its log is ${logFile}; it ends with:\n${lastLines(logFile, 12)}`,
        );
      }
      tell('healthy');
      void keep();
    },
    stop: async () => {
      stopping.abort();
      await clear(spec.graceMs);
      // A start that was under way has seen the end of its process, or ends it now.
      await beginning;
      await clear(0);
      tell('stopped');
    },
  };
}
