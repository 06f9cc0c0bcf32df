/** What every step needs to know of the attempt that it runs in, and the beating while it does. */
import { Context } from '@temporalio/activity';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { activityFailure } from './failures.js';

/** Workflow run id: the idempotency key of everything that a run writes. */
export function workflowRunId(): string {
  const execution = Context.current().info.workflowExecution;
  if (execution === undefined) {
    throw activityFailure('UNEXPECTED', 'This activity can only run inside a workflow.');
  }
  return execution.runId;
}

/** The attempt under way. Callbacks of timers and child processes need it too, so it is fetched once and kept. */
export function currentAttempt(): Context {
  return Context.current();
}

/**
 * Sends `details()` at once and then at every interval until `stop`. Each beat must carry everything that the next
 * attempt needs: a beat without it erases it.
 */
export function startBeating(details: () => unknown, everyMs: number): { stop(): void } {
  const context = currentAttempt();
  const beat = (): void => {
    context.heartbeat(details());
  };
  beat();
  const timer = setInterval(beat, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}

/** Runs `action` with an empty folder below `root`, which is removed afterwards whatever happens. */
export async function withWorkFolder<T>(
  root: string,
  prefix: string,
  action: (folder: string) => Promise<T>,
): Promise<T> {
  await mkdir(root, { recursive: true });
  const folder = await mkdtemp(join(root, `${prefix}-`));
  try {
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
