/** The supervisor: starts the parts in two stages, keeps them, and stops them in the opposite order. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGuardian, type Guardian } from '../guardian.js';
import { createKeeper, type BackOff, type Keeper, type KeeperEvent, type PartSpec } from './keeper.js';
import { rotate } from './log-files.js';
import type { Record } from './record.js';

const ROTATE_EVERY_MS = 30_000;

export interface Supervisor {
  /**
   * Starts the parts of one stage side by side; fails with the first that does not become healthy.
   * @param untilHealthy is false for a part whose health is awaited by the returned `rest`, not before
   */
  start(
    specs: readonly PartSpec[],
    untilHealthy?: (name: string) => boolean,
  ): Promise<{ readonly rest: Promise<void> }>;
  /** Stops the stages, the last one first. Safe to call twice. */
  stop(): Promise<void>;
  /** Kills everything at once. */
  kill(): Promise<void>;
  /** Also for commands that are not kept, so that nothing outlives this process. */
  readonly guardian: () => Guardian;
}

/** Makes a supervisor; its guardian runs from now on. */
export function createSupervisor(options: {
  readonly record: Record;
  readonly logs: string;
  readonly onEvent: (event: KeeperEvent) => void;
  readonly backOff?: BackOff;
}): Supervisor {
  const stages: Keeper[][] = [];
  const stackLog = join(options.logs, 'stack.log');
  let stopped: Promise<void> | null = null;
  let isOver = false;
  let guardian = guardianFor();

  function guardianFor(): Guardian {
    const fresh = startGuardian();
    fresh.onExit(() => {
      if (isOver) return;
      guardian = guardianFor();
      for (const keeper of stages.flat()) {
        const running = keeper.running();
        if (running !== null) void guardian.watch(running.identity);
      }
    });
    return fresh;
  }

  const note = (event: KeeperEvent): void => {
    appendFileSync(stackLog, `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    options.onEvent(event);
  };

  const rotation = setInterval(() => {
    rotate(stackLog);
    for (const keeper of stages.flat()) rotate(join(options.logs, `${keeper.name}.log`));
  }, ROTATE_EVERY_MS);

  const stopAll = async (): Promise<void> => {
    clearInterval(rotation);
    for (const stage of [...stages].reverse()) await Promise.all(stage.map((keeper) => keeper.stop()));
    isOver = true;
    options.record.clear();
    await guardian.dismiss();
  };

  return {
    guardian: () => guardian,
    start: async (specs, untilHealthy = () => true) => {
      const stage = specs.map((spec) =>
        createKeeper(spec, {
          guardian: () => guardian,
          record: options.record,
          logs: options.logs,
          onEvent: note,
          ...(options.backOff === undefined ? {} : { backOff: options.backOff }),
        }),
      );
      stages.push(stage);
      const starts = stage.map((keeper) => ({ name: keeper.name, healthy: keeper.start() }));
      const rest = Promise.all(starts.map(({ healthy }) => healthy)).then(() => undefined);
      // Whoever awaits it still gets the failure; nobody doing so yet must not end the process.
      rest.catch(() => undefined);
      await Promise.all(starts.filter(({ name }) => untilHealthy(name)).map(({ healthy }) => healthy));
      return { rest };
    },
    stop: () => (stopped ??= stopAll()),
    kill: async () => {
      await Promise.all(
        stages.flat().map(async (keeper) => {
          const running = keeper.running();
          if (running !== null) running.child.kill('SIGKILL');
          await keeper.stop();
        }),
      );
    },
  };
}
