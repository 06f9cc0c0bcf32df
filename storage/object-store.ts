/** S3 as the rest of the room uses it: conditional writes, durable when they resolve, one error table. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { createConditionalPut, DEADLINE_MS } from './conditional-put.js';
import { createFsyncBarrier } from './fsync-barrier.js';
import { digestOfFile, replaceFile } from './local-files.js';
import { statusOfError, toStorageError } from './s3-errors.js';
import type { ObjectStore } from './types.js';

export interface ObjectStoreSettings {
  readonly endpoint: string;
  readonly region: string;
  /** Both or none; with none the AWS SDK looks for credentials where it always does. */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly bucket: string;
  /** Folder of an S3 server on this machine that keeps plain files; null for any other server. */
  readonly fsyncRoot: string | null;
  readonly logger?: { warn(fields: object, message: string): void };
}

const CONNECT_TIMEOUT_MS = 2000;
/** Longest silence of a connection; below the deadline, so that there is time for a second try. */
const IDLE_TIMEOUT_MS = 4000;
const MAX_ATTEMPTS = 4;
const FIRST_PAGE = 100;
const PAGE = 1000;

const ignore = (): void => undefined;
const SILENT = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

export interface ClosableObjectStore extends ObjectStore {
  close(): void;
}

/**
 * Opens no connection yet. Every failure is a `StorageError`; a server that does not answer is one within ten seconds.
 */
export function createObjectStore(settings: ObjectStoreSettings): ClosableObjectStore {
  const { bucket, fsyncRoot, accessKeyId, secretAccessKey } = settings;
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    forcePathStyle: true,
    maxAttempts: MAX_ATTEMPTS,
    // Without a logger the client writes to the console about errors that are handled here.
    logger: SILENT,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
  });
  const barrier = fsyncRoot === null ? null : createFsyncBarrier(fsyncRoot, bucket);

  const within = (deadlineMs: number): { abortSignal: AbortSignal } => ({
    abortSignal: AbortSignal.timeout(Math.ceil(deadlineMs)),
  });

  const putWith = createConditionalPut({ client, bucket, barrier });

  async function call<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(error, doing);
    }
  }

  return {
    async put(key, body, options = {}) {
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
      return putWith(key, options, bytes.length, () => ({
        Body: bytes,
        ...(options.contentType === undefined ? {} : { ContentType: options.contentType }),
      }));
    },

    async get(key) {
      return call(`read ${key}`, async () => {
        const answer = await client.send(
          new GetObjectCommand({ Bucket: bucket, Key: key }),
          within(DEADLINE_MS),
        );
        const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
        return { body, etag: answer.ETag ?? '', contentType: answer.ContentType };
      });
    },

    async has(key) {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), within(DEADLINE_MS));
        return true;
      } catch (error) {
        if (statusOfError(error) === 404) return false;
        throw toStorageError(error, `look for ${key}`);
      }
    },

    async *list(prefix, startAfter) {
      let token: string | undefined;
      let maxKeys = FIRST_PAGE;
      do {
        const page = await call(`list ${prefix}`, () =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix,
              MaxKeys: maxKeys,
              ...(token === undefined ? {} : { ContinuationToken: token }),
              ...(token === undefined && startAfter !== undefined ? { StartAfter: startAfter } : {}),
            }),
            within(DEADLINE_MS),
          ),
        );
        for (const { Key: key, Size: sizeBytes } of page.Contents ?? []) {
          if (key !== undefined) yield { key, sizeBytes: sizeBytes ?? 0 };
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
        maxKeys = PAGE;
      } while (token !== undefined);
    },

    async putFile(key, path, options = {}) {
      await call(`write ${key}`, async () => {
        const { size } = await stat(path);
        // A digest known beforehand goes into a header; the client would otherwise frame the stream with a trailer.
        const digest = Buffer.from(await digestOfFile(path), 'hex').toString('base64');
        await retrying(settings, key, () =>
          putWith(key, options, size, () => ({
            Body: createReadStream(path, { highWaterMark: 1 << 18 }),
            ContentLength: size,
            ChecksumSHA256: digest,
            ...(options.contentType === undefined ? {} : { ContentType: options.contentType }),
          })),
        );
      });
    },

    async getFile(key, path) {
      await call(`read ${key}`, () =>
        retrying(settings, key, () =>
          replaceFile(path, async (temporary) => {
            const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
              abortSignal: AbortSignal.timeout(3_600_000),
            });
            const { Body: body } = answer;
            if (!(body instanceof Readable)) throw new Error('The answer has no body.');
            await pipeline(body, createWriteStream(temporary));
          }),
        ),
      );
    },

    async remove(key) {
      await call(`remove ${key}`, () =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), within(DEADLINE_MS)),
      );
      barrier?.forget(key);
    },

    async ensureBucket() {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }), within(DEADLINE_MS));
      } catch (error) {
        if (statusOfError(error) !== 404) throw toStorageError(error, `look for the bucket ${bucket}`);
        try {
          await client.send(new CreateBucketCommand({ Bucket: bucket }), within(DEADLINE_MS));
        } catch (created) {
          // Someone else made it in between.
          const name = created instanceof Error ? created.name : '';
          if (name !== 'BucketAlreadyOwnedByYou' && name !== 'BucketAlreadyExists') {
            throw toStorageError(created, `make the bucket ${bucket}`);
          }
        }
      }
    },

    async ping() {
      await call('reach the bucket', () =>
        client.send(new HeadBucketCommand({ Bucket: bucket }), within(DEADLINE_MS)),
      );
    },

    close() {
      client.destroy();
    },
  };
}

/** Streams cannot be sent twice by the client itself, so transfers of files are repeated here. */
async function retrying<T>(
  settings: ObjectStoreSettings,
  key: string,
  work: () => Promise<T>,
  attempts = 3,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const failure = toStorageError(error, `transfer ${key}`);
      if (failure.code !== 'S3_UNREACHABLE' || attempt >= attempts) throw failure;
      settings.logger?.warn({ key, attempt, error: failure.message }, 'a file transfer is tried again');
      await sleep(200 * attempt);
    }
  }
}
