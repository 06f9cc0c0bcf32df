/** Codes that operations have in common, by what they use. */
import type { ErrorCode } from './errors.js';

/** Codes that any operation can answer with. */
export const COMMON_ERRORS = [
  'HOST_UNKNOWN',
  'REQUEST_MALFORMED',
  'HEADERS_TOO_LARGE',
  'PATH_INVALID',
  'REQUEST_INVALID',
  'INTERNAL',
] as const satisfies readonly ErrorCode[];

export const UPLOAD = [
  'ORIGIN_FOREIGN',
  'BODY_UNSUPPORTED',
  'BODY_TOO_LARGE',
  'MULTIPART_INVALID',
  'FIELD_UNEXPECTED',
  'FIELD_LIMIT',
  'TOO_MANY_FILES',
  'NO_IMAGE',
  'UPLOAD_TIMEOUT',
  'OVERLOADED',
  'IMAGE_EMPTY',
  'IMAGE_TOO_LARGE',
  'IMAGE_UNSUPPORTED',
  'IMAGE_ANIMATED',
  'IMAGE_UNREADABLE',
  'IMAGE_TIMEOUT',
] as const satisfies readonly ErrorCode[];
export const JSON_BODY = [
  'ORIGIN_FOREIGN',
  'JSON_INVALID',
  'BODY_TOO_LARGE',
  'BODY_UNSUPPORTED',
] as const satisfies readonly ErrorCode[];
export const S3 = [
  'S3_UNREACHABLE',
  'S3_DENIED',
  'OBJECT_CORRUPT',
  'PART_TIMEOUT',
] as const satisfies readonly ErrorCode[];
export const MLFLOW = [
  'MLFLOW_UNREACHABLE',
  'MLFLOW_DENIED',
  'MLFLOW_UNEXPECTED',
  'PART_TIMEOUT',
] as const satisfies readonly ErrorCode[];
export const TEMPORAL = [
  'TEMPORAL_UNREACHABLE',
  'TEMPORAL_DENIED',
  'TEMPORAL_UNEXPECTED',
  'PART_TIMEOUT',
] as const satisfies readonly ErrorCode[];
export const PROMOTION = [
  ...JSON_BODY,
  ...TEMPORAL,
  ...MLFLOW,
  'PROMOTION_IN_PROGRESS',
  'PROMOTION_FAILED',
] as const satisfies readonly ErrorCode[];
