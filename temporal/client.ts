/** Medloop's client of Temporal, for the API: runs, promotions and the schedule in the words of `types.ts`. */
import { Client, WorkflowFailedError } from '@temporalio/client';
import {
  ActivityFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/common';
import {
  CONTROL_QUEUE,
  MODEL_NAME,
  PROMOTION_WORKFLOW,
  promotionWorkflowId,
  REQUEST_MEMO,
  RETRAIN_WORKFLOW,
  retrainWorkflowId,
  type PromotionInput,
  type PromotionOutcome,
} from '../workflows/contract.js';
import type { promotion } from '../workflows/promotion.js';
import type { retrain } from '../workflows/retrain.js';
import { lazyConnection } from './connection.js';
import { defaultRetrainInput, VERIFY_TIMEOUT_MS } from './defaults.js';
import { TemporalError } from './errors.js';
import { GRPC, grpcCode, toTemporalError } from './failures.js';
import { createRunReader } from './runs.js';
import { changeSchedule, readSchedule, triggerSchedule } from './schedule.js';
import type { TemporalSettings } from './settings.js';
import type { TemporalClient, VersionReader } from './types.js';

export interface TemporalClientOptions extends TemporalSettings {
  readonly versions: VersionReader;
  /** How long one call may take before it fails with `TEMPORAL_UNREACHABLE`, in ms (default 5000). */
  readonly deadlineMs?: number;
  /** How long `promote` and `rollback` wait for the end of the move, in ms (default 180000). */
  readonly promotionDeadlineMs?: number;
}

/** Makes a client without reaching out; every call fails within its deadline where the server does not answer. */
export function createTemporalClient(options: TemporalClientOptions): TemporalClient {
  const { address, namespace, versions, deadlineMs = 5_000, promotionDeadlineMs = 180_000 } = options;
  const connection = lazyConnection(options);
  const client = new Client({ connection, namespace });
  const runs = createRunReader(client, retrainWorkflowId(MODEL_NAME));

  async function call<T>(action: () => Promise<T>, limitMs = deadlineMs): Promise<T> {
    try {
      return await connection.withDeadline(Date.now() + limitMs, action);
    } catch (error) {
      throw toTemporalError(error, address);
    }
  }

  async function aliasTarget(alias: string): Promise<string | null> {
    return (await versions.byAlias(alias))?.version ?? null;
  }

  /** A retrain that moves the alias just now would find it moved, so a person is asked to wait. */
  async function refuseDuringPromotion(): Promise<void> {
    const latest = await call(() => runs.read());
    const busy = latest?.steps.find(
      (step) => (step.name === 'promote' || step.name === 'verify') && step.state === 'running',
    );
    if (latest?.state !== 'running' || busy === undefined) return;
    throw new TemporalError(
      'PROMOTION_IN_PROGRESS',
      `A retrain is at its step ${busy.name}; try again when it has ended.`,
      { runId: latest.id },
    );
  }

  async function move(
    request: Pick<PromotionInput, 'action' | 'version' | 'expected' | 'by' | 'why'>,
  ): Promise<PromotionOutcome> {
    await refuseDuringPromotion();
    const input: PromotionInput = { ...request, model: MODEL_NAME, verifyTimeoutMs: VERIFY_TIMEOUT_MS };
    const handle = await call(async () => {
      try {
        return await client.workflow.start<typeof promotion>(PROMOTION_WORKFLOW, {
          workflowId: promotionWorkflowId(MODEL_NAME),
          taskQueue: CONTROL_QUEUE,
          args: [input],
          workflowIdConflictPolicy: 'FAIL',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          // One that no worker comes for is dropped in the end.
          workflowExecutionTimeout: '2 hours',
          staticSummary: `${request.action} to version ${request.version} for ${request.by}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        throw new TemporalError('PROMOTION_IN_PROGRESS', 'Another promotion is under way.', { cause: error });
      }
    });
    try {
      return await connection.withDeadline(Date.now() + promotionDeadlineMs, () => handle.result());
    } catch (error) {
      if (error instanceof WorkflowFailedError) {
        throw new TemporalError('PROMOTION_FAILED', promotionFailure(request.version, error), {
          cause: error,
        });
      }
      if (grpcCode(error) === GRPC.deadlineExceeded) {
        throw new TemporalError(
          'PROMOTION_IN_PROGRESS',
          `The move to version ${request.version} has begun and not ended yet; it goes on.`,
          { cause: error },
        );
      }
      throw toTemporalError(error, address);
    }
  }

  return {
    startRetrain: ({ mode, trigger, requestedBy }) =>
      call(async () => {
        const request = { mode, trigger, requestedBy };
        try {
          const handle = await client.workflow.start<typeof retrain>(RETRAIN_WORKFLOW, {
            workflowId: retrainWorkflowId(MODEL_NAME),
            taskQueue: CONTROL_QUEUE,
            args: [defaultRetrainInput(request)],
            workflowIdConflictPolicy: 'FAIL',
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            memo: { [REQUEST_MEMO]: request },
            staticSummary: `${mode} retrain of ${MODEL_NAME} for ${requestedBy}`,
          });
          return { id: handle.firstExecutionRunId };
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
          const running = await client.workflow.getHandle(retrainWorkflowId(MODEL_NAME)).describe();
          throw new TemporalError('RUN_IN_PROGRESS', `The retrain ${running.runId} is already running.`, {
            cause: error,
            runId: running.runId,
          });
        }
      }),

    listRuns: (page) => call(() => runs.list(page)),

    getRun: (id) => call(() => runs.read(id)),

    cancelRun: (id) =>
      call(async () => {
        const run = await runs.read(id);
        if (run === null) throw new TemporalError('RUN_NOT_FOUND', `There is no run ${id}.`);
        const ended = new TemporalError('RUN_ENDED', `The run ${id} has already ended.`);
        if (run.state !== 'running') throw ended;
        try {
          await client.workflow.getHandle(retrainWorkflowId(MODEL_NAME), id).cancel();
        } catch (error) {
          throw error instanceof WorkflowNotFoundError ? ended : error;
        }
      }),

    async promote({ version, by, why }) {
      if ((await versions.get(version)) === null) {
        throw new TemporalError('VERSION_UNKNOWN', `There is no version ${version} of ${MODEL_NAME}.`);
      }
      return move({ action: 'promote', version, expected: await aliasTarget('prod'), by, why });
    },

    async rollback({ by, why }) {
      const [expected, version] = await Promise.all([aliasTarget('prod'), aliasTarget('previous')]);
      if (version === null || version === expected) {
        throw new TemporalError(
          'NOTHING_TO_ROLL_BACK',
          'There is no earlier version in service to go back to.',
        );
      }
      return move({ action: 'rollback', version, expected, by, why });
    },

    schedule: () => call(() => readSchedule(client)),
    updateSchedule: (change) => call(() => changeSchedule(client, change)),
    triggerSchedule: () => call(() => triggerSchedule(client)),

    ping: () =>
      call(
        async () => {
          await connection.workflowService.describeNamespace({ namespace });
        },
        Math.min(deadlineMs, PING_DEADLINE_MS),
      ),

    close: () => connection.close(),
  };
}

const PING_DEADLINE_MS = 2_000;

function promotionFailure(version: string, error: WorkflowFailedError): string {
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  return `Version ${version} was not promoted: ${cause?.message ?? error.message}`;
}
