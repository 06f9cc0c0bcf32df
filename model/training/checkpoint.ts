/** Checkpoints: everything that a training needs to go on exactly as if it had not been stopped. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../errors.js';
import type { Layout, NetworkState } from '../network/architecture.js';
import type { DatasetFiles, EpochMetrics, TrainingSettings } from '../types.js';
import { writeFolder } from './files.js';
import { epochsSchema } from './history.js';
import type { Moments } from './optimizer.js';

/**
 * The whole state between two steps. Random numbers have none: they are drawn anew for each epoch and step from the
 * seed and the position.
 */
export interface TrainingState {
  readonly network: NetworkState;
  readonly moments: Moments;
  /** Steps done. */
  step: number;
  /** Sums over the steps of the epoch under way. */
  epochLoss: number;
  epochCorrect: number;
  epochImages: number;
  /** Time spent so far, before and after every interruption. */
  epochSeconds: number;
  seconds: number;
  readonly epochs: EpochMetrics[];
}

const STATE_FILE = 'state.json';
const VALUES_FILE = 'values.bin';

const stateSchema = z.object({
  format: z.literal(1),
  run: z.string(),
  valuesSha256: z.string(),
  step: z.number().int().min(0),
  epochLoss: z.number(),
  epochCorrect: z.number(),
  epochImages: z.number(),
  epochSeconds: z.number(),
  seconds: z.number(),
  epochs: epochsSchema,
});

/** Name of the run that a checkpoint belongs to: other data, classes, settings or champion make it meaningless. */
export function runIdentity(
  dataset: DatasetFiles,
  settings: TrainingSettings,
  champion: NetworkState | null,
): string {
  const { mode, seed, epochs, batchSize, learningRate } = settings;
  const parts = [dataset.digest, dataset.labels, mode, seed, epochs, batchSize, learningRate];
  const hash = createHash('sha256').update(JSON.stringify(parts));
  if (champion) hash.update(bytesOf(champion.parameters)).update(bytesOf(champion.statistics));
  return hash.digest('hex');
}

/**
 * Writes the new folder `checkpoint-<step>` in `workFolder`, complete and synced to disk or not at all.
 * @returns the folder
 */
export async function writeCheckpoint(
  workFolder: string,
  run: string,
  state: TrainingState,
): Promise<string> {
  const folder = join(workFolder, `checkpoint-${state.step}`);
  const values = Buffer.concat(vectorsOf(state).map(bytesOf));
  const { step, epochLoss, epochCorrect, epochImages, epochSeconds, seconds, epochs } = state;
  const described: z.input<typeof stateSchema> = {
    format: 1,
    run,
    valuesSha256: createHash('sha256').update(values).digest('hex'),
    ...{ step, epochLoss, epochCorrect, epochImages, epochSeconds, seconds, epochs },
  };
  await writeFolder(
    folder,
    new Map<string, Uint8Array | string>([
      [VALUES_FILE, values],
      [STATE_FILE, JSON.stringify(described)],
    ]),
  );
  return folder;
}

/**
 * Reads a checkpoint of the same run.
 * @throws ModelError CHECKPOINT_INVALID where it is damaged, incomplete or of another run
 */
export async function readCheckpoint(folder: string, run: string, layout: Layout): Promise<TrainingState> {
  const invalid = (problem: string, cause?: unknown): ModelError =>
    new ModelError('CHECKPOINT_INVALID', `The checkpoint ${folder} ${problem}.`, { cause });
  let values: Buffer;
  let described: z.output<typeof stateSchema>;
  try {
    values = await readFile(join(folder, VALUES_FILE));
    described = stateSchema.parse(JSON.parse(await readFile(join(folder, STATE_FILE), 'utf8')));
  } catch (error) {
    throw invalid('cannot be read', error);
  }
  if (described.run !== run) throw invalid('belongs to a run with other data or settings');
  if (createHash('sha256').update(values).digest('hex') !== described.valuesSha256) {
    throw invalid('is damaged: its values have another digest');
  }
  const { parameters, statistics } = layout;
  const state: TrainingState = {
    network: { parameters: new Float32Array(parameters), statistics: new Float32Array(statistics) },
    moments: { first: new Float32Array(parameters), second: new Float32Array(parameters) },
    step: described.step,
    epochLoss: described.epochLoss,
    epochCorrect: described.epochCorrect,
    epochImages: described.epochImages,
    epochSeconds: described.epochSeconds,
    seconds: described.seconds,
    epochs: [...described.epochs],
  };
  const vectors = vectorsOf(state);
  if (values.length !== vectors.reduce((sum, vector) => sum + vector.byteLength, 0)) {
    throw invalid('is of a network of another size');
  }
  let offset = 0;
  for (const vector of vectors) {
    bytesOf(vector).set(values.subarray(offset, offset + vector.byteLength));
    offset += vector.byteLength;
  }
  return state;
}

function vectorsOf({ network, moments }: TrainingState): readonly Float32Array[] {
  return [network.parameters, network.statistics, moments.first, moments.second];
}

function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
