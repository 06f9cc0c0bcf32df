/** Inputs and results of the activities: references, digests and small figures only, never images or tensors. */
import type { GatePolicy, GateReason, TrainingProgress, TrainingSettings } from '../model/types.js';
export type { GatePolicy, GateReason, TrainingProgress };
import type { CheckpointRef, ModelFilesRef, ModelVersion, SnapshotId } from '../storage/types.js';

export interface SnapshotInput {
  readonly model: string;
  readonly mode: 'warm' | 'full';
}

export interface SnapshotResult {
  readonly snapshot: SnapshotId;
  readonly digest: string;
  /** Corrections that this snapshot took. */
  readonly taken: number;
  readonly championVersion: ModelVersion | null;
  /** True when there is nothing that the latest registered version has not been trained on, and the mode is warm. */
  readonly nothingNew: boolean;
}

export interface TrainInput {
  readonly model: string;
  readonly snapshot: SnapshotId;
  readonly championVersion: ModelVersion | null;
  readonly settings: TrainingSettings;
  readonly checkpointEveryMs: number;
}

export interface TrainResult {
  readonly model: ModelFilesRef;
  /** What was really done: a warm run without a champion, or with other labels, trains in full. */
  readonly settings: TrainingSettings;
  readonly steps: number;
  readonly seconds: number;
  readonly parameters: number;
}

/** What every heartbeat of `trainModel` carries: a beat without it would erase the resume point. */
export interface TrainHeartbeat {
  readonly progress: TrainingProgress | null;
  readonly checkpoint: CheckpointRef | null;
}

export interface EvaluateInput {
  readonly model: string;
  readonly snapshot: SnapshotId;
  readonly challenger: ModelFilesRef;
  readonly championVersion: ModelVersion | null;
  readonly policy: GatePolicy;
}

export interface EvaluateResult {
  readonly promote: boolean;
  readonly reasons: readonly GateReason[];
  /** Small figures for lists: golden accuracy of both, and so on. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface RegisterInput {
  readonly model: string;
  readonly snapshot: SnapshotId;
  readonly challenger: ModelFilesRef;
  readonly training: TrainResult;
  readonly evaluation: EvaluateResult;
  readonly championVersion: ModelVersion | null;
  readonly startedAtMs: number;
  readonly requestedBy: string;
}

export interface RegisterResult {
  readonly version: ModelVersion;
}

export interface PromoteInput {
  readonly model: string;
  readonly version: ModelVersion;
  /** Version that `prod` points to now; null where there is none. */
  readonly expected: ModelVersion | null;
  readonly by: string;
  readonly why: string;
  /** Undoes a promotion that serving did not confirm. */
  readonly takeBack?: boolean;
}

export interface PromoteResult {
  readonly version: ModelVersion;
  readonly previous: ModelVersion | null;
}

export interface VerifyInput {
  readonly model: string;
  readonly version: ModelVersion;
  readonly timeoutMs: number;
}

export interface VerifyResult {
  readonly verified: boolean;
  /** One sentence for each serving address. */
  readonly details: readonly string[];
}

/** The activities of both task queues by their registered names. */
export interface ControlActivities {
  snapshotCorrections(input: SnapshotInput): Promise<SnapshotResult>;
  registerModel(input: RegisterInput): Promise<RegisterResult>;
  promoteModel(input: PromoteInput): Promise<PromoteResult>;
  verifyServing(input: VerifyInput): Promise<VerifyResult>;
}

export interface TrainingActivities {
  trainModel(input: TrainInput): Promise<TrainResult>;
  evaluateModel(input: EvaluateInput): Promise<EvaluateResult>;
}
