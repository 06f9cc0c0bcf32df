/** Files named on the command line, as form parts. */
import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CliError } from './errors.js';

/** @throws CliError FILE_NOT_FOUND when it is not a readable file */
export async function openImage(path: string): Promise<{ blob: Blob; name: string }> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    return { blob: await openAsBlob(path), name: basename(path) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('FILE_NOT_FOUND', `${path} cannot be read: ${why}`, null, { cause: error });
  }
}
