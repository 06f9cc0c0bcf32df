/** What went wrong in a call of the S3 client, in the words of the error table. */
import { isDiskFull, systemCode } from './local-files.js';
import { StorageError, type StorageErrorCode } from './errors.js';

const FULL = /InsufficientStorage|InsufficientCapacity|QuotaExceeded|StorageFull|no space left|disk quota/i;
const DENIED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidToken',
  'AuthorizationHeaderMalformed',
]);
const CHECKSUM = /checksum mismatch/i;

/** HTTP status of an error of the S3 client; undefined where no answer came. */
export function statusOfError(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/**
 * @param doing what was asked for, such as `read parts/…`
 * @param precondition code of a failed condition: `OBJECT_EXISTS` or `OBJECT_CHANGED`
 */
export function toStorageError(
  error: unknown,
  doing: string,
  precondition: 'OBJECT_EXISTS' | 'OBJECT_CHANGED' | null = null,
): StorageError {
  if (error instanceof StorageError) return error;
  // A fault of the program is none of the server's: as an answer that did not come it would be tried for ever.
  if (error instanceof TypeError || error instanceof RangeError) throw error;
  const [code, what] = classify(error, precondition);
  return new StorageError(code, `${what} (${doing}).`, { cause: error });
}

function classify(
  error: unknown,
  precondition: 'OBJECT_EXISTS' | 'OBJECT_CHANGED' | null,
): [StorageErrorCode, string] {
  const status = statusOfError(error);
  const name = error instanceof Error ? error.name : '';
  const message = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) return ['DISK_FULL', 'This machine has no space left for working files'];
  if (status === 507 || FULL.test(name) || FULL.test(message)) return ['S3_FULL', 'S3 has no space left'];
  if (status === 412 && precondition !== null) {
    return [precondition, precondition === 'OBJECT_EXISTS' ? 'The object exists' : 'The object was changed'];
  }
  if (DENIED.has(name) || status === 401 || status === 403) {
    return ['S3_DENIED', 'S3 refused the credentials or the request'];
  }
  if (name === 'NoSuchBucket') return ['OBJECT_MISSING', 'The bucket does not exist'];
  if (status === 404 || name === 'NoSuchKey' || name === 'NotFound') {
    return precondition === 'OBJECT_CHANGED'
      ? ['OBJECT_CHANGED', 'The object is gone']
      : ['OBJECT_MISSING', 'The object does not exist'];
  }
  if (CHECKSUM.test(message)) return ['OBJECT_CORRUPT', 'S3 gave other bytes than were stored'];
  if (name === 'EntityTooLarge' || status === 413) {
    return ['S3_DENIED', 'S3 refuses objects of this size'];
  }
  const reason = systemCode(error) ?? (status === undefined ? name : `status ${status}`);
  return ['S3_UNREACHABLE', `S3 did not answer as expected${reason === '' ? '' : `: ${reason}`}`];
}
