/** Writing one object to S3 under a condition, so that it is known afterwards whether it is there and on disk. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { StorageError } from './errors.js';
import type { FsyncBarrier } from './fsync-barrier.js';
import { systemCode } from './local-files.js';
import { statusOfError, toStorageError } from './s3-errors.js';

/** Of a whole call, tries included: after this a server counts as not answering. */
export const DEADLINE_MS = 9000;
/** Slowest transfer of a file that is waited for. */
const BYTES_PER_MS = 1000;
const CONFLICT_RETRIES = 5;
const SPARE_BYTES = 1 << 20;
/**
 * Above this a write that must be the first asks beforehand: a server that refuses closes the connection while the
 * body is still on its way, and its answer is lost. It also saves sending what is there.
 */
const ASK_FIRST_BYTES = 16_384;
const CUT = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

export interface Conditions {
  readonly ifAbsent?: boolean;
  readonly ifMatch?: string;
}

export type ConditionalPut = (
  key: string,
  conditions: Conditions,
  sizeBytes: number,
  input: () => Partial<PutObjectCommandInput>,
) => Promise<{ etag: string }>;

/** @param barrier null for a server that is durable by itself */
export function createConditionalPut(parts: {
  readonly client: S3Client;
  readonly bucket: string;
  readonly barrier: FsyncBarrier | null;
}): ConditionalPut {
  const { client, bucket, barrier } = parts;

  async function isThere(key: string): Promise<boolean> {
    const abortSignal = AbortSignal.timeout(DEADLINE_MS);
    try {
      await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
      return true;
    } catch (error) {
      if (statusOfError(error) === 404) return false;
      throw error;
    }
  }

  /** Whoever wrote it may not have synced it yet, and the caller will rely on it. */
  async function existing(key: string, cause?: unknown): Promise<StorageError> {
    await barrier?.sync(key);
    return new StorageError('OBJECT_EXISTS', `The object exists (write ${key}).`, { cause });
  }

  async function attempt(
    key: string,
    { ifAbsent, ifMatch }: Conditions,
    sizeBytes: number,
    input: Partial<PutObjectCommandInput>,
  ): Promise<{ etag: string }> {
    if (ifAbsent === true && sizeBytes > ASK_FIRST_BYTES && (await isThere(key))) throw await existing(key);
    const answer = await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(ifAbsent === true ? { IfNoneMatch: '*' } : {}),
        ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
        ...input,
      }),
      { abortSignal: AbortSignal.timeout(Math.ceil(DEADLINE_MS + sizeBytes / BYTES_PER_MS)) },
    );
    await barrier?.sync(key);
    return { etag: answer.ETag ?? '' };
  }

  return async (key, conditions, sizeBytes, input) => {
    const doing = `write ${key}`;
    const precondition = conditions.ifAbsent ? 'OBJECT_EXISTS' : conditions.ifMatch ? 'OBJECT_CHANGED' : null;
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(key, conditions, sizeBytes, input());
      } catch (error) {
        const status = statusOfError(error);
        // Another write of the same key is just being decided.
        if (status === 409 && precondition !== null && tries < CONFLICT_RETRIES) {
          await sleep(20 * tries);
          continue;
        }
        if (status === 412 && precondition === 'OBJECT_EXISTS') throw await existing(key, error);
        // The connection was closed on a body that the server did not want, or on an answer that is lost.
        const cut = status === undefined && CUT.has(systemCode(error) ?? '');
        if (cut && precondition === 'OBJECT_EXISTS' && (await isThere(key).catch(() => false))) {
          throw await existing(key, error);
        }
        if (status === 500 && (await barrier?.isFull(sizeBytes + SPARE_BYTES)) === true) {
          throw new StorageError('S3_FULL', `S3 has no space left (${doing}).`, { cause: error });
        }
        throw toStorageError(error, doing, precondition);
      }
    }
  };
}
