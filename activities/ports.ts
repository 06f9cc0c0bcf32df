/** What the steps are made from: the stores, the folders, and the few things that tests replace. */
import type { ChildProcess } from 'node:child_process';
import type { ModelRegistry, RunFiles, SnapshotId, SnapshotStore } from '../storage/types.js';

/** Starts the trainer with an IPC channel and piped output; it waits for its first message. */
export type SpawnTrainer = () => ChildProcess;

/**
 * Asks one API which version it serves; null when it serves none.
 * @throws Error with the reason when it does not answer
 */
export type ServingProbe = (url: string, timeoutMs: number) => Promise<string | null>;

export interface ActivityPorts {
  readonly snapshots: SnapshotStore;
  readonly runFiles: RunFiles;
  readonly registry: ModelRegistry;
  /** Absolute; data sets stay between runs. */
  readonly datasetsFolder: string;
  /** Absolute; holds a folder for each step while it runs. */
  readonly workFolder: string;
  readonly threads: number;
  readonly spawnTrainer: SpawnTrainer;
  readonly trainerTimes: TrainerTimes;
  readonly probe: ServingProbe;
  readonly servingUrls: readonly string[];
  /** Where a snapshot's manifest is, for the lineage in MLflow. */
  readonly snapshotUri: (id: SnapshotId) => string;
}

export interface TrainerTimes {
  /** Between two heartbeats. */
  readonly beatMs: number;
  /** What a trainer that is told to stop has for its last checkpoint before it is killed. */
  readonly stopMs: number;
  /** Longest silence of a trainer before it counts as hung. */
  readonly silenceMs: number;
  /** How long results are tried to be saved while the store does not answer. */
  readonly saveMs: number;
}

export const TRAINER_TIMES: TrainerTimes = {
  beatMs: 1000,
  stopMs: 5000,
  silenceMs: 600_000,
  saveMs: 900_000,
};
