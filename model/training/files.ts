/** Writing files and folders so that what is there after a crash is either complete or absent. */
import { open, rename, rm, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Writes a file and syncs it to disk. */
export async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Syncs a folder's list of names. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes `folder` with all `files` (name to content) or not at all. A folder of that name is replaced. */
export async function writeFolder(
  folder: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<void> {
  const draft = `${folder}.partial`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  for (const [name, content] of files) await writeSynced(join(draft, name), content);
  await syncFolder(draft);
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
  await syncFolder(dirname(folder));
}
