/** Log files of the parts: bounded by size, and their last lines for error messages. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';

export const LOG_LIMIT_BYTES = 10_000_000;

/**
 * Moves a log that has grown too large aside (`.1`, one generation). It is copied and emptied, not renamed: the
 * part keeps writing to the same open file, always at its end.
 */
export function rotate(file: string, limitBytes: number = LOG_LIMIT_BYTES): boolean {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= limitBytes) return false;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
  return true;
}

/** The last lines of a log, for a message; empty where there is none. */
export function lastLines(file: string, count: number): string {
  if (!existsSync(file)) return '';
  const open = openSync(file, 'r');
  try {
    const { size } = fstatSync(open);
    const buffer = Buffer.alloc(Math.min(size, 16_384));
    readSync(open, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count).join('\n');
  } finally {
    closeSync(open);
  }
}
