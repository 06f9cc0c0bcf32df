/** What the storage tests share: a bucket on a real server, stores on it, small images, and faults on purpose. */
import { execFileSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import sharp from 'sharp';
import yazl from 'yazl';
import { isExam, sha256Of, splitOf } from '../../../model/labels.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import type { Sha256, Split } from '../../../model/types.js';
import { StorageError } from '../../../storage/errors.js';
import { createObjectStore, type ClosableObjectStore } from '../../../storage/object-store.js';
import { storesOn, type Storage } from '../../../storage/open.js';
import type {
  CorrectionSubmission,
  ImportEntry,
  ImportReport,
  ImportSource,
} from '../../../storage/types.js';
import { startS3, type TestS3 } from '../../support/parts.js';

export const LABELS = ['Hand', 'HeadCT'];
const preprocessor = createPreprocessor({ maxBytes: 10_000_000, maxPixels: 10_000_000, concurrency: 2 });
export const decode = preprocessor.toModelInput.bind(preprocessor);

/** One server for the whole test process, started at first use; each test takes its own bucket. */
let server: Promise<TestS3> | null = null;
let buckets = 0;

export function sharedS3(): Promise<TestS3> {
  server ??= startS3();
  return server;
}

export async function newBucket(
  s3?: TestS3,
  options: { fsync?: boolean } = {},
): Promise<ClosableObjectStore> {
  const { url, region, credentials, fsyncRoot } = s3 ?? (await sharedS3());
  buckets += 1;
  const objects = createObjectStore({
    endpoint: url,
    region,
    ...credentials,
    bucket: `test-${process.pid}-${buckets}`,
    fsyncRoot: options.fsync === false ? null : fsyncRoot,
  });
  await objects.ensureBucket();
  return objects;
}

export interface StoreOptions {
  readonly clock?: () => number;
  readonly cacheFolder?: string | null;
  readonly splitOf?: (sha256: Sha256) => Split;
  readonly isExam?: (sha256: Sha256) => boolean;
  readonly decode?: typeof decode;
}

export function stores(
  objects: ClosableObjectStore,
  options: StoreOptions = {},
): Omit<Storage, 'objects' | 'close'> {
  return storesOn(objects, {
    decode,
    splitOf,
    isExam,
    sha256Of,
    cacheFolder: null,
    ...options,
  });
}

/** A PNG of one shade with one differing pixel: distinct bytes for each number, quick to decode. */
export async function png(number: number): Promise<Uint8Array> {
  const pixels = Buffer.alloc(64 * 64, 17 + (number % 200));
  pixels.writeUInt32LE(number, 100);
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 1 } })
    .png()
    .toBuffer();
}

export async function pngs(from: number, count: number): Promise<Uint8Array[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => png(from + i)));
}

export function submission(bytes: Uint8Array, label: string, author = 'ada'): CorrectionSubmission {
  return { bytes, contentType: 'image/png', label, author, predicted: null, comment: null };
}

/** A source from files in memory: `Hand/1.png` to bytes. */
export function sourceOf(
  files: Readonly<Record<string, Uint8Array>>,
  more: Partial<ImportSource> = {},
): ImportSource {
  const entries = Object.entries(files);
  return {
    name: 'memory',
    synthetic: false,
    archivePath: null,
    total: entries.length,
    async *entries(): AsyncIterable<ImportEntry> {
      for (const [name, bytes] of entries) {
        await Promise.resolve();
        yield { name, label: name.slice(0, name.indexOf('/')), bytes };
      }
    },
    ...more,
  };
}

/** Base data of `perClass` images of each of the two classes, numbered from 1,000,000. */
export async function importBase(
  { imports }: Pick<Storage, 'imports'>,
  perClass = 3,
  more: Partial<ImportSource> = {},
): Promise<ImportReport> {
  const files: Record<string, Uint8Array> = {};
  for (const [index, label] of LABELS.entries()) {
    for (const [i, bytes] of (await pngs(1_000_000 + index * 1000, perClass)).entries()) {
      files[`${label}/${i}.png`] = bytes;
    }
  }
  return imports.run(sourceOf(files, more), () => undefined);
}

export async function keysBelow(objects: ClosableObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
}

/** Code of the storage error that a call ends with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
  return 'no error';
}

/**
 * An object store whose writes fail from the n-th on, as if the process were cut off there. With `applied` the n-th
 * write itself still reaches the server, and only its answer is lost.
 */
export function cutOff(
  objects: ClosableObjectStore,
  afterWrites: number,
  applied: boolean,
): ClosableObjectStore {
  let writes = 0;
  const guard = async <T>(write: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (writes <= afterWrites) return write();
    if (applied && writes === afterWrites + 1) await write();
    throw new StorageError('S3_UNREACHABLE', 'cut off on purpose');
  };
  return {
    ...objects,
    put: (...given) => guard(() => objects.put(...given)),
    putFile: (...given) => guard(() => objects.putFile(...given)),
  };
}

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'medloop-storage-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs work in a folder on a disk of its own; skips the test where none can be mounted. */
export async function withSmallDisk(
  test: Mocha.Context,
  kibibytes: number,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', folder], {
        stdio: 'ignore',
      });
    } catch {
      console.log('      (skipped: only root can mount a small disk to fill)');
      test.skip();
    }
    try {
      await work(folder);
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  });
}

/** A clock that stands still until it is set. */
export function fakeClock(startMs: number): {
  now: () => number;
  set: (ms: number) => void;
  add: (ms: number) => void;
} {
  let current = startMs;
  return {
    now: () => current,
    set: (ms) => {
      current = ms;
    },
    add: (ms) => {
      current += ms;
    },
  };
}

/** A repeatable stream of numbers from 0 to below 1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Writes a zip of files in memory. */
export async function writeZip(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const [name, bytes] of Object.entries(files)) zip.addBuffer(Buffer.from(bytes), name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}
