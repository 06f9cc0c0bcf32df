/** The error table of the activities: code (the failure's `type` in Temporal), meaning, and whether it is retried. */

export const ACTIVITY_ERRORS = {
  STORAGE_UNAVAILABLE: { retryable: true, meaning: 'S3 or MLflow did not answer; the step is tried again.' },
  STORAGE_REJECTED: { retryable: false, meaning: 'S3 or MLflow refused what the step asked for.' },
  DATA_MISSING: { retryable: false, meaning: 'There is no data set, or a part of it is missing or damaged.' },
  TRAINER_CRASHED: {
    retryable: true,
    meaning: 'The trainer process ended without a result; it goes on from its last checkpoint.',
  },
  TRAINER_STOPPED: {
    retryable: true,
    meaning: 'The trainer was stopped with its worker; it goes on from its last checkpoint.',
  },
  TRAINING_DIVERGED: { retryable: false, meaning: 'The loss became infinite or not a number.' },
  TENSORFLOW_MISSING: {
    retryable: false,
    meaning: 'The native TensorFlow library cannot be loaded on this worker.',
  },
  MODEL_INVALID: { retryable: false, meaning: 'A model file cannot be loaded or does not fit the data set.' },
  ALIAS_MOVED: { retryable: false, meaning: 'The alias `prod` was moved by someone else during the run.' },
  WORKER_STOPPED: {
    retryable: true,
    meaning: 'The worker was stopped during the step; the next attempt starts the step anew.',
  },
  DISK_FULL: { retryable: true, meaning: 'The worker has no space left for its working files.' },
  UNEXPECTED: { retryable: true, meaning: 'A fault that the table does not know; tried again a few times.' },
} as const;

export type ActivityErrorCode = keyof typeof ACTIVITY_ERRORS;
