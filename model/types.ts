/** The words that every room shares about images, labels, training and evaluation. */

declare const brand: unique symbol;
/** Hex SHA-256 (64 lower-case digits). */
export type Sha256 = string & { readonly [brand]: 'Sha256' };

/** Class names in the order of the network's outputs. Never sorted, never derived from folders. */
export type Labels = readonly string[];

/** Side of the square greyscale image that the network sees, in pixels. */
export const IMAGE_SIDE = 64;
export const IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE;

/** What a user's file became: the pixels that training and serving both use. */
export interface DecodedImage {
  /** Row-major `uint8` greyscale, `IMAGE_PIXELS` long. */
  readonly pixels: Uint8Array;
  /** Size of the upright original in pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * `golden` and `validation` come from the base data only; `exam` are corrections kept from this snapshot's
 * training; `train` is all the rest.
 */
export type Split = 'train' | 'validation' | 'golden' | 'exam';
export type Origin = 'base' | 'correction';

/** One row of a resolved data set. `part` and `row` say where its pixels are. */
export interface Example {
  readonly sha256: Sha256;
  readonly part: number;
  readonly row: number;
  /** Index into the data set's labels. */
  readonly label: number;
  readonly split: Split;
  readonly origin: Origin;
  /** True for corrections that are new in this snapshot (the week's), also for its exam share. */
  readonly fresh: boolean;
}

/** A data set laid out on the local disk for the trainer and the evaluation. */
export interface DatasetFiles {
  readonly labels: Labels;
  /** Digest of the snapshot that it resolves. */
  readonly digest: string;
  /** `.npy` files (`uint8`, shape rows × 64 × 64), in the order of `Example.part`. */
  readonly parts: readonly { readonly imagesPath: string; readonly rows: number }[];
  /** JSON Lines, one `Example` a line. */
  readonly examplesPath: string;
  /** True when the base data are drawn by the generator and not real. */
  readonly synthetic: boolean;
}

export interface TrainingSettings {
  readonly mode: 'warm' | 'full';
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
}

/** What the trainer process is told by its parent in its first message. All paths are local and absolute. */
export interface TrainerJob {
  readonly dataset: DatasetFiles;
  readonly settings: TrainingSettings;
  /** Folder with the champion's `tfjs/` files; `null` trains from scratch. */
  readonly warmFrom: string | null;
  /** Folder of a checkpoint to go on from; `null` starts at step 0. */
  readonly resumeFrom: string | null;
  /** Empty folder in which the trainer writes checkpoints and, at the end, the model's files. */
  readonly workFolder: string;
  readonly checkpointEveryMs: number;
  readonly threads: number;
}

export interface EpochMetrics {
  readonly epoch: number;
  readonly loss: number;
  readonly trainAccuracy: number;
  readonly validationAccuracy: number;
  readonly validationLoss: number;
  readonly seconds: number;
}

export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly totalEpochs: number;
  readonly loss: number;
  readonly imagesPerSecond: number;
  readonly remainingSeconds: number;
  readonly epochs: readonly EpochMetrics[];
}

/** Trainer process to parent. */
export type TrainerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: TrainingProgress }
  /** Everything in `folder` is complete and synced; the folder is never written again. */
  | { readonly type: 'checkpoint'; readonly folder: string; readonly step: number }
  /** Answer to `stop`, after a last checkpoint. */
  | { readonly type: 'stopped'; readonly folder: string | null; readonly step: number }
  | { readonly type: 'done'; readonly result: TrainerResult }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** Parent to trainer process. */
export type TrainerCommand = { readonly type: 'start'; readonly job: TrainerJob } | { readonly type: 'stop' };

export interface TrainerResult {
  /**
   * Folder with `model.onnx`, `tfjs/model.json`, `tfjs/weights.bin`, `history.json` (`EpochMetrics[]`),
   * `golden-examples.json` (`GoldenExamples`) and `trained-golden.npy` (`float32`, golden rows × classes: what the
   * trained network itself answers on the golden set, in the order of the examples file).
   */
  readonly folder: string;
  readonly steps: number;
  readonly seconds: number;
  readonly parameters: number;
}

/** A few images and answers stored with a model; serving recomputes them before it swaps. */
export interface GoldenExamples {
  readonly labels: Labels;
  readonly examples: readonly {
    /** Base64 of `IMAGE_PIXELS` bytes. */
    readonly pixels: string;
    readonly probabilities: readonly number[];
  }[];
}

/** One model on one set of examples. */
export interface Evaluation {
  readonly count: number;
  readonly correct: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly loss: number;
  /** Expected calibration error, 15 equal-width bins, 0 to 1. */
  readonly calibrationError: number;
  /** `confusion[truth][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
  readonly perClass: readonly {
    readonly label: string;
    readonly support: number;
    readonly precision: number | null;
    readonly recall: number | null;
    readonly f1: number | null;
  }[];
}

/** Both models on the same examples. `champion` is null for the first version. */
export interface EvaluationReport {
  readonly labels: Labels;
  readonly datasetDigest: string;
  readonly golden: { readonly challenger: Evaluation; readonly champion: Evaluation | null };
  /** This snapshot's exam share; null where it is empty. */
  readonly exam: { readonly challenger: Evaluation; readonly champion: Evaluation | null } | null;
  /** All trained corrections, this week's and earlier ones; null where there are none. */
  readonly corrections: { readonly challenger: Evaluation; readonly champion: Evaluation | null } | null;
  /** Largest difference of any probability between the ONNX file and the trained network on the golden set. */
  readonly onnxDifference: number;
}

/** Thresholds of the gate: data in the run's input, so that a change of policy never breaks a replay. */
export interface GatePolicy {
  /** Accuracy on the golden set that the first version must reach, 0 to 1. */
  readonly firstVersionFloor: number;
  /** How much the golden accuracy may fall against the champion, 0 to 1. */
  readonly goldenTolerance: number;
  /** How much any class's golden recall may fall, 0 to 1. */
  readonly classRecallTolerance: number;
  /** Largest difference between ONNX and trained network. */
  readonly onnxTolerance: number;
}

export interface GateReason {
  readonly code: string;
  readonly passed: boolean;
  /** One sentence with the figures. */
  readonly text: string;
}

export interface GateVerdict {
  readonly promote: boolean;
  readonly reasons: readonly GateReason[];
}
