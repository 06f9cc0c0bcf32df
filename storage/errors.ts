/** The error table of the storage room: code, meaning, and whether trying again can help. */

export const STORAGE_ERRORS = {
  S3_UNREACHABLE: {
    retryable: true,
    meaning: 'The S3 server did not answer or answered with a server error.',
  },
  S3_DENIED: { retryable: false, meaning: 'The S3 server refused the credentials.' },
  S3_FULL: { retryable: true, meaning: 'The S3 server has no space left.' },
  OBJECT_MISSING: { retryable: false, meaning: 'An object that should be there is not.' },
  OBJECT_EXISTS: { retryable: false, meaning: 'An object that may be written once only is already there.' },
  OBJECT_CHANGED: { retryable: true, meaning: 'An object was changed by someone else in the meantime.' },
  OBJECT_CORRUPT: { retryable: false, meaning: 'An object does not have the digest that names it.' },
  CORRECTION_NOT_FOUND: { retryable: false, meaning: 'There is no correction with this id.' },
  CURSOR_INVALID: { retryable: false, meaning: 'The cursor of a list was not made by this service.' },
  SNAPSHOT_NOT_FOUND: { retryable: false, meaning: 'There is no snapshot with this id.' },
  NO_BASE_DATA: { retryable: false, meaning: 'No data have been imported yet.' },
  SNAPSHOT_CONFLICT: { retryable: true, meaning: 'Another snapshot was written at the same time.' },
  IMPORT_NOT_FOUND: { retryable: false, meaning: 'There is no file or folder at the path to import.' },
  IMPORT_UNREADABLE: { retryable: false, meaning: 'The archive cannot be read.' },
  IMPORT_UNSAFE_NAME: { retryable: false, meaning: 'The archive holds a name that points outside of it.' },
  IMPORT_EMPTY: { retryable: false, meaning: 'No readable image in a class folder was found.' },
  IMPORT_UNKNOWN_CLASS: {
    retryable: false,
    meaning: 'The import has a class folder that the data set does not know.',
  },
  IMPORT_RESERVED_CLASS: {
    retryable: false,
    meaning: 'A class folder has a name that is reserved or cannot be a class name.',
  },
  IMPORT_TOO_LARGE: {
    retryable: false,
    meaning: 'The archive holds more or larger files than an import may have.',
  },
  IMPORT_MIXED_DATA: {
    retryable: false,
    meaning: 'Demo phantoms cannot be imported over real images.',
  },
  LABEL_UNKNOWN: { retryable: false, meaning: 'The label is no class of the data set.' },
  ATTEMPT_OVERTAKEN: {
    retryable: false,
    meaning: 'A later attempt of the same run has taken over; this one may write nothing more.',
  },
  DISK_FULL: { retryable: true, meaning: 'This machine has no space left for working files.' },
  MLFLOW_UNREACHABLE: { retryable: true, meaning: 'MLflow did not answer or answered with a server error.' },
  MLFLOW_DENIED: { retryable: false, meaning: 'MLflow refused the request or the credentials.' },
  MLFLOW_UNEXPECTED: { retryable: false, meaning: 'MLflow answered in a form that is not understood.' },
  VERSION_NOT_FOUND: { retryable: false, meaning: 'There is no such version of the model.' },
  ALIAS_MOVED: { retryable: false, meaning: 'The alias points to another version than expected.' },
} as const;

export type StorageErrorCode = keyof typeof STORAGE_ERRORS;

/** A failure of S3, MLflow or of what is kept there. */
export class StorageError extends Error {
  readonly retryable: boolean;
  constructor(
    readonly code: StorageErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'StorageError';
    this.retryable = STORAGE_ERRORS[code].retryable;
  }
}
