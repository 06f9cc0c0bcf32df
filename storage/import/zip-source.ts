/** A zip archive as the source of an import, read entry by entry and never unpacked to disk. */
import { basename } from 'node:path';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw, inflateRawSync } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { StorageError } from '../errors.js';
import { systemCode } from '../local-files.js';
import type { ImportEntry, ImportSource } from '../types.js';
import { BlockReader } from './block-reader.js';
import { assertSafeName, classOf, isIgnored, shown, TopFolders } from './layout.js';

export interface ZipLimits {
  readonly maxEntries: number;
  /** Of one file, unpacked. */
  readonly maxFileBytes: number;
  /** Of all files together, unpacked. */
  readonly maxTotalBytes: number;
  /** How many times larger than the archive its content may be, where that is more than `freeBytes`. */
  readonly maxRatio: number;
  readonly freeBytes: number;
}

const LIMITS: ZipLimits = {
  maxEntries: 1_000_000,
  maxFileBytes: 64 * 2 ** 20,
  maxTotalBytes: 64 * 2 ** 30,
  maxRatio: 50,
  freeBytes: 2 ** 30,
};

const STORED = 0;
const DEFLATED = 8;
/** Up to this, unpacking costs less than handing it to another thread. */
const SMALL_BYTES = 65_536;
const inflate = promisify(inflateRaw);

interface Survey {
  readonly topFolders: number;
  readonly total: number;
  readonly ignored: number;
}

/**
 * Opens an archive and looks through all its names before a single file is read.
 * @throws StorageError `IMPORT_NOT_FOUND`, `IMPORT_UNREADABLE`, `IMPORT_UNSAFE_NAME`, `IMPORT_TOO_LARGE`
 */
export async function openZipSource(
  path: string,
  options: { readonly name?: string; readonly limits?: Partial<ZipLimits> } = {},
): Promise<ImportSource> {
  const limits = { ...LIMITS, ...options.limits };
  const size = await sizeOf(path);
  const survey = await surveyOf(path, size, limits);
  return {
    name: options.name ?? basename(path),
    synthetic: false,
    archivePath: path,
    total: survey.total,
    ignored: survey.ignored,
    entries: () => entriesOf(path, survey),
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw unreadable(`${shown(path)} is no file.`);
    return found.size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') {
      throw new StorageError('IMPORT_NOT_FOUND', `There is no file at ${shown(path)}.`, { cause: error });
    }
    throw error;
  }
}

async function surveyOf(path: string, archiveBytes: number, limits: ZipLimits): Promise<Survey> {
  const tops = new TopFolders();
  let images = 0;
  let files = 0;
  let entries = 0;
  let totalBytes = 0;
  for await (const { entry } of walk(path)) {
    entries += 1;
    if (entries > limits.maxEntries) {
      throw tooLarge(`The archive holds more than ${limits.maxEntries} entries.`);
    }
    if (isFolder(entry)) continue;
    files += 1;
    totalBytes += entry.uncompressedSize;
    if (
      totalBytes > limits.maxTotalBytes ||
      totalBytes > Math.max(limits.freeBytes, archiveBytes * limits.maxRatio)
    ) {
      throw tooLarge(`The archive would unpack to more than ${Math.floor(totalBytes / 2 ** 20)} MiB.`);
    }
    if (isIgnored(entry.fileName)) continue;
    if (Math.max(entry.uncompressedSize, entry.compressedSize) > limits.maxFileBytes) {
      throw tooLarge(
        `${shown(entry.fileName)} has ${entry.uncompressedSize} bytes; at most ${limits.maxFileBytes} are accepted.`,
      );
    }
    if (!entry.fileName.includes('/')) continue;
    images += 1;
    tops.add(entry.fileName);
  }
  return { topFolders: tops.depth, total: images, ignored: files - images };
}

async function* entriesOf(path: string, survey: Survey): AsyncIterable<ImportEntry> {
  for await (const { entry, ...opened } of walk(path)) {
    const name = entry.fileName;
    if (isFolder(entry) || isIgnored(name)) continue;
    const label = classOf(name, survey.topFolders);
    if (label === null) continue;
    try {
      yield { name, label, bytes: await contentOf(opened, entry) };
    } catch (error) {
      // One damaged file is the report's business; the others are still good.
      const message = error instanceof Error ? error.message : String(error);
      yield {
        name,
        label,
        bytes: new Uint8Array(),
        problem: { code: 'IMPORT_UNREADABLE', message: `The archive is damaged at this file: ${message}` },
      };
    }
  }
}

function isFolder(entry: Entry): boolean {
  return entry.fileName.endsWith('/');
}

interface Opened {
  readonly zip: ZipFile;
  readonly reader: BlockReader;
}

/** All entries in the order of the archive's directory, names checked. */
async function* walk(path: string): AsyncIterable<Opened & { readonly entry: Entry }> {
  const reader = await BlockReader.open(path);
  let zip: ZipFile;
  try {
    zip = await yauzl.fromRandomAccessReaderPromise(reader, reader.sizeBytes, { autoClose: false });
  } catch (error) {
    reader.close(() => undefined);
    throw translated(error);
  }
  try {
    const entries = zip.eachEntry();
    for (;;) {
      let next: IteratorResult<Entry>;
      try {
        next = await entries.next();
      } catch (error) {
        throw translated(error);
      }
      if (next.done === true) return;
      assertSafeName(next.value.fileName);
      yield { zip, reader, entry: next.value };
    }
  } finally {
    zip.close();
  }
}

/** Unpacked in one piece: a stream for each of many thousand small files would take several times as long. */
async function contentOf({ zip, reader }: Opened, entry: Entry): Promise<Uint8Array> {
  if (entry.isEncrypted()) throw new Error('it is encrypted');
  const { compressionMethod: method, compressedSize, uncompressedSize } = entry;
  if (method !== STORED && method !== DEFLATED) throw new Error(`unknown compression method ${method}`);
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = await reader.bytes(fileDataStart, compressedSize);
  const bytes = method === STORED ? packed : await unpacked(packed, uncompressedSize);
  if (bytes.length !== uncompressedSize) throw new Error('its size is not as declared');
  if (crc32(bytes) !== entry.crc32) throw new Error('its checksum does not match');
  return bytes;
}

/** One byte more than declared is allowed, so that a file that unpacks to more is noticed and never held whole. */
async function unpacked(packed: Uint8Array, declaredBytes: number): Promise<Uint8Array> {
  const limit = { maxOutputLength: declaredBytes + 1 };
  return declaredBytes <= SMALL_BYTES ? inflateRawSync(packed, limit) : inflate(packed, limit);
}

function translated(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // The library's own check of names, which comes before ours.
  if (/^(absolute path|invalid relative path|invalid characters in fileName)/.test(message)) {
    return new StorageError('IMPORT_UNSAFE_NAME', `The archive holds an unsafe name: ${message}.`, {
      cause: error,
    });
  }
  return unreadable(`The archive cannot be read: ${message}.`, error);
}

function unreadable(message: string, cause?: unknown): StorageError {
  return new StorageError('IMPORT_UNREADABLE', message, { cause });
}

function tooLarge(message: string): StorageError {
  return new StorageError('IMPORT_TOO_LARGE', message);
}
