/** A tiny data set of drawn patterns, as files, for the tests of the trainer. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Of } from '../../../../model/labels.js';
import { Random } from '../../../../model/training/random.js';
import { trainerEnvironment } from '../../../../model/training/environment.js';
import type { DatasetFiles, Example, Origin, Split, TrainerJob } from '../../../../model/types.js';

export const PATTERN_LABELS = ['disc', 'ring', 'rows', 'columns'] as const;

export interface PatternRow {
  readonly label: number;
  readonly split: Split;
  readonly origin?: Origin;
  readonly fresh?: boolean;
  /** Drawn black on white instead of white on black, as by another scanner. */
  readonly inverted?: boolean;
}

/** One noisy 64 × 64 picture. */
export function drawPattern(label: number, random: Random, inverted = false): Uint8Array {
  const pixels = new Uint8Array(4096);
  const centreX = 31.5 + random.between(-4, 4);
  const centreY = 31.5 + random.between(-4, 4);
  const size = random.between(12, 18);
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      const distance = Math.hypot(x - centreX, y - centreY);
      const drawn = [
        distance < size,
        Math.abs(distance - size) < 3,
        Math.floor((y - centreY + 64) / 6) % 2 === 0,
        Math.floor((x - centreX + 64) / 6) % 2 === 0,
      ][label];
      const clean = drawn === !inverted ? 190 : 40;
      pixels[y * 64 + x] = Math.max(0, Math.min(255, clean + random.normal() * 15));
    }
  }
  return pixels;
}

/** `count` rows of each label. */
export function rowsOf(count: number, row: Omit<PatternRow, 'label'>): PatternRow[] {
  return PATTERN_LABELS.flatMap((_, label) => Array.from({ length: count }, () => ({ ...row, label })));
}

/** Writes parts (one for each list of rows) and the examples file into `folder`. */
export function writePatterns(
  folder: string,
  parts: readonly (readonly PatternRow[])[],
  seed = 1,
): DatasetFiles {
  mkdirSync(folder, { recursive: true });
  const random = new Random(seed);
  const lines: string[] = [];
  const files = parts.map((rows, part) => {
    const images = rows.map((row, index) => {
      const pixels = drawPattern(row.label, random, row.inverted);
      const { label, split, origin = 'base', fresh = false } = row;
      const example: Example = { sha256: sha256Of(pixels), part, row: index, label, split, origin, fresh };
      lines.push(JSON.stringify(example));
      return pixels;
    });
    const imagesPath = join(folder, `part-${part}.npy`);
    writeFileSync(imagesPath, Buffer.concat([npyHeader(`(${rows.length}, 64, 64)`), ...images]));
    return { imagesPath, rows: rows.length };
  });
  const examplesPath = join(folder, 'examples.jsonl');
  writeFileSync(examplesPath, `${lines.join('\n')}\n`);
  return {
    labels: PATTERN_LABELS,
    digest: sha256Of(lines.join()),
    parts: files,
    examplesPath,
    synthetic: true,
  };
}

/** A `.npy` header as NumPy writes it. */
export function npyHeader(shape: string, descr = '|u1'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = `${text.padEnd(128 - 11)}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY', 'latin1');
  head.writeUInt8(1, 6);
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, 'latin1')]);
}

export async function temporaryFolder(parent = tmpdir()): Promise<string> {
  return mkdtemp(join(parent, 'medloop-trainer-'));
}

/** A small job: the least number of steps, of 8 images each. */
export function jobFor(
  dataset: DatasetFiles,
  workFolder: string,
  changes: Partial<TrainerJob> = {},
): TrainerJob {
  return {
    dataset,
    settings: { mode: 'full', seed: 7, epochs: 2, batchSize: 8, learningRate: 3e-3 },
    warmFrom: null,
    resumeFrom: null,
    workFolder,
    checkpointEveryMs: 3_600_000,
    threads: 1,
    ...changes,
  };
}

/** TensorFlow reads its threads when it is loaded, so this comes before every test that loads it in this process. */
export function setTrainerEnvironment(): void {
  // eslint-disable-next-line no-restricted-properties -- the child process gets this from its parent
  Object.assign(process.env, trainerEnvironment(1));
}
