/** What only a run's history tells: how many attempts each finished step took, and why the run failed. */
import type { WorkflowHandle } from '@temporalio/client';
import type { StepName } from '../workflows/contract.js';
import { readFailure, STEP_OF_ACTIVITY } from './run-view.js';
import type { RunFailure } from './types.js';

export interface RunDetails {
  /** Attempts of steps that have ended. */
  readonly attempts: ReadonlyMap<StepName, number>;
  readonly failure: RunFailure | null;
}

export const NO_DETAILS: RunDetails = { attempts: new Map(), failure: null };

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** Reads a history, which may still grow. */
export function readHistory(history: History): RunDetails {
  const stepOfEvent = new Map<string, StepName>();
  const attempts = new Map<StepName, number>();
  let failure: RunFailure | null = null;
  for (const event of history.events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    const step = STEP_OF_ACTIVITY[scheduled?.activityType?.name ?? ''];
    // Moving the alias back is a second `promoteModel`; the step's attempts are those of the first.
    if (step !== undefined && ![...stepOfEvent.values()].includes(step)) {
      stepOfEvent.set(String(event.eventId), step);
    }
    const started = event.activityTaskStartedEventAttributes;
    const startedStep = started ? stepOfEvent.get(String(started.scheduledEventId)) : undefined;
    if (startedStep !== undefined) attempts.set(startedStep, started?.attempt ?? 1);
    const failed = event.workflowExecutionFailedEventAttributes?.failure;
    if (failed) failure = readFailure(failed);
  }
  return { attempts, failure };
}
