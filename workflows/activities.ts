/** How each activity is called: queue, time limits, heartbeats, retries and what a cancellation does. */
import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { ACTIVITY_ERRORS, ActivityErrorCode } from '../activities/errors.js';
import type { ControlActivities, TrainingActivities } from '../activities/types.js';
import { CONTROL_QUEUE, TRAINING_QUEUE } from './contract.js';

type FinalCode = {
  [Code in ActivityErrorCode]: (typeof ACTIVITY_ERRORS)[Code]['retryable'] extends false ? Code : never;
}[ActivityErrorCode];

/** Workflow code may not load the table itself, so the compiler checks that this copy names exactly its final codes. */
const FINAL_CODES: Record<FinalCode, true> = {
  STORAGE_REJECTED: true,
  DATA_MISSING: true,
  TRAINING_DIVERGED: true,
  TENSORFLOW_MISSING: true,
  MODEL_INVALID: true,
  ALIAS_MOVED: true,
};

/** The code of an activity's failure that both workflows act on. */
export const ALIAS_MOVED: FinalCode = 'ALIAS_MOVED';

const nonRetryableErrorTypes = Object.keys(FINAL_CODES);

/**
 * For calls to S3 and MLflow: short pauses at first, then one try every half minute for an hour, so that an outage
 * holds a run up and does not end it.
 */
const patient = {
  taskQueue: CONTROL_QUEUE,
  // The control worker beats for them, so a worker that died is noticed long before the step's own limit.
  heartbeatTimeout: '20 seconds',
  scheduleToCloseTimeout: '1 hour',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
    maximumAttempts: 125,
    nonRetryableErrorTypes,
  },
} satisfies ActivityOptions;

export const { snapshotCorrections } = proxyActivities<Pick<ControlActivities, 'snapshotCorrections'>>({
  ...patient,
  startToCloseTimeout: '15 minutes',
  summary: 'take new corrections into a snapshot',
});

export const { registerModel } = proxyActivities<Pick<ControlActivities, 'registerModel'>>({
  ...patient,
  startToCloseTimeout: '5 minutes',
  summary: 'register the version in MLflow',
});

export const { promoteModel } = proxyActivities<Pick<ControlActivities, 'promoteModel'>>({
  ...patient,
  startToCloseTimeout: '1 minute',
  summary: 'move the alias',
});

/** `verifyServing` polls up to the time that it is given and answers; only a lost worker makes it start anew. */
export function verifyServing(timeoutMs: number): ControlActivities['verifyServing'] {
  return proxyActivities<Pick<ControlActivities, 'verifyServing'>>({
    taskQueue: CONTROL_QUEUE,
    startToCloseTimeout: timeoutMs + 30_000,
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', maximumAttempts: 5, nonRetryableErrorTypes },
    summary: 'ask every API whether it serves the version',
  }).verifyServing;
}

/**
 * Heartbeats leave the training worker about once a second, so a dead worker is noticed within 20 s. Cancellation waits
 * until the trainer has gone, or the next run would train beside it.
 */
export const { trainModel } = proxyActivities<Pick<TrainingActivities, 'trainModel'>>({
  taskQueue: TRAINING_QUEUE,
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '20 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    // Each restart of the worker costs one.
    maximumAttempts: 50,
    nonRetryableErrorTypes,
  },
  summary: 'train the challenger',
});

export const { evaluateModel } = proxyActivities<Pick<TrainingActivities, 'evaluateModel'>>({
  taskQueue: TRAINING_QUEUE,
  startToCloseTimeout: '1 hour',
  // Longer than the trainer's: it shares its process with the computing.
  heartbeatTimeout: '1 minute',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
    maximumAttempts: 20,
    nonRetryableErrorTypes,
  },
  summary: 'compare challenger and champion',
});
