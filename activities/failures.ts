/** Turns whatever a step throws into the failure that Temporal shows and retries by: the one place that does. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ModelError } from '../model/errors.js';
import type { ModelErrorCode } from '../model/errors.js';
import { StorageError } from '../storage/errors.js';
import type { StorageErrorCode } from '../storage/errors.js';
import { ACTIVITY_ERRORS } from './errors.js';
import type { ActivityErrorCode } from './errors.js';

/** Codes of the storage room that mean more than "refused" or "did not answer". */
const STORAGE_CODES: Partial<Record<StorageErrorCode, ActivityErrorCode>> = {
  ALIAS_MOVED: 'ALIAS_MOVED',
  NO_BASE_DATA: 'DATA_MISSING',
  SNAPSHOT_NOT_FOUND: 'DATA_MISSING',
  OBJECT_MISSING: 'DATA_MISSING',
  OBJECT_CORRUPT: 'DATA_MISSING',
  DISK_FULL: 'DISK_FULL',
  ATTEMPT_OVERTAKEN: 'TRAINER_STOPPED',
};

const MODEL_CODES: Partial<Record<ModelErrorCode, ActivityErrorCode>> = {
  DATASET_INVALID: 'DATA_MISSING',
  TENSORFLOW_MISSING: 'TENSORFLOW_MISSING',
  TRAINING_DIVERGED: 'TRAINING_DIVERGED',
};

/**
 * A failure of the table.
 * @param detail the code of the room in which it arose, shown beside the failure
 */
export function activityFailure(
  code: ActivityErrorCode,
  message: string,
  options: { detail?: string; cause?: unknown } = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: !ACTIVITY_ERRORS[code].retryable,
    ...(options.detail === undefined ? {} : { details: [{ code: options.detail }] }),
    ...(options.cause instanceof Error ? { cause: options.cause } : {}),
  });
}

function storageCode(error: StorageError): ActivityErrorCode {
  return STORAGE_CODES[error.code] ?? (error.retryable ? 'STORAGE_UNAVAILABLE' : 'STORAGE_REJECTED');
}

/** The failure for anything thrown. Cancellations and failures of the table stay what they are. */
export function failureOf(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof StorageError) {
    return activityFailure(storageCode(error), error.message, { detail: error.code, cause: error });
  }
  if (error instanceof ModelError) {
    const code = MODEL_CODES[error.code] ?? 'MODEL_INVALID';
    return activityFailure(code, error.message, { detail: error.code, cause: error });
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) {
    return activityFailure('DISK_FULL', cause.message, { cause });
  }
  return activityFailure('UNEXPECTED', cause.message, { cause });
}

/**
 * Wraps a step so that it fails with codes of the table only. What a stopping worker interrupts is retried elsewhere:
 * to Temporal it must not look as if someone had cancelled the run.
 */
export function guarded<Input, Output>(
  step: (input: Input) => Promise<Output>,
): (input: Input) => Promise<Output> {
  return async (input) => {
    try {
      return await step(input);
    } catch (error) {
      const { cancellationSignal } = Context.current();
      const interrupted =
        error instanceof CancelledFailure || (error instanceof Error && error.name === 'AbortError');
      if (!interrupted || !cancellationSignal.aborted) throw failureOf(error);
      const reason: unknown = cancellationSignal.reason;
      if (isWorkerShutdown(reason)) throw activityFailure('WORKER_STOPPED', 'The worker was stopped.');
      throw reason;
    }
  };
}

/** True for the reason with which the SDK interrupts activities when their worker shuts down. */
export function isWorkerShutdown(reason: unknown): boolean {
  return reason instanceof CancelledFailure && reason.message === 'WORKER_SHUTDOWN';
}
