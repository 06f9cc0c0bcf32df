/** Reads what a training left, for the tests of the trainer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '../../../../model/errors.js';
import type { TrainingOutcome } from '../../../../model/training/loop.js';
import type { DatasetFiles, TrainerResult } from '../../../../model/types.js';
import type { PatternRow } from './patterns.js';

export function doneOf(outcome: TrainingOutcome): TrainerResult {
  if (outcome.type !== 'done') throw new Error(`The training ended as ${outcome.type}.`);
  return outcome.result;
}

export function json(folder: string, name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}

export function sameFile(one: TrainerResult, two: TrainerResult, name: string): boolean {
  return readFileSync(join(one.folder, name)).equals(readFileSync(join(two.folder, name)));
}

export function goldenAnswers(folder: string): Float32Array {
  const bytes = readFileSync(join(folder, 'trained-golden.npy'));
  const data = Uint8Array.from(bytes.subarray(10 + bytes.readUInt16LE(8)));
  return new Float32Array(data.buffer);
}

export function goldenLabels(rows: readonly PatternRow[]): number[] {
  return rows.filter(({ split }) => split === 'golden').map(({ label }) => label);
}

export function pixelsOf(files: DatasetFiles, row: number): Buffer {
  return readFileSync(files.parts[0]!.imagesPath).subarray(128 + row * 4096, 128 + (row + 1) * 4096);
}

export function goldenPixels(files: DatasetFiles, rows: readonly PatternRow[]): Buffer {
  return Buffer.concat(
    rows.flatMap(({ split }, index) => (split === 'golden' ? [pixelsOf(files, index)] : [])),
  );
}

export function accuracyOf(probabilities: Float32Array, labels: readonly number[]): number {
  const classes = probabilities.length / labels.length;
  const right = labels.filter((label, index) => {
    const row = probabilities.subarray(index * classes, (index + 1) * classes);
    return row.indexOf(Math.max(...row)) === label;
  });
  return right.length / labels.length;
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return error instanceof ModelError ? error.code : String(error);
  }
}
