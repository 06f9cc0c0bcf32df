/**
 * Parts: decoded images as immutable `.npy` files with a JSON Lines index, both named by their digests. A spool on the
 * local disk collects rows while memory stays small, because rows may still be refused until the last one has come.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Sha256 } from '../model/types.js';
import { StorageError } from './errors.js';
import { parseId } from './ids.js';
import { hasCode, putOnce } from './json.js';
import { partImagesKey, partIndexKey } from './keys.js';
import { digestIfThere, onLocalDisk, removeLitter, systemCode, writeWhole } from './local-files.js';
import { npyHeader, parseNpyHeader } from './npy.js';
import type { CorrectionId, ObjectStore, PartRef, PartRow } from './types.js';

/** Side of a stored image in pixels; the network's input. */
const SIDE = 64;
const PIXELS = SIDE * SIDE;
export const ROWS_PER_PART = 20_000;
const BLOCK_ROWS = 256;
/** What a killed process left behind. */
const LITTER = /^medloop-spool-|\.tmp$/;
const LITTER_AGE_MS = 24 * 3_600_000;

const rowSchema = z.object({
  sha256: z.string().transform((text) => text as Sha256),
  label: z.string(),
  split: z.enum(['train', 'validation', 'golden', 'exam']),
  correction: z
    .string()
    .nullable()
    .transform((text): CorrectionId | null => (text === null ? null : parseId(text))),
  author: z.string().nullable(),
  name: z.string().nullable(),
});

export interface PartSpool {
  /** Takes `pixels` (64 × 64 bytes) as the next row. */
  add(row: PartRow, pixels: Uint8Array): Promise<void>;
  readonly rows: readonly PartRow[];
  /** Uploads all rows but the refused ones as parts, in the order in which they came. */
  upload(refused?: (row: PartRow) => boolean): Promise<PartRef[]>;
  /** Removes the local files. */
  discard(): Promise<void>;
}

/** @param parentFolder where the working files go; the system's temporary folder where null */
export async function createPartSpool(
  objects: ObjectStore,
  parentFolder: string | null,
  rowsPerPart = ROWS_PER_PART,
): Promise<PartSpool> {
  const folder = await onLocalDisk(async () => {
    if (parentFolder !== null) {
      await mkdir(parentFolder, { recursive: true });
      await removeLitter(parentFolder, LITTER, LITTER_AGE_MS);
    }
    return mkdtemp(join(parentFolder ?? tmpdir(), 'medloop-spool-'));
  });
  const rows: PartRow[] = [];
  const block = Buffer.alloc(BLOCK_ROWS * PIXELS);
  let inBlock = 0;
  let file: FileHandle;
  try {
    file = await onLocalDisk(() => open(join(folder, 'rows'), 'w+'));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

  async function flush(): Promise<void> {
    await onLocalDisk(() => writeAll(file, block.subarray(0, inBlock * PIXELS)));
    inBlock = 0;
  }

  async function uploadPart(indices: readonly number[]): Promise<PartRef> {
    const path = join(folder, 'part.npy');
    const hash = createHash('sha256');
    const target = await open(path, 'w');
    try {
      const header = npyHeader([indices.length, SIDE, SIDE]);
      hash.update(header);
      await writeAll(target, header);
      for (let at = 0; at < indices.length; at += BLOCK_ROWS) {
        const wanted = indices.slice(at, at + BLOCK_ROWS);
        const filled = block.subarray(0, wanted.length * PIXELS);
        const [first = 0] = wanted;
        if (wanted.at(-1) === first + wanted.length - 1) {
          await readAll(file, filled, first * PIXELS);
        } else {
          for (const [position, index] of wanted.entries()) {
            await readAll(file, filled.subarray(position * PIXELS, (position + 1) * PIXELS), index * PIXELS);
          }
        }
        hash.update(filled);
        await writeAll(target, filled);
      }
    } finally {
      await target.close();
    }
    const digest = hash.digest('hex') as Sha256;
    const lines = indices.map((index) => `${JSON.stringify(rows[index])}\n`).join('');
    const index = createHash('sha256').update(lines).digest('hex') as Sha256;
    try {
      await objects.putFile(partImagesKey(digest), path, {
        ifAbsent: true,
        contentType: 'application/octet-stream',
      });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
    }
    await putOnce(objects, partIndexKey(index), lines, 'application/jsonl');
    return { digest, rows: indices.length, index };
  }

  return {
    rows,
    async add(row, pixels) {
      if (pixels.length !== PIXELS) throw new RangeError(`A row has ${pixels.length} pixels, not ${PIXELS}.`);
      block.set(pixels, inBlock * PIXELS);
      inBlock += 1;
      rows.push(row);
      if (inBlock === BLOCK_ROWS) await flush();
    },
    async upload(refused = () => false) {
      await flush();
      const kept = rows.flatMap((row, index) => (refused(row) ? [] : [index]));
      const parts: PartRef[] = [];
      for (let at = 0; at < kept.length; at += rowsPerPart) {
        parts.push(await onLocalDisk(() => uploadPart(kept.slice(at, at + rowsPerPart))));
      }
      return parts;
    },
    async discard() {
      await file.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface PartReader {
  /** Path of the part's `.npy` file on this disk, checked against its digest; fetched at most once. */
  images(part: PartRef, folder: string): Promise<string>;
  /** The part's rows, checked against their digest. */
  rows(part: PartRef): Promise<PartRow[]>;
}

/** @param cacheFolder keeps indexes between calls; null keeps none */
export function createPartReader(objects: ObjectStore, cacheFolder: string | null): PartReader {
  return {
    async images(part, folder) {
      const path = join(folder, `${part.digest}.npy`);
      if ((await digestIfThere(path)) !== part.digest) {
        await objects.getFile(partImagesKey(part.digest), path);
        if ((await digestIfThere(path)) !== part.digest) {
          await rm(path, { force: true });
          throw corrupt(`The images of part ${part.digest} do not have their digest.`);
        }
      }
      const shape = await shapeOf(path);
      if (shape?.[0] !== part.rows || shape[1] !== SIDE || shape[2] !== SIDE) {
        throw corrupt(`Part ${part.digest} has another shape than its snapshot says.`);
      }
      return path;
    },

    async rows(part) {
      const path = cacheFolder === null ? null : join(cacheFolder, `${part.index}.jsonl`);
      const cached = path === null ? null : await readIfThere(path);
      let bytes = cached;
      if (bytes === null || digestOf(bytes) !== part.index) {
        bytes = (await objects.get(partIndexKey(part.index))).body;
        if (digestOf(bytes) !== part.index) {
          throw corrupt(`The index of part ${part.digest} does not have its digest.`);
        }
        if (path !== null) await writeWhole(path, bytes);
      }
      const lines = new TextDecoder().decode(bytes).split('\n').filter(Boolean);
      if (lines.length !== part.rows) {
        throw corrupt(`The index of part ${part.digest} has ${lines.length} rows, not ${part.rows}.`);
      }
      return lines.map((line) => rowSchema.parse(JSON.parse(line)));
    },
  };
}

function corrupt(message: string): StorageError {
  return new StorageError('OBJECT_CORRUPT', message);
}

function digestOf(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function shapeOf(path: string): Promise<number[] | null> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(256);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    return parseNpyHeader(start.subarray(0, bytesRead))?.shape ?? null;
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}

async function readAll(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < into.length;) {
    const { bytesRead } = await file.read(into, at, into.length - at, position + at);
    if (bytesRead === 0) throw new Error('The spool of decoded images is shorter than its rows.');
    at += bytesRead;
  }
}
