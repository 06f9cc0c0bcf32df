/**
 * Power-cut safety for an S3 server that keeps plain files on this machine and never syncs them: after each write the
 * object's file and the folders that name it are synced here, before anyone hears that the write is done.
 */
import { open, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from './errors.js';
import { isDiskFull, systemCode } from './local-files.js';

export interface FsyncBarrier {
  /** Resolves when the object of the key survives a power cut. */
  sync(key: string): Promise<void>;
  /** To be called for a removed object: the server may have removed its folders with it. */
  forget(key: string): void;
  /** True when the server's file system has less than this left. */
  isFull(neededBytes: number): Promise<boolean>;
}

/** A server may replace a file by unlinking and linking, so it can be absent for a moment. */
const ATTEMPTS = 5;
const PAUSE_MS = 20;
const REMEMBERED_FOLDERS = 50_000;

/** @param root folder of the S3 server, whose sub-folders are the buckets */
export function createFsyncBarrier(root: string, bucket: string): FsyncBarrier {
  const bucketFolder = join(root, bucket);
  /** Folders whose own name is known to be on disk. */
  const named = new Set<string>();

  function foldersOf(file: string): string[] {
    const folders: string[] = [];
    for (let folder = dirname(file); folder.length > root.length; folder = dirname(folder))
      folders.push(folder);
    return folders;
  }

  async function syncOnce(key: string): Promise<void> {
    const file = join(bucketFolder, ...key.split('/'));
    await syncPath(file);
    await syncPath(dirname(file));
    const unnamed = foldersOf(file).filter((folder) => !named.has(folder));
    for (const folder of unnamed) await syncPath(dirname(folder));
    if (named.size >= REMEMBERED_FOLDERS) named.clear();
    for (const folder of unnamed) named.add(folder);
  }

  return {
    async sync(key) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await syncOnce(key);
          return;
        } catch (error) {
          if (systemCode(error) === 'ENOENT' && attempt < ATTEMPTS) {
            await sleep(PAUSE_MS * attempt);
            continue;
          }
          if (isDiskFull(error)) throw new StorageError('S3_FULL', 'S3 has no space left.', { cause: error });
          throw new StorageError(
            'S3_UNREACHABLE',
            `The object ${key} could not be synced to disk below ${bucketFolder}.`,
            { cause: error },
          );
        }
      }
    },
    forget(key) {
      for (const folder of foldersOf(join(bucketFolder, ...key.split('/')))) named.delete(folder);
    },
    async isFull(neededBytes) {
      try {
        const { bavail, bsize } = await statfs(root);
        return bavail * bsize < neededBytes;
      } catch {
        return false;
      }
    },
  };
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
