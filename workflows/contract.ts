/** Names, inputs, results and messages of the workflows: what clients, workers and workflows share. No dependencies. */
import type { GatePolicy, GateReason } from '../activities/types.js';

export const MODEL_NAME = 'medical-mnist';
export const CONTROL_QUEUE = 'control';
export const TRAINING_QUEUE = 'training';
export const SCHEDULE_ID = 'weekly-retrain';
/** One id for every retrain of a model, so that two can never run side by side. */
export const retrainWorkflowId = (model: string): string => `retrain/${model}`;
export const RETRAIN_WORKFLOW = 'retrain';
export const SCHEDULED_RETRAIN_WORKFLOW = 'scheduledRetrain';
export const PROMOTION_WORKFLOW = 'promotion';
export const promotionWorkflowId = (model: string): string => `promotion/${model}`;

export type RunTrigger = 'schedule' | 'manual' | 'start';

export interface RetrainInput {
  readonly model: string;
  readonly mode: 'warm' | 'full';
  readonly trigger: RunTrigger;
  readonly requestedBy: string;
  readonly seed: number;
  readonly warm: TrainingBudget;
  readonly full: TrainingBudget;
  readonly checkpointEveryMs: number;
  readonly policy: GatePolicy;
  readonly verifyTimeoutMs: number;
}

export interface TrainingBudget {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
}

export type Verdict = 'promoted' | 'refused' | 'nothing-new' | 'rolled-back' | 'already-running';

export interface RetrainOutcome {
  readonly verdict: Verdict;
  readonly modelVersion: string | null;
  readonly snapshot: string | null;
  readonly reasons: readonly GateReason[];
}

export const STEP_NAMES = ['snapshot', 'train', 'evaluate', 'register', 'promote', 'verify'] as const;
export type StepName = (typeof STEP_NAMES)[number];
export type StepState = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

export interface StepStatus {
  readonly name: StepName;
  readonly state: StepState;
  /** ISO 8601; null where not yet. */
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** Kept in the workflow's memo (key `status`), so that lists and closed runs need no worker to be read. */
export interface RunStatus {
  readonly steps: readonly StepStatus[];
  readonly outcome: RetrainOutcome | null;
}
export const STATUS_MEMO = 'status';
export const STATUS_QUERY = 'status';

/** What was asked for, in the memo (key `request`) from the start on: a listing shows it before any worker has come. */
export type RunRequest = Pick<RetrainInput, 'mode' | 'trigger' | 'requestedBy'>;
export const REQUEST_MEMO = 'request';

/** How a scheduled run ended: as its retrain did, or cancelled by hand, which must not pause the schedule. */
export interface ScheduledRetrainOutcome extends Omit<RetrainOutcome, 'verdict'> {
  readonly verdict: Verdict | 'cancelled';
}

/** Input of `promotion`: the only writer of aliases outside of a retrain. */
export interface PromotionInput {
  readonly model: string;
  /** `rollback` goes to the version that `previous` names. */
  readonly action: 'promote' | 'rollback';
  readonly version: string;
  readonly expected: string | null;
  readonly by: string;
  readonly why: string;
  readonly verifyTimeoutMs: number;
}

export interface PromotionOutcome {
  readonly version: string;
  readonly previous: string | null;
  readonly verified: boolean;
  /** True when serving did not confirm the version, so that the alias is back where it was. */
  readonly movedBack: boolean;
  readonly details: readonly string[];
}

/** Search attributes that the namespace must know, with their Temporal types. */
export const SEARCH_ATTRIBUTES = {
  MedloopModel: 'Keyword',
  MedloopTrigger: 'Keyword',
  MedloopVerdict: 'Keyword',
  MedloopVersion: 'Keyword',
  MedloopSnapshot: 'Keyword',
} as const;

export type { GateReason, GatePolicy };
