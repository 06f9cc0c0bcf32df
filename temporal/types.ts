/** What clients (API, command line) can ask of Temporal, in Medloop's own words. */
import type { TrainingProgress } from '../activities/types.js';
import type {
  PromotionOutcome,
  RetrainOutcome,
  RunTrigger,
  StepName,
  StepState,
} from '../workflows/contract.js';

export interface RunStep {
  readonly name: StepName;
  readonly state: StepState;
  /** Attempts so far, 0 before the first. */
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Why the latest attempt failed, while the step waits for its next one. */
  readonly lastFailure?: RunFailure;
}

export interface RunFailure {
  readonly code: string;
  /** One sentence. */
  readonly message: string;
}

export interface Run {
  /** Temporal run id. */
  readonly id: string;
  readonly trigger: RunTrigger;
  readonly mode: 'warm' | 'full';
  readonly requestedBy: string;
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly steps: readonly RunStep[];
  readonly progress: TrainingProgress | null;
  readonly outcome: RetrainOutcome | null;
  readonly failure: RunFailure | null;
}

export interface ScheduleStatus {
  readonly cron: string;
  readonly timezone: string;
  readonly paused: boolean;
  readonly note: string | null;
  /** ISO 8601, soonest first. */
  readonly nextTimes: readonly string[];
  readonly lastRunAt: string | null;
}

/** Where `prod` and `previous` point and which versions there are: a `ModelRegistry` is one. */
export interface VersionReader {
  byAlias(alias: string): Promise<{ readonly version: string } | null>;
  get(version: string): Promise<{ readonly version: string } | null>;
}

/**
 * Every failure is a `TemporalError` of the room's table; `promote` and `rollback` also pass on the failures of the
 * `VersionReader`.
 */
export interface TemporalClient {
  /** Fails with `RUN_IN_PROGRESS` (its `runId` names the running one) when a retrain already runs. */
  startRetrain(options: {
    mode: 'warm' | 'full';
    trigger: RunTrigger;
    requestedBy: string;
  }): Promise<{ id: string }>;
  /** Newest first. */
  listRuns(options: {
    limit: number;
    cursor?: string;
  }): Promise<{ runs: readonly Run[]; nextCursor: string | null }>;
  getRun(id: string): Promise<Run | null>;
  /** Fails with `RUN_NOT_FOUND`, or `RUN_ENDED` when there is nothing to cancel. */
  cancelRun(id: string): Promise<void>;
  /**
   * Moves the alias through the `promotion` workflow and waits for its end. A version that serving does not confirm is
   * a result (`verified: false`). Fails with `VERSION_UNKNOWN`, `PROMOTION_IN_PROGRESS` or `PROMOTION_FAILED`.
   */
  promote(options: { version: string; by: string; why: string }): Promise<PromotionOutcome>;
  /** Like `promote`, to the version that `previous` names. Fails with `NOTHING_TO_ROLL_BACK` where there is none. */
  rollback(options: { by: string; why: string }): Promise<PromotionOutcome>;
  schedule(): Promise<ScheduleStatus>;
  updateSchedule(change: { paused?: boolean; cron?: string; note?: string }): Promise<ScheduleStatus>;
  /** Starts a scheduled run now (overlap policy: skip). */
  triggerSchedule(): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
