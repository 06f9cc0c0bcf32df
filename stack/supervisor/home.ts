/** The home folder of one stack: its folders, its lock, and the keys of its S3 server. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { HomePaths } from '../../config/env.js';
import { StackError } from '../errors.js';
import { tryLock, type Lock } from '../lock.js';

const credentialsSchema = z.object({ accessKeyId: z.string().min(3), secretAccessKey: z.string().min(8) });

/** Keys of the embedded S3 server. */
export type Credentials = z.output<typeof credentialsSchema>;

/** Makes the folders, readable by this user alone. Fails with `HOME_NOT_WRITABLE`. */
export function prepareHome(paths: HomePaths): void {
  try {
    for (const folder of [paths.home, paths.logs, paths.run, paths.cache]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    chmodSync(paths.home, 0o700);
  } catch (error) {
    throw new StackError(
      'HOME_NOT_WRITABLE',
      `The home folder ${paths.home} cannot be used (${(error as Error).message}). Set MEDLOOP_HOME to a folder of your own.`,
      { cause: error },
    );
  }
}

/** Takes the home for this process. Fails with `ALREADY_RUNNING`, naming the process that has it. */
export function lockHome(paths: HomePaths): Lock {
  const attempt = tryLock(join(paths.run, 'stack.lock'));
  if (attempt.lock !== undefined) return attempt.lock;
  throw new StackError(
    'ALREADY_RUNNING',
    `Medloop is already running on ${paths.home} (process ${attempt.holder.pid}). Stop it first, or set MEDLOOP_HOME and the ports to start another.`,
  );
}

/** The keys of this home's S3 server, made at the first call. Fails with `CREDENTIALS_INVALID`. */
export function ensureCredentials(file: string): Credentials {
  if (!existsSync(file)) {
    const made: Credentials = {
      accessKeyId: `medloop${randomBytes(6).toString('hex')}`,
      secretAccessKey: randomBytes(24).toString('hex'),
    };
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
    renameSync(fresh, file);
    return made;
  }
  try {
    chmodSync(file, 0o600);
    return credentialsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new StackError(
      'CREDENTIALS_INVALID',
      `${file} must hold "accessKeyId" and "secretAccessKey" as JSON. Remove it to have new keys made; the data stay readable.`,
      { cause: error },
    );
  }
}
