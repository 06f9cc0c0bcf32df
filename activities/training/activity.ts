/** Second step: trains the challenger in a child process, and goes on from the last checkpoint after any fault. */
import { CancelledFailure } from '@temporalio/common';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pRetry from 'p-retry';
import { MODEL_ERRORS, ModelError } from '../../model/errors.js';
import type { ModelErrorCode } from '../../model/errors.js';
import type { TrainerResult, TrainingProgress } from '../../model/types.js';
import { StorageError } from '../../storage/errors.js';
import type { CheckpointRef, ModelFilesRef } from '../../storage/types.js';
import { currentAttempt, startBeating, withWorkFolder, workflowRunId } from '../attempt.js';
import { activityFailure, isWorkerShutdown } from '../failures.js';
import type { ActivityPorts } from '../ports.js';
import { claimTraining, saveTrainingResult, trainingAttempt, trainingResult } from '../run-documents.js';
import type { TrainHeartbeat, TrainInput, TrainResult } from '../types.js';
import { runTrainer } from './session.js';
import type { SessionEnd } from './session.js';
import { startingPoint } from './starting-point.js';
import { createUploads } from './uploads.js';

/** For the last checkpoint to reach the store: a stopping worker itself has less than ten seconds in all. */
const LAST_UPLOAD_MS = 2500;
const UPLOAD_AFTER_CRASH_MS = 20_000;

type Ports = Pick<
  ActivityPorts,
  | 'snapshots'
  | 'runFiles'
  | 'registry'
  | 'datasetsFolder'
  | 'workFolder'
  | 'threads'
  | 'spawnTrainer'
  | 'trainerTimes'
>;

/** The reason of an interruption that leaves this attempt the right to write: anything but having lost the run. */
function mayStillWrite(reason: unknown): boolean {
  if (!(reason instanceof CancelledFailure)) return false;
  return reason.message !== 'TIMED_OUT' && reason.message !== 'NOT_FOUND';
}

function isUseless(error: unknown): boolean {
  return (
    error instanceof StorageError && (error.code === 'OBJECT_MISSING' || error.code === 'OBJECT_CORRUPT')
  );
}

const overtaken = (): Error =>
  activityFailure('TRAINER_STOPPED', 'A later attempt trains this run; this one writes nothing more.');

const hasModelCode = (code: string): code is ModelErrorCode => Object.hasOwn(MODEL_ERRORS, code);

/** Makes the step. */
export function createTrainModel(ports: Ports) {
  const { runFiles, trainerTimes } = ports;

  return async (input: TrainInput): Promise<TrainResult> => {
    const context = currentAttempt();
    const { attempt } = context.info;
    const runId = workflowRunId();
    const signal = context.cancellationSignal;
    // What the attempt before knew, until the store has answered: the store is the truth, the beat only points to it.
    const known = context.info.heartbeatDetails as TrainHeartbeat | undefined;
    let progress: TrainingProgress | null = known?.progress ?? null;
    let checkpoint: CheckpointRef | null = known?.checkpoint ?? null;
    const beating = startBeating((): TrainHeartbeat => ({ progress, checkpoint }), trainerTimes.beatMs);

    async function assertOwner(): Promise<void> {
      if ((await trainingAttempt(runFiles, runId)) > attempt) throw overtaken();
    }

    /** The last checkpoint's folder, or null where there is none that can be used. */
    async function fetchCheckpoint(work: string): Promise<string | null> {
      checkpoint = await runFiles.latestCheckpoint(runId);
      if (checkpoint === null) return null;
      const folder = join(work, 'resume');
      try {
        await runFiles.fetchCheckpoint(checkpoint, folder);
        context.log.info('training goes on from a checkpoint', { ...checkpoint });
        return folder;
      } catch (error) {
        if (!isUseless(error)) throw error;
        context.log.warn('the last checkpoint cannot be used; training starts anew', { error });
        checkpoint = null;
        return null;
      }
    }

    /** One trainer process to its end, with its checkpoints brought to the store. */
    async function train(
      work: string,
      job: Omit<Parameters<typeof runTrainer>[0]['job'], 'workFolder'>,
    ): Promise<SessionEnd> {
      const own = join(work, job.resumeFrom === null ? 'fresh' : 'resumed');
      await mkdir(own);
      const lost = new AbortController();
      const uploads = createUploads({
        save: async (folder, step) => {
          await assertOwner();
          checkpoint = await runFiles.saveCheckpoint(runId, attempt, step, folder);
        },
        isFinal: (error) => error instanceof Error && (!(error instanceof StorageError) || !error.retryable),
        onFinal: (error) => {
          lost.abort(error);
        },
        onTrouble: (error) => {
          context.log.warn('a checkpoint could not be saved; trying again', { error });
        },
      });
      const end = await runTrainer({
        child: ports.spawnTrainer(),
        job: { ...job, workFolder: own },
        signal: AbortSignal.any([signal, lost.signal]),
        stopMs: () => (lost.signal.aborted || !mayStillWrite(signal.reason) ? 0 : trainerTimes.stopMs),
        silenceMs: trainerTimes.silenceMs,
        onProgress: (latest) => {
          progress = latest;
        },
        onCheckpoint: (folder, step) => {
          uploads.offer(folder, step);
        },
        onLine: (line) => {
          context.log.debug(line);
        },
      });
      if (lost.signal.aborted) {
        await uploads.stop();
        throw lost.signal.reason;
      }
      if (signal.aborted && mayStillWrite(signal.reason)) {
        if (end.kind === 'stopped' && end.folder !== null) uploads.offer(end.folder, end.step);
        await uploads.settle(LAST_UPLOAD_MS);
      } else if (end.kind === 'done' || signal.aborted) {
        await uploads.stop();
      } else {
        // The next attempt goes on from here: what the trainer managed to write must not be lost with it.
        await uploads.settle(UPLOAD_AFTER_CRASH_MS);
      }
      return end;
    }

    /** Hours of work wait here: a store that does not answer is waited for, with the heartbeat going on. */
    function save(result: TrainerResult): Promise<ModelFilesRef> {
      return pRetry(
        async () => {
          await assertOwner();
          return runFiles.saveModel(runId, result.folder);
        },
        {
          retries: 1000,
          minTimeout: 500,
          maxTimeout: 15_000,
          maxRetryTime: trainerTimes.saveMs,
          ...(signal.aborted ? {} : { signal }),
          shouldRetry: ({ error }) => error instanceof StorageError && error.retryable,
        },
      );
    }

    async function run(work: string): Promise<TrainResult> {
      const finished = await trainingResult(runFiles, runId, input.snapshot);
      if (finished !== null) return finished;
      await assertOwner();
      await claimTraining(runFiles, runId, attempt);
      const { files } = await ports.snapshots.materialize(input.snapshot, ports.datasetsFolder);
      signal.throwIfAborted();
      const start = await startingPoint(ports.registry, input, files, join(work, 'champion'));
      if (start.note !== null) context.log.info(`training in full: ${start.note}`);
      const resumeFrom = await fetchCheckpoint(work);
      signal.throwIfAborted();

      const job = {
        dataset: files,
        settings: start.settings,
        warmFrom: start.warmFrom,
        resumeFrom,
        checkpointEveryMs: input.checkpointEveryMs,
        threads: ports.threads,
      };
      let end = await train(work, job);
      if (end.kind === 'failed' && end.code === 'CHECKPOINT_INVALID' && resumeFrom !== null) {
        context.log.warn('the trainer refuses the last checkpoint; training starts anew', {
          message: end.message,
        });
        checkpoint = null;
        end = await train(work, { ...job, resumeFrom: null });
      }

      if (end.kind !== 'done') {
        if (isWorkerShutdown(signal.reason)) {
          throw activityFailure('TRAINER_STOPPED', 'The trainer was stopped with its worker.');
        }
        signal.throwIfAborted();
        if (end.kind === 'failed') {
          if (hasModelCode(end.code)) throw new ModelError(end.code, end.message);
          throw activityFailure('TRAINER_CRASHED', end.message, { detail: end.code });
        }
        throw activityFailure(
          'TRAINER_CRASHED',
          end.kind === 'gone' ? end.reason : 'The trainer stopped without having been told to.',
        );
      }
      // A stopping worker still has the time to save what is finished.
      if (!isWorkerShutdown(signal.reason)) signal.throwIfAborted();
      const { steps, seconds, parameters } = end.result;
      const model = await save(end.result);
      const result: TrainResult = { model, settings: start.settings, steps, seconds, parameters };
      await saveTrainingResult(runFiles, runId, input.snapshot, result);
      await runFiles.dropCheckpoints(runId).catch((error: unknown) => {
        context.log.warn('checkpoints of a finished training are left over', { error });
      });
      return result;
    }

    try {
      return await withWorkFolder(ports.workFolder, `train-${runId}-${attempt}`, run);
    } finally {
      beating.stop();
    }
  };
}
