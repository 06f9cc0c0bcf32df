/** A folder on this machine as the source of an import. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { StorageError } from '../errors.js';
import { filesBelow, systemCode } from '../local-files.js';
import type { ImportEntry, ImportSource } from '../types.js';
import { classOf, isIgnored, shown, TopFolders } from './layout.js';

/**
 * Lists a folder; its files are read later, one by one. Links are not followed.
 * @throws StorageError `IMPORT_NOT_FOUND`
 */
export async function openFolderSource(path: string): Promise<ImportSource> {
  const folder = resolve(path);
  await assertFolder(folder);
  const files = await filesBelow(folder);
  const tops = new TopFolders();
  const images = files.filter((name) => !isIgnored(name) && name.includes('/'));
  for (const name of images) tops.add(name);
  return {
    name: basename(folder),
    synthetic: false,
    archivePath: null,
    total: images.length,
    ignored: files.length - images.length,
    entries: () => entriesOf(folder, images, tops.depth),
  };
}

async function assertFolder(folder: string): Promise<void> {
  try {
    if ((await stat(folder)).isDirectory()) {
      await readdir(folder);
      return;
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  throw new StorageError('IMPORT_NOT_FOUND', `There is no folder at ${shown(folder)}.`);
}

async function* entriesOf(
  folder: string,
  names: readonly string[],
  topFolders: number,
): AsyncIterable<ImportEntry> {
  for (const name of names) {
    const label = classOf(name, topFolders);
    if (label === null) continue;
    try {
      yield { name, label, bytes: await readFile(join(folder, name)) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      yield { name, label, bytes: new Uint8Array(), problem: { code: 'IMPORT_UNREADABLE', message } };
    }
  }
}
