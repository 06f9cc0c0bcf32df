/** Digests and class lists: what an image is called, in which split it falls, whether two class lists agree. */
import { createHash } from 'node:crypto';
import { ModelError } from './errors.js';
import type { Labels, Sha256 } from './types.js';

const SHA256_PATTERN = /^[0-9a-f]{64}$/;

/** @throws RangeError when the text is not 64 lower-case hex digits */
export function parseSha256(text: string): Sha256 {
  if (!SHA256_PATTERN.test(text)) throw new RangeError(`Not a SHA-256 digest: ${text.slice(0, 80)}`);
  return text as Sha256;
}

export function sha256Of(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}

/** First 32 bits of a hex digest as a fraction, 0 inclusive to 1 exclusive. */
function fractionOf(digest: string): number {
  return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
}

/**
 * Split of a base image: 80 % train, 10 % validation, 10 % golden. It depends on the digest alone, so an image
 * falls into the same split in every import, on every machine.
 */
export function splitOf(sha256: Sha256): 'train' | 'validation' | 'golden' {
  const fraction = fractionOf(sha256);
  if (fraction < 0.8) return 'train';
  return fraction < 0.9 ? 'validation' : 'golden';
}

/** Share of the fresh corrections that is asked as an exam before it is taught. */
export const EXAM_SHARE = 0.2;

/**
 * True for the fifth of all digests that serves as exam. Hashed once more, so that it is independent of `splitOf`:
 * otherwise every exam image would come from the same end of the range of digests.
 */
export function isExam(sha256: Sha256): boolean {
  return fractionOf(sha256Of(`exam:${sha256}`)) < EXAM_SHARE;
}

/**
 * @throws ModelError `MODEL_LABELS_DIFFER` unless both lists hold the same names in the same order
 */
export function assertSameLabels(actual: Labels, expected: Labels): void {
  if (actual.length === expected.length && actual.every((label, index) => label === expected[index])) return;
  throw new ModelError(
    'MODEL_LABELS_DIFFER',
    `The model has the classes ${listed(actual)}, but ${listed(expected)} are expected in this order.`,
  );
}

function listed(labels: Labels): string {
  return labels.length === 0 ? '(none)' : labels.join(', ');
}

/**
 * Checks a class list read from outside (JSON, metadata).
 * @returns the list, or a sentence that says what is wrong with it
 */
export function checkLabels(value: unknown): { labels: Labels } | { problem: string } {
  if (!Array.isArray(value) || value.length < 2) return { problem: 'fewer than two classes are listed' };
  const labels: string[] = [];
  for (const entry of value) {
    if (typeof entry !== 'string' || entry.length === 0) return { problem: 'a class has no name' };
    if (labels.includes(entry)) return { problem: `the class ${entry} is listed twice` };
    labels.push(entry);
  }
  return { labels };
}
