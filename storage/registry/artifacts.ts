/** Moving the files of a version between a local folder and MLflow's artifact store, with their digests. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import pLimit from 'p-limit';
import { StorageError } from '../errors.js';
import { filesBelow, writeWhole } from '../local-files.js';
import type { MlflowClient } from './mlflow-client.js';
import { MlflowError } from './mlflow-http.js';

const PARALLEL = 4;

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/**
 * Path behind the artifact proxy of an artifact address.
 * @throws StorageError `MLFLOW_UNEXPECTED` when the server hands its clients the store's own address
 */
export function proxyPath(artifactUri: string): string {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.*)$/.exec(artifactUri);
  if (match?.[1] === undefined) {
    throw new StorageError(
      'MLFLOW_UNEXPECTED',
      `MLflow keeps artifacts at ${artifactUri} and does not serve them itself; start it with --serve-artifacts and --artifacts-destination.`,
    );
  }
  return match[1];
}

/** Every file below a folder: path with forward slashes to content. */
export async function readFolder(folder: string): Promise<Record<string, Uint8Array>> {
  const names = await filesBelow(folder);
  const read = names.map(async (name): Promise<[string, Uint8Array]> => [
    name,
    await readFile(join(folder, ...name.split('/'))),
  ]);
  return Object.fromEntries(await Promise.all(read));
}

/** Uploads files below a folder of the proxy. An upload replaces what is there as a whole, so repeating is safe. */
export async function uploadFiles(
  client: MlflowClient,
  root: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  const limit = pLimit(PARALLEL);
  await Promise.all(
    Object.entries(files).map(([name, content]) =>
      limit(() => client.putArtifact(posix.join(root, name), Buffer.from(content))),
    ),
  );
}

/** Names of all files below a folder of the proxy. */
export async function listFiles(client: MlflowClient, root: string, below = ''): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await client.listArtifacts(posix.join(root, below))) {
    const name = posix.join(below, posix.basename(entry.path));
    if (entry.is_dir) names.push(...(await listFiles(client, root, name)));
    else names.push(name);
  }
  return names;
}

/** True for a relative path that stays below its folder. */
function isSafe(name: string): boolean {
  const normal = posix.normalize(name);
  return name !== '' && !posix.isAbsolute(normal) && !normal.startsWith('..') && !normal.includes('\\');
}

/**
 * Downloads files below `folder`; each appears under its name only when it is complete and has its digest.
 * @param files path to SHA-256, or to null where no digest is known
 * @throws StorageError `OBJECT_CORRUPT`, `OBJECT_MISSING`
 */
export async function downloadFiles(
  client: MlflowClient,
  root: string,
  files: Readonly<Record<string, string | null>>,
  folder: string,
): Promise<void> {
  const limit = pLimit(PARALLEL);
  const fetchOne = async (name: string, digest: string | null): Promise<void> => {
    if (!isSafe(name)) {
      throw new StorageError('OBJECT_CORRUPT', `The version names a file outside of its folder: ${name}`);
    }
    let bytes: Uint8Array;
    try {
      bytes = await client.getArtifact(posix.join(root, name));
    } catch (error) {
      if (error instanceof MlflowError && error.status === 404) {
        throw new StorageError('OBJECT_MISSING', `The version has lost its file ${name}.`, { cause: error });
      }
      throw error;
    }
    if (digest !== null && sha256(bytes) !== digest) {
      throw new StorageError('OBJECT_CORRUPT', `The version's file ${name} does not have its digest.`);
    }
    const path = join(folder, ...name.split('/'));
    await writeWhole(path, bytes);
  };
  await Promise.all(Object.entries(files).map(([name, digest]) => limit(() => fetchOne(name, digest))));
}
