/** What is kept, and the ports through which the other rooms reach it. */
import type {
  DatasetFiles,
  DecodedImage,
  EpochMetrics,
  Example,
  Labels,
  Sha256,
  Split,
} from '../model/types.js';

declare const brand: unique symbol;
/** ULID of a correction; sorts by time. */
export type CorrectionId = string & { readonly [brand]: 'CorrectionId' };
/** Position in the chain of snapshots, eight decimal digits, from `00000001`. */
export type SnapshotId = string & { readonly [brand]: 'SnapshotId' };
/** Number of a registered model version, as MLflow writes it. */
export type ModelVersion = string & { readonly [brand]: 'ModelVersion' };

// ---------------------------------------------------------------- objects

export interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly contentType: string | undefined;
}

/** S3 as the rest of the room uses it. Every failure is a `StorageError` of the table. */
export interface ObjectStore {
  /** Resolves only when the object is durable. `ifAbsent` fails with `OBJECT_EXISTS`, `ifMatch` with `OBJECT_CHANGED`. */
  put(
    key: string,
    body: Uint8Array | string,
    options?: { contentType?: string; ifAbsent?: boolean; ifMatch?: string },
  ): Promise<{ etag: string }>;
  /** Fails with `OBJECT_MISSING`. */
  get(key: string): Promise<StoredObject>;
  has(key: string): Promise<boolean>;
  /** Keys under a prefix in order, `startAfter` exclusive. */
  list(prefix: string, startAfter?: string): AsyncIterable<{ key: string; sizeBytes: number }>;
  putFile(key: string, path: string, options?: { contentType?: string; ifAbsent?: boolean }): Promise<void>;
  /** Streams into a temporary file beside `path` and renames it. */
  getFile(key: string, path: string): Promise<void>;
  /** Only for checkpoints and other working files; never for images, corrections, parts or snapshots. */
  remove(key: string): Promise<void>;
  ensureBucket(): Promise<void>;
  ping(): Promise<void>;
}

// ------------------------------------------------------------ corrections

/** Label of an image that shows none of the classes. It is kept, and never trained as a class. */
export const NONE_LABEL = 'none';

export type CorrectionStatus = 'accepted' | 'disputed' | 'rejected';
export type ReviewDecision = 'accept' | 'reject';

/** One immutable event: this person says that this image shows this class. */
export interface CorrectionEvent {
  readonly id: CorrectionId;
  readonly image: { readonly sha256: Sha256; readonly contentType: string; readonly sizeBytes: number };
  /** A class of the data set or `NONE_LABEL`. */
  readonly label: string;
  readonly author: string;
  /** ISO 8601, UTC. */
  readonly submittedAt: string;
  /** The answer that was corrected, where the client told it. */
  readonly predicted: { readonly label: string; readonly modelVersion: string | null } | null;
  readonly comment: string | null;
}

export interface Review {
  readonly decision: ReviewDecision;
  readonly reviewer: string;
  readonly reviewedAt: string;
}

/** An event with what later events and reviews made of it. */
export interface Correction extends CorrectionEvent {
  readonly status: CorrectionStatus;
  /** True when the same author said something else about the same image later. */
  readonly superseded: boolean;
  readonly review: Review | null;
  /** True when the image belongs to the golden set, which feedback never changes. */
  readonly golden: boolean;
}

export interface CorrectionSubmission {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly label: string;
  readonly author: string;
  readonly predicted: CorrectionEvent['predicted'];
  readonly comment: string | null;
}

export interface CorrectionStore {
  /**
   * Keeps image and event durably before it resolves. The same image and label by the same author again (as that
   * author's latest word) gives the first event and `created: false`.
   */
  submit(submission: CorrectionSubmission): Promise<{ correction: Correction; created: boolean }>;
  get(id: CorrectionId): Promise<Correction | null>;
  /** Newest first. A filtered page may be short, even empty, while `nextCursor` says that there is more. */
  list(options: {
    limit: number;
    cursor?: string;
    label?: string;
    author?: string;
    status?: CorrectionStatus;
  }): Promise<{ corrections: readonly Correction[]; nextCursor: string | null }>;
  review(id: CorrectionId, decision: ReviewDecision, reviewer: string): Promise<Correction>;
  /** Bytes as they were uploaded. */
  image(sha256: Sha256): Promise<StoredObject>;
}

// -------------------------------------------------------------- snapshots

export interface PartRef {
  /** SHA-256 of the `.npy` file, which it names. */
  readonly digest: Sha256;
  readonly rows: number;
  /** SHA-256 of the JSON Lines index, which it names: the same pixels may come again with other rows. */
  readonly index: Sha256;
}

/** One line of a part's index, in the order of its rows. */
export interface PartRow {
  readonly sha256: Sha256;
  readonly label: string;
  readonly split: Split;
  /** Correction that brought the image; null for base data. */
  readonly correction: CorrectionId | null;
  readonly author: string | null;
  /** File name inside the import; null for corrections. */
  readonly name: string | null;
}

/** Immutable manifest. It lists only what is new since its parent. */
export interface Snapshot {
  readonly id: SnapshotId;
  readonly parent: SnapshotId | null;
  readonly kind: 'import' | 'corrections';
  /** SHA-256 over parent digest, labels and parts: equal digests mean equal data. */
  readonly digest: Sha256;
  readonly createdAt: string;
  /** Idempotency key of who made it, such as a workflow run id. */
  readonly createdBy: string;
  readonly labels: Labels;
  readonly synthetic: boolean;
  /** New since the parent. */
  readonly parts: readonly PartRef[];
  /** Corrections taken by this snapshot, whatever became of them (disputed, rejected and `none` ones included). */
  readonly corrections: readonly CorrectionId[];
  /** Cumulative, parents included: `counts[split][label]`. */
  readonly counts: Readonly<Record<Split, Readonly<Record<string, number>>>>;
  /** Largest correction id seen; the next listing starts a safety margin before it. */
  readonly cursor: CorrectionId | null;
  /** True for the first real import over demo phantoms: the base data of all earlier snapshots no longer count. */
  readonly replacesBase: boolean;
  /** Where an import came from. */
  readonly source: { readonly name: string; readonly archive: Sha256 | null } | null;
  /** Corrections taken here whose image or event cannot be read, with the code of the reason. */
  readonly quarantined?: readonly { readonly correction: CorrectionId; readonly code: string }[];
}

export interface SnapshotStore {
  head(): Promise<Snapshot | null>;
  get(id: SnapshotId): Promise<Snapshot | null>;
  /** Newest first. */
  list(limit: number): Promise<readonly Snapshot[]>;
  /**
   * Takes every correction that is in no snapshot yet. With none, resolves to the head and `created: false`. Called
   * again with the same key it gives the snapshot that the first call made. Fails with `NO_BASE_DATA` before any import.
   */
  takeCorrections(idempotencyKey: string): Promise<{ snapshot: Snapshot; created: boolean; taken: number }>;
  /** The snapshot that took a correction, or null. */
  snapshotOf(id: CorrectionId): Promise<Snapshot | null>;
  /**
   * Lays the whole data set of a snapshot (parents included, latest word on each image, disputed images and `none`
   * left out) under `folder`, fetching only parts that are not there yet.
   */
  materialize(id: SnapshotId, folder: string): Promise<{ files: DatasetFiles; examples: readonly Example[] }>;
}

// ----------------------------------------------------------------- import

/** Decoder handed to the room by its users: bytes of a file to the network's pixels. Throws with a `code`. */
export type ImageDecoder = (bytes: Uint8Array) => Promise<DecodedImage>;

export interface ImportReport {
  readonly snapshot: SnapshotId;
  /** False when everything was already there: nothing was written. */
  readonly changed: boolean;
  readonly labels: Labels;
  readonly images: number;
  /** Images that the data set did not have before. */
  readonly added: number;
  readonly perClass: Readonly<Record<string, number>>;
  readonly counts: Snapshot['counts'];
  readonly synthetic: boolean;
  readonly seconds: number;
  /** Files that could not be read, with the decoder's code. */
  readonly broken: readonly { readonly name: string; readonly code: string; readonly message: string }[];
  /** Further copies of the same bytes within one class: counted once. */
  readonly duplicates: readonly { readonly name: string; readonly firstName: string }[];
  /** The same bytes under two classes: none of the copies is taken. */
  readonly conflicts: readonly { readonly sha256: Sha256; readonly names: readonly string[] }[];
  /** Classes of the data set that this import brought nothing for. */
  readonly missingClasses: readonly string[];
  /** Files that are no images and were passed over (`.DS_Store`, read-me files …). */
  readonly ignored: number;
}

/** Where an import comes from. `entries` yields in a stable order. */
export interface ImportSource {
  readonly name: string;
  readonly synthetic: boolean;
  /** Fixed class order, for generated data; otherwise the sorted folder names become the order at the first import. */
  readonly labels?: Labels;
  /** Path of the archive to keep as it came; null where there is none. */
  readonly archivePath: string | null;
  readonly total: number;
  /** Files that were passed over because they are no images; 0 where not given. */
  readonly ignored?: number;
  entries(): AsyncIterable<ImportEntry>;
}

export interface ImportEntry {
  readonly name: string;
  readonly label: string;
  readonly bytes: Uint8Array;
  /** Set when the file could not be read out of its archive: it is listed as broken, and `bytes` is empty. */
  readonly problem?: { readonly code: string; readonly message: string };
}

export interface ImportService {
  run(
    source: ImportSource,
    onProgress: (progress: { done: number; total: number; phase: 'read' | 'write' }) => void,
  ): Promise<ImportReport>;
}

// --------------------------------------------------------- run's own files

/** Working files of one retrain, by its workflow run id: checkpoints, the trained model, the evaluation. */
export interface RunFiles {
  /** Uploads a finished checkpoint folder, then points `latest` at it. */
  saveCheckpoint(runId: string, attempt: number, step: number, folder: string): Promise<CheckpointRef>;
  latestCheckpoint(runId: string): Promise<CheckpointRef | null>;
  fetchCheckpoint(ref: CheckpointRef, folder: string): Promise<void>;
  /** Uploads every file below `folder`; idempotent. */
  saveModel(runId: string, folder: string): Promise<ModelFilesRef>;
  fetchModel(ref: ModelFilesRef, folder: string): Promise<void>;
  saveDocument(runId: string, name: string, document: unknown): Promise<void>;
  readDocument(runId: string, name: string): Promise<unknown>;
  /** Deletes checkpoints, never the model or documents. */
  dropCheckpoints(runId: string): Promise<void>;
}

export interface CheckpointRef {
  readonly runId: string;
  readonly attempt: number;
  readonly step: number;
}

export interface ModelFilesRef {
  readonly runId: string;
  /** SHA-256 over names and digests of all files. */
  readonly digest: Sha256;
}

// --------------------------------------------------------------- registry

export interface RegisteredVersion {
  readonly version: ModelVersion;
  readonly aliases: readonly string[];
  readonly createdAt: string;
  readonly labels: Labels;
  readonly snapshot: SnapshotId;
  readonly snapshotDigest: string;
  readonly synthetic: boolean;
  /** MLflow run id. */
  readonly runId: string;
  readonly workflowRunId: string;
  readonly verdict: 'promote' | 'refuse';
  readonly metrics: Readonly<Record<string, number>>;
  readonly mode: 'warm' | 'full';
  readonly description?: string;
  /** Every time that `prod` was moved to this version, oldest first. */
  readonly promotions?: readonly PromotionRecord[];
}

/** Who moved `prod`, when, from which version to which, and why. Kept as a tag of the version that it was moved to. */
export interface PromotionRecord {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly by: string;
  readonly from: ModelVersion | null;
  readonly to: ModelVersion;
  readonly why: string;
}

export interface RegistrationRequest {
  /** Temporal workflow run id: one MLflow run and one version for each. */
  readonly workflowRunId: string;
  readonly runName: string;
  /** Time of the run's start in ms; metrics take their time from it so that a retry writes no second point. */
  readonly startedAtMs: number;
  /** Folder with `MLmodel`, `model.onnx`, `tfjs/` and what else belongs to the version. */
  readonly modelFolder: string;
  /**
   * Makes the files that name MLflow's own ids (`MLmodel` and what goes with it): path in the version to text. Called
   * again after a cut it must give the same text for the same ids.
   */
  readonly modelFiles?: (ids: {
    readonly runId: string;
    readonly modelId: string;
    readonly artifactPath: string;
  }) => Readonly<Record<string, string>>;
  /** Further artifacts of the run, such as the confusion matrix: file name to content. */
  readonly artifacts: Readonly<Record<string, string | Uint8Array>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly epochs: readonly EpochMetrics[];
  readonly dataset: {
    readonly name: string;
    readonly digest: string;
    readonly rows: number;
    readonly uri: string;
  };
  readonly tags: Readonly<Record<string, string>>;
  readonly labels: Labels;
  readonly snapshot: SnapshotId;
  readonly snapshotDigest: string;
  readonly synthetic: boolean;
  readonly verdict: 'promote' | 'refuse';
  readonly mode: 'warm' | 'full';
  readonly description: string;
}

/** MLflow's registry and tracker. Every failure is a `StorageError` of the table. */
export interface ModelRegistry {
  ensure(): Promise<void>;
  /** Idempotent by `workflowRunId`, also when an earlier call was cut off anywhere. */
  register(request: RegistrationRequest): Promise<RegisteredVersion>;
  byAlias(alias: string): Promise<RegisteredVersion | null>;
  get(version: ModelVersion): Promise<RegisteredVersion | null>;
  /** Newest first. */
  list(limit: number): Promise<readonly RegisteredVersion[]>;
  /**
   * Points `prod` at a version and `previous` at the one before. Compare-and-set: fails with `ALIAS_MOVED` when `prod`
   * is not at `expected`. Already there: resolves without a change.
   */
  promote(
    version: ModelVersion,
    expected: ModelVersion | null,
    by: string,
    why: string,
    /** Undoes a promotion: `previous` goes back to what it named before that, instead of to `expected`. */
    takeBack?: boolean,
  ): Promise<void>;
  /** Downloads every file of a version below `folder`, checked against the digests in its tags. */
  download(version: ModelVersion, folder: string): Promise<void>;
  ping(): Promise<void>;
  /** Address of a version in MLflow's own pages. */
  pageUrl(version: ModelVersion): string;
}
