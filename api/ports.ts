/** What the HTTP application is made from: every part that it talks to, as interfaces. */
import type { Logger } from '../config/log.js';
import type {
  CorrectionStore,
  ImageDecoder,
  ImportReport,
  ModelRegistry,
  SnapshotStore,
} from '../storage/types.js';
import type { TemporalClient } from '../temporal/types.js';
import type { Metrics } from './metrics.js';
import type { Predictor } from './serving/predictor.js';
import type { ModelSlot } from './serving/slot.js';
import type { WatcherState } from './serving/watcher.js';

export interface UploadLimits {
  /** One file, in bytes. */
  readonly fileBytes: number;
  /** One picture, in pixels. */
  readonly pixels: number;
  /** Files of one request. */
  readonly files: number;
  /** All files of one request together, in bytes. */
  readonly requestBytes: number;
  /** All uploads that are in memory at the same time, in bytes. */
  readonly heldBytes: number;
}

/** Where an import's data come from. */
export type ImportJob =
  { readonly kind: 'archive'; readonly path: string; readonly name: string } | { readonly kind: 'demo' };

export interface ImportProgress {
  readonly done: number;
  readonly total: number;
  readonly phase: 'read' | 'write';
}

/** Runs one import outside of this process. Failures are `ApiError`s. */
export interface ImportRunner {
  run(
    job: ImportJob,
    onProgress: (progress: ImportProgress) => void,
    signal: AbortSignal,
  ): Promise<ImportReport>;
}

export interface AppSettings {
  readonly version: string;
  /** Host names that requests may name, besides every loopback name. */
  readonly hosts: readonly string[];
  readonly limits: UploadLimits;
  /** How long a part may take to answer before the request fails, in ms. */
  readonly deadlineMs: number;
  /** How long moving the alias may take, verification included, in ms. */
  readonly promotionDeadlineMs: number;
  readonly temporalUiUrl: string | null;
  readonly temporalNamespace: string;
  readonly mlflowUrl: string | null;
  /** Folder of the built page; the page is left out where it does not exist. */
  readonly webFolder: string;
  /** Folder for uploads on their way into an import. */
  readonly uploadFolder: string;
  /** Largest archive that an import takes, in bytes. */
  readonly archiveBytes: number;
  /** How often a run is read while someone watches it, in ms. */
  readonly eventsPollMs: number;
  readonly eventsHeartbeatMs: number;
}

export interface AppPorts {
  readonly settings: AppSettings;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly decode: ImageDecoder;
  readonly predictor: Predictor;
  readonly slot: ModelSlot;
  readonly watcher: { state(): WatcherState };
  readonly corrections: CorrectionStore;
  readonly snapshots: SnapshotStore;
  readonly registry: ModelRegistry;
  readonly temporal: TemporalClient;
  readonly objects: { ping(): Promise<void> };
  readonly imports: ImportRunner;
  /** Fires when the process is told to stop: streams end and imports are given up. */
  readonly stopping: AbortSignal;
}
