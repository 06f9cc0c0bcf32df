/** Remembers that a part was verified by running it, by size and date of its files, so that the next start need not. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Stamp {
  readonly verifiedAt: string;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number; readonly mtimeMs: number }[];
}

/** True when all these files are exactly those that were verified. */
export function isVerified(tools: string, part: string, files: readonly string[]): boolean {
  try {
    const stamp = JSON.parse(readFileSync(stampFile(tools, part, files), 'utf8')) as Stamp;
    const now = describe(files);
    return now !== null && JSON.stringify(now) === JSON.stringify(stamp.files);
  } catch {
    return false;
  }
}

/** Writes down that these files work. A tools folder that cannot be written only costs the next check. */
export function markVerified(tools: string, part: string, files: readonly string[]): void {
  const described = describe(files);
  if (described === null) return;
  const file = stampFile(tools, part, files);
  const stamp: Stamp = { verifiedAt: new Date().toISOString(), files: described };
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(stamp, null, 1));
    renameSync(temporary, file);
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Forgets these files, before they are replaced. */
export function unmarkVerified(tools: string, part: string, files: readonly string[]): void {
  rmSync(stampFile(tools, part, files), { force: true });
}

function stampFile(tools: string, part: string, files: readonly string[]): string {
  const digest = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  return join(tools, 'verified', `${part}-${digest}.json`);
}

function describe(files: readonly string[]): Stamp['files'] | null {
  const stats = files.map((path) => ({ path, stat: statSync(path, { throwIfNoEntry: false }) }));
  const described = stats.flatMap(({ path, stat }) =>
    stat === undefined ? [] : [{ path, sizeBytes: stat.size, mtimeMs: stat.mtimeMs }],
  );
  return described.length === files.length ? described : null;
}
