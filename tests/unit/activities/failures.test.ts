/** What Temporal is told when a step fails: one table of codes, and which of them are tried again. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { activityEnvironment } from './environment.js';
import { expect } from 'chai';
import { ACTIVITY_ERRORS } from '../../../activities/errors.js';
import { failureOf, guarded } from '../../../activities/failures.js';
import { MODEL_ERRORS, ModelError, type ModelErrorCode } from '../../../model/errors.js';
import { STORAGE_ERRORS, StorageError, type StorageErrorCode } from '../../../storage/errors.js';

const asFailure = (error: unknown): ApplicationFailure => {
  const failure = failureOf(error);
  if (failure instanceof ApplicationFailure) return failure;
  throw new Error('it is no failure of the table');
};

describe('failures of activities', () => {
  for (const [error, type, retried] of [
    [new StorageError('S3_UNREACHABLE', 'x'), 'STORAGE_UNAVAILABLE', true],
    [new StorageError('MLFLOW_UNREACHABLE', 'x'), 'STORAGE_UNAVAILABLE', true],
    [new StorageError('S3_DENIED', 'x'), 'STORAGE_REJECTED', false],
    [new StorageError('MLFLOW_UNEXPECTED', 'x'), 'STORAGE_REJECTED', false],
    [new StorageError('NO_BASE_DATA', 'x'), 'DATA_MISSING', false],
    [new StorageError('ALIAS_MOVED', 'x'), 'ALIAS_MOVED', false],
    [new StorageError('DISK_FULL', 'x'), 'DISK_FULL', true],
    [new ModelError('DATASET_INVALID', 'x'), 'DATA_MISSING', false],
    [new ModelError('MODEL_LABELS_DIFFER', 'x'), 'MODEL_INVALID', false],
    [new ModelError('TRAINING_DIVERGED', 'x'), 'TRAINING_DIVERGED', false],
    [Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }), 'DISK_FULL', true],
    [new TypeError('x'), 'UNEXPECTED', true],
    ['a text', 'UNEXPECTED', true],
  ] as const) {
    const name = error instanceof Error && 'code' in error ? error.code : String(error);
    it(`tells ${name} as ${type}, ${retried ? 'to be tried again' : 'final'}`, () => {
      const failure = asFailure(error);
      expect(failure.type).to.equal(type);
      expect(failure.nonRetryable).to.equal(!retried);
    });
  }

  it('never gives up on what the rooms call worth another try, and has each of their codes in the details', () => {
    for (const code of Object.keys(STORAGE_ERRORS) as StorageErrorCode[]) {
      const failure = asFailure(new StorageError(code, 'x'));
      expect(Object.keys(ACTIVITY_ERRORS)).to.include(failure.type);
      expect(failure.details).to.deep.equal([{ code }]);
      if (STORAGE_ERRORS[code].retryable) expect(failure.nonRetryable, code).to.equal(false);
    }
    for (const code of Object.keys(MODEL_ERRORS) as ModelErrorCode[]) {
      expect(asFailure(new ModelError(code, 'x')).details).to.deep.equal([{ code }]);
    }
  });

  describe('at the edge of a step', () => {
    const fails = async (promise: Promise<unknown>): Promise<unknown> => {
      try {
        await promise;
      } catch (error) {
        return error;
      }
      throw new Error('it did not fail');
    };
    /** A step that ends as it is cancelled, with what an interrupted `fetch` or sleep throws. */
    const interrupted = (reason: 'CANCELLED' | 'WORKER_SHUTDOWN', thrown: Error): Promise<unknown> => {
      const environment = activityEnvironment();
      const step = guarded(() => {
        environment.cancel(reason);
        return Promise.reject(thrown);
      });
      return fails(environment.run(step, {}));
    };

    it('leaves a cancellation what it is', async () => {
      const abort = Object.assign(new Error('aborted'), { name: 'AbortError' });
      expect(await interrupted('CANCELLED', new CancelledFailure('x'))).to.be.instanceOf(CancelledFailure);
      expect(await interrupted('CANCELLED', abort)).to.be.instanceOf(CancelledFailure);
    });

    it('tells what a stopping worker interrupted as something to be tried again', async () => {
      const failure = (await interrupted('WORKER_SHUTDOWN', new CancelledFailure('x'))) as ApplicationFailure;
      expect(failure.type).to.equal('WORKER_STOPPED');
      expect(failure.nonRetryable).to.equal(false);
    });

    it('tells a fault as the fault that it is, also while the worker stops', async () => {
      const failure = (await interrupted(
        'WORKER_SHUTDOWN',
        new StorageError('S3_DENIED', 'x'),
      )) as ApplicationFailure;
      expect(failure.type).to.equal('STORAGE_REJECTED');
    });
  });
});
