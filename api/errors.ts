/** The error catalogue of the HTTP API: every code that a client can meet, and how a failure becomes a problem. */
import { MulterError } from 'multer';
import { ZodError } from 'zod';
import { MODEL_ERRORS, ModelError } from '../model/errors.js';
import { STORAGE_ERRORS, StorageError, type StorageErrorCode } from '../storage/errors.js';
import { TEMPORAL_ERRORS, TemporalError } from '../temporal/errors.js';
import type { Problem } from './schema.js';

interface CatalogueEntry {
  readonly status: number;
  readonly meaning: string;
}

/** Failures that arise in this room. */
export const API_ERRORS = {
  ROUTE_NOT_FOUND: { status: 404, meaning: 'There is nothing at this address.' },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'The address does not take this method.' },
  REQUEST_MALFORMED: { status: 400, meaning: 'What was sent is not an HTTP request.' },
  HEADERS_TOO_LARGE: { status: 431, meaning: 'The headers of the request are too long.' },
  PATH_INVALID: { status: 400, meaning: 'The address is not well formed.' },
  REQUEST_INVALID: { status: 400, meaning: 'A field of the request is missing or not usable.' },
  JSON_INVALID: { status: 400, meaning: 'The body is not valid JSON.' },
  BODY_TOO_LARGE: { status: 413, meaning: 'The body is larger than this address takes.' },
  BODY_UNSUPPORTED: { status: 415, meaning: 'The body is of a type that this address does not take.' },
  MULTIPART_INVALID: { status: 400, meaning: 'The multipart body is cut off or not well formed.' },
  FIELD_UNEXPECTED: { status: 400, meaning: 'A file came in a field that does not take files.' },
  FIELD_LIMIT: { status: 400, meaning: 'There are too many form fields, or one is too long.' },
  TOO_MANY_FILES: { status: 413, meaning: 'The request has more files than are taken at once.' },
  NO_IMAGE: { status: 400, meaning: 'The request has no file in the field `image`.' },
  UPLOAD_TIMEOUT: { status: 408, meaning: 'The upload took too long.' },
  ORIGIN_FOREIGN: { status: 403, meaning: 'A page of another site may not change anything here.' },
  HOST_UNKNOWN: { status: 421, meaning: 'The request names a host that is not this server.' },
  OVERLOADED: { status: 503, meaning: 'Too many images are waiting; try again in a moment.' },
  NO_MODEL: { status: 503, meaning: 'No model is loaded yet.' },
  NO_LABELS: { status: 503, meaning: 'No classes are known yet: there is neither a model nor a data set.' },
  IMPORT_RUNNING: { status: 409, meaning: 'Another import is running.' },
  IMPORT_FAILED: { status: 500, meaning: 'The import ended without a result.' },
  PART_TIMEOUT: { status: 503, meaning: 'A part of the service did not answer in time.' },
  STOPPING: { status: 503, meaning: 'The service is stopping.' },
  INTERNAL: { status: 500, meaning: 'Something went wrong that is not the request’s fault.' },
} as const satisfies Record<string, CatalogueEntry>;

const STORAGE_STATUS: Readonly<Record<StorageErrorCode, number>> = {
  S3_UNREACHABLE: 503,
  S3_DENIED: 503,
  S3_FULL: 507,
  OBJECT_MISSING: 404,
  OBJECT_EXISTS: 409,
  OBJECT_CHANGED: 409,
  OBJECT_CORRUPT: 500,
  CORRECTION_NOT_FOUND: 404,
  CURSOR_INVALID: 400,
  SNAPSHOT_NOT_FOUND: 404,
  NO_BASE_DATA: 409,
  SNAPSHOT_CONFLICT: 409,
  IMPORT_NOT_FOUND: 400,
  IMPORT_UNREADABLE: 422,
  IMPORT_UNSAFE_NAME: 422,
  IMPORT_EMPTY: 422,
  IMPORT_UNKNOWN_CLASS: 422,
  IMPORT_RESERVED_CLASS: 422,
  IMPORT_TOO_LARGE: 413,
  IMPORT_MIXED_DATA: 409,
  LABEL_UNKNOWN: 400,
  DISK_FULL: 507,
  MLFLOW_UNREACHABLE: 503,
  MLFLOW_DENIED: 503,
  MLFLOW_UNEXPECTED: 502,
  VERSION_NOT_FOUND: 404,
  ALIAS_MOVED: 409,
  ATTEMPT_OVERTAKEN: 409,
};

const storageEntries = Object.fromEntries(
  Object.entries(STORAGE_ERRORS).map(([code, entry]) => [
    code,
    { status: STORAGE_STATUS[code as StorageErrorCode], meaning: entry.meaning },
  ]),
) as Readonly<Record<StorageErrorCode, CatalogueEntry>>;

/** Every code with its HTTP status and what it means. */
export const CATALOGUE = { ...MODEL_ERRORS, ...storageEntries, ...TEMPORAL_ERRORS, ...API_ERRORS } as const;
export type ErrorCode = keyof typeof CATALOGUE;

/** A failure with a code of the catalogue; its message is meant for the user. */
export class ApiError extends Error {
  readonly extensions: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;
  constructor(
    readonly code: ErrorCode,
    message?: string,
    options?: { cause?: unknown; extensions?: Record<string, unknown>; retryAfterSeconds?: number },
  ) {
    super(message ?? CATALOGUE[code].meaning, { cause: options?.cause });
    this.name = 'ApiError';
    this.extensions = options?.extensions ?? {};
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}

const MULTER_CODES: Readonly<Record<string, ErrorCode>> = {
  LIMIT_FILE_SIZE: 'IMAGE_TOO_LARGE',
  LIMIT_FILE_COUNT: 'TOO_MANY_FILES',
  LIMIT_UNEXPECTED_FILE: 'FIELD_UNEXPECTED',
};

const BODY_PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  'entity.parse.failed': 'JSON_INVALID',
  'entity.too.large': 'BODY_TOO_LARGE',
  'encoding.unsupported': 'BODY_UNSUPPORTED',
  'charset.unsupported': 'BODY_UNSUPPORTED',
  'request.size.invalid': 'REQUEST_INVALID',
};

const MULTIPART_MESSAGE =
  /^(Multipart:|Unexpected end of|Malformed part header|Malformed content type|Unsupported content type|Request (aborted|closed))/;

function textProperty(error: object, name: string): string | undefined {
  const value: unknown = (error as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

/** Says which fields are wrong, as `path: message`. */
export function fromZod(error: ZodError, code: ErrorCode = 'REQUEST_INVALID'): ApiError {
  const issues = error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const detail = issues.map((issue) => (issue.path ? `${issue.path}: ${issue.message}` : issue.message));
  return new ApiError(code, detail.join('; '), { extensions: { issues } });
}

/** Finds the catalogue's word for any failure. What is not known becomes `INTERNAL`, without its message. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ZodError) return fromZod(error);
  if (error instanceof TemporalError) {
    return new ApiError(error.code, shown(error.code, error.message), {
      cause: error,
      extensions: error.runId === undefined ? {} : { id: error.runId },
    });
  }
  if (error instanceof ModelError || error instanceof StorageError) {
    return new ApiError(error.code, shown(error.code, error.message), { cause: error });
  }
  if (error instanceof MulterError) {
    const code =
      MULTER_CODES[error.code] ?? (error.code.startsWith('LIMIT_') ? 'FIELD_LIMIT' : 'MULTIPART_INVALID');
    return new ApiError(code, undefined, { cause: error });
  }
  if (error instanceof URIError) return new ApiError('PATH_INVALID', undefined, { cause: error });
  if (error instanceof Error) {
    const type = textProperty(error, 'type');
    const known = type === undefined ? undefined : BODY_PARSER_CODES[type];
    if (known !== undefined) return new ApiError(known, undefined, { cause: error });
    if (textProperty(error, 'code') === 'ENOSPC')
      return new ApiError('DISK_FULL', undefined, { cause: error });
    if (MULTIPART_MESSAGE.test(error.message)) {
      return new ApiError('MULTIPART_INVALID', undefined, { cause: error });
    }
    if ((error as { status?: unknown }).status === 400) {
      return new ApiError('REQUEST_INVALID', undefined, { cause: error });
    }
  }
  return new ApiError('INTERNAL', undefined, { cause: error });
}

/** Messages of server faults may name addresses and paths, so users get the meaning only. */
function shown(code: ErrorCode, message: string): string {
  return CATALOGUE[code].status >= 500 || message === '' ? CATALOGUE[code].meaning : message;
}

/** The problem document (RFC 9457) of a failure. */
export function toProblem(failure: ApiError, requestId?: string): Problem {
  const { status, meaning } = CATALOGUE[failure.code];
  return {
    type: `urn:medloop:problem:${failure.code}`,
    title: meaning,
    status,
    detail: failure.message,
    code: failure.code,
    ...(requestId === undefined ? {} : { requestId }),
    ...failure.extensions,
  };
}

/** Fails with `PART_TIMEOUT` when a part does not answer in time. The work itself is not stopped. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, part: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ApiError('PART_TIMEOUT', `${part} did not answer within ${timeoutMs / 1000} s.`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
