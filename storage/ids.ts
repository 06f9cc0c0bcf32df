/** Identifiers that sort by time (ULIDs), their mirror image that sorts newest first, and snapshot numbers. */
import { decodeTime, encodeTime, ulid } from 'ulid';
import type { CorrectionId, SnapshotId } from './types.js';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;
const SNAPSHOT_PATTERN = /^[0-9]{8}$/;

/** A new identifier for a moment, in ms since 1970. */
export function newId(timeMs: number): CorrectionId {
  return ulid(timeMs) as CorrectionId;
}

/** Null when the text is no identifier. */
export function parseId(text: string): CorrectionId | null {
  return ULID_PATTERN.test(text) ? (text as CorrectionId) : null;
}

/** Moment of an identifier, in ms since 1970. */
export function timeOf(id: CorrectionId): number {
  return decodeTime(id);
}

/** Smallest identifier of a moment. */
export function firstIdAt(timeMs: number): CorrectionId {
  return `${encodeTime(Math.max(0, timeMs), TIME_DIGITS)}${'0'.repeat(RANDOM_DIGITS)}` as CorrectionId;
}

/** Largest identifier of a moment. */
export function lastIdAt(timeMs: number): CorrectionId {
  return `${encodeTime(Math.max(0, timeMs), TIME_DIGITS)}${'Z'.repeat(RANDOM_DIGITS)}` as CorrectionId;
}

/** Each digit taken from the largest: the later an identifier, the earlier its mirror sorts. Its own inverse. */
export function mirrored(id: string): string {
  let mirror = '';
  for (const digit of id) mirror += DIGITS.charAt(DIGITS.length - 1 - DIGITS.indexOf(digit));
  return mirror;
}

/** @throws RangeError beyond eight digits */
export function snapshotId(position: number): SnapshotId {
  if (!Number.isInteger(position) || position < 1 || position > 99_999_999) {
    throw new RangeError(`No snapshot can have the number ${position}.`);
  }
  return String(position).padStart(8, '0') as SnapshotId;
}

/** Null when the text is no snapshot number. */
export function parseSnapshotId(text: string): SnapshotId | null {
  return SNAPSHOT_PATTERN.test(text) && Number(text) > 0 ? (text as SnapshotId) : null;
}
