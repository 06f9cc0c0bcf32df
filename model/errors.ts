/** The error table of the model room: code, meaning, and the HTTP status where a user's file caused it. */

export const MODEL_ERRORS = {
  IMAGE_EMPTY: { status: 400, meaning: 'The file is empty.' },
  IMAGE_TOO_LARGE: { status: 413, meaning: 'The file has more bytes or pixels than are accepted.' },
  IMAGE_UNSUPPORTED: { status: 415, meaning: 'The file is neither a JPEG nor a PNG image.' },
  IMAGE_ANIMATED: { status: 415, meaning: 'The file holds more than one picture.' },
  IMAGE_UNREADABLE: { status: 422, meaning: 'The file starts like an image but is cut off or damaged.' },
  IMAGE_TIMEOUT: { status: 422, meaning: 'Decoding the file took too long.' },
  MODEL_UNREADABLE: { status: 500, meaning: 'The model file cannot be loaded.' },
  MODEL_LABELS_DIFFER: {
    status: 500,
    meaning: 'The model has other classes than expected, or another order.',
  },
  MODEL_CHECK_FAILED: {
    status: 500,
    meaning: 'The model does not give the answers of its own golden examples.',
  },
  DATASET_INVALID: {
    status: 500,
    meaning: 'The data set handed to the trainer is incomplete or inconsistent.',
  },
  CHECKPOINT_INVALID: { status: 500, meaning: 'A checkpoint does not belong to this run or is damaged.' },
  TENSORFLOW_MISSING: { status: 500, meaning: 'The native TensorFlow library cannot be loaded.' },
  TRAINING_DIVERGED: { status: 500, meaning: 'The loss became infinite or not a number.' },
} as const;

export type ModelErrorCode = keyof typeof MODEL_ERRORS;

/** A failure of an image, a data set or a model file. */
export class ModelError extends Error {
  constructor(
    readonly code: ModelErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ModelError';
  }
}
