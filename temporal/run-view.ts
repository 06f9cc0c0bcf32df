/** From what Temporal keeps of a run (memo, pending activities, history) to Medloop's own words. */
import type { WorkflowExecutionDescription, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { TrainHeartbeat } from '../activities/types.js';
import {
  REQUEST_MEMO,
  STATUS_MEMO,
  STEP_NAMES,
  type RunRequest,
  type RunStatus,
  type StepName,
} from '../workflows/contract.js';
import type { RunDetails } from './run-history.js';
import type { Run, RunFailure, RunStep } from './types.js';

/** The step that each activity belongs to. */
export const STEP_OF_ACTIVITY: Readonly<Record<string, StepName>> = {
  snapshotCorrections: 'snapshot',
  trainModel: 'train',
  evaluateModel: 'evaluate',
  registerModel: 'register',
  promoteModel: 'promote',
  verifyServing: 'verify',
};

/** Of one activity that runs or waits for its next attempt. */
export interface PendingStep {
  readonly attempt: number;
  readonly progress: Run['progress'];
  readonly lastFailure: RunFailure | null;
}

type RawFailure = NonNullable<
  NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]['lastFailure']
>;

/** The code and sentence of a failure: those of the innermost application failure, else what kind of fault it was. */
export function readFailure(failure: RawFailure): RunFailure {
  let activity: string | undefined;
  for (let at: RawFailure | null | undefined = failure; at; at = at.cause) {
    activity ??= at.activityFailureInfo?.activityType?.name ?? undefined;
    const step = activity === undefined ? undefined : STEP_OF_ACTIVITY[activity];
    const where = step === undefined ? '' : `The step ${step} failed: `;
    if (at.applicationFailureInfo) {
      return { code: at.applicationFailureInfo.type ?? 'UNEXPECTED', message: where + (at.message ?? '') };
    }
    if (at.timeoutFailureInfo) {
      return {
        code: 'TIMED_OUT',
        message: step === undefined ? 'The run took too long.' : `The step ${step} took too long to answer.`,
      };
    }
    if (at.terminatedFailureInfo) return { code: 'TERMINATED', message: 'The run was terminated.' };
  }
  return { code: 'UNEXPECTED', message: failure.message ?? 'The run failed.' };
}

/** Activities under way, by step. */
export function readPending(raw: WorkflowExecutionDescription['raw']): ReadonlyMap<StepName, PendingStep> {
  const pending = new Map<StepName, PendingStep>();
  for (const activity of raw.pendingActivities ?? []) {
    const step = STEP_OF_ACTIVITY[activity.activityType?.name ?? ''];
    if (step === undefined) continue;
    pending.set(step, {
      attempt: activity.attempt ?? 1,
      progress: step === 'train' ? readProgress(activity.heartbeatDetails?.payloads?.[0]) : null,
      lastFailure: activity.lastFailure ? readFailure(activity.lastFailure) : null,
    });
  }
  return pending;
}

function readProgress(payload: Payload | undefined): Run['progress'] {
  if (payload === undefined) return null;
  const beat = defaultPayloadConverter.fromPayload<Partial<TrainHeartbeat> | null>(payload);
  return beat?.progress ?? null;
}

/** Puts one run together. `pending` and `details` may be empty where they are not known. */
export function toRun(
  info: Pick<WorkflowExecutionInfo, 'runId' | 'status' | 'startTime' | 'closeTime' | 'memo'>,
  pending: ReadonlyMap<StepName, PendingStep>,
  details: RunDetails,
): Run {
  const request = info.memo?.[REQUEST_MEMO] as RunRequest | undefined;
  const status = info.memo?.[STATUS_MEMO] as RunStatus | undefined;
  const state = stateOf(info.status.name);
  return {
    id: info.runId,
    trigger: request?.trigger ?? 'manual',
    mode: request?.mode ?? 'warm',
    requestedBy: request?.requestedBy ?? 'unknown',
    state,
    startedAt: info.startTime.toISOString(),
    endedAt: info.closeTime?.toISOString() ?? null,
    steps: STEP_NAMES.map((name) =>
      toStep(
        name,
        status?.steps.find((step) => step.name === name),
        state,
        pending.get(name),
        details.attempts.get(name),
      ),
    ),
    progress: pending.get('train')?.progress ?? null,
    outcome: status?.outcome ?? null,
    failure: state === 'failed' ? (details.failure ?? failureOfStatus(info.status.name)) : null,
  };
}

function toStep(
  name: StepName,
  kept: RunStatus['steps'][number] | undefined,
  run: Run['state'],
  pending: PendingStep | undefined,
  finishedAttempts: number | undefined,
): RunStep {
  const begun = kept !== undefined && kept.startedAt !== null;
  const attempt = finishedAttempts ?? pending?.attempt ?? (begun ? 1 : 0);
  const state = kept?.state ?? 'pending';
  const failing = run === 'running' && pending?.lastFailure ? { lastFailure: pending.lastFailure } : {};
  return {
    name,
    // A run that was terminated or timed out could not write how its steps ended.
    state: run === 'running' || (state !== 'running' && state !== 'pending') ? state : endOf(state, run),
    attempt,
    startedAt: kept?.startedAt ?? null,
    endedAt: kept?.endedAt ?? null,
    ...failing,
  };
}

function endOf(state: 'running' | 'pending', run: Run['state']): RunStep['state'] {
  if (state === 'pending') return 'skipped';
  return run === 'cancelled' ? 'cancelled' : 'failed';
}

function stateOf(status: string): Run['state'] {
  switch (status) {
    case 'COMPLETED':
      return 'succeeded';
    case 'CANCELLED':
      return 'cancelled';
    case 'RUNNING':
    case 'PAUSED':
      return 'running';
    default:
      return 'failed';
  }
}

function failureOfStatus(status: string): RunFailure {
  if (status === 'TERMINATED') return { code: 'TERMINATED', message: 'The run was terminated.' };
  if (status === 'TIMED_OUT') return { code: 'TIMED_OUT', message: 'The run took too long.' };
  return { code: 'UNEXPECTED', message: 'The run failed; its history says why.' };
}
