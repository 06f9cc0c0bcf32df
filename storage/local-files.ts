/** Files on this machine: written beside their place and renamed, with a full disk as an error of the table. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Sha256 } from '../model/types.js';
import { StorageError } from './errors.js';

/** System error code of a thrown value, such as `ENOENT`; undefined where it has none. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** True for the errors of a file system that has no space left. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/**
 * Runs work on local files.
 * @throws StorageError `DISK_FULL` where the disk has no space left; everything else as it came
 */
export async function onLocalDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new StorageError('DISK_FULL', 'This machine has no space left for working files.', {
      cause: error,
    });
  }
}

/** A name beside `path` that nobody else uses. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
}

/** Makes the file at `path` appear whole or not at all: `write` fills a temporary file that is then renamed. */
export async function replaceFile(
  path: string,
  write: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  await onLocalDisk(async () => {
    await mkdir(dirname(path), { recursive: true });
    const temporary = temporaryName(path);
    try {
      await write(temporary);
      await rename(temporary, path);
    } finally {
      // Also after success: renaming one link of a file onto another link of the same file leaves both (POSIX).
      await rm(temporary, { force: true, recursive: true });
    }
  });
}

export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, (temporary) => writeFile(temporary, content));
}

/** Removes entries of a folder whose names match and that have not been touched for a while. */
export async function removeLitter(folder: string, names: RegExp, olderThanMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!names.test(name)) continue;
    const path = join(folder, name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > olderThanMs)
        await rm(path, { recursive: true, force: true });
    } catch (error) {
      // Someone else was quicker.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** SHA-256 of a file, read as a stream. */
export async function digestOfFile(path: string): Promise<Sha256> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') as Sha256;
}

/** SHA-256 of a file; null where there is none. */
export async function digestIfThere(path: string): Promise<Sha256 | null> {
  try {
    return await digestOfFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Paths of all files below a folder, relative, with forward slashes, in code unit order. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, sep).length).split(sep).join('/'))
    .sort();
}
