/** `npm run bench -- model`: a full training on the whole data set, as the training worker runs it. */
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inheritedEnvironment } from '../../config/env.js';
import { evaluate } from '../../model/evaluation.js';
import { trainerEnvironment } from '../../model/training/environment.js';
import { TRAINING_DEFAULTS } from '../../model/training/settings.js';
import type { TrainerCommand, TrainerMessage, TrainerResult } from '../../model/types.js';
import { openBench, printFigures } from './support.js';

const SEED = 1;
const threads = availableParallelism();

function train(job: Extract<TrainerCommand, { type: 'start' }>['job']): Promise<TrainerResult> {
  const script = fileURLToPath(new URL('../../activities/training/child.js', import.meta.url));
  const child = fork(script, [], {
    env: { ...inheritedEnvironment(), ...trainerEnvironment(threads) },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new Error(`the trainer ended with ${code}`));
    });
    child.on('message', (message: TrainerMessage) => {
      if (message.type === 'ready') child.send({ type: 'start', job } satisfies TrainerCommand);
      else if (message.type === 'done') resolve(message.result);
      else if (message.type === 'failed') reject(new Error(`${message.code}: ${message.message}`));
    });
  });
}

const bench = await openBench();
try {
  const { report } = await bench.importAll();
  const { files, examples } = await bench.storage.snapshots.materialize(
    report.snapshot,
    join(bench.folder, 'dataset'),
  );
  const startedAt = performance.now();
  const result = await train({
    dataset: files,
    settings: { mode: 'full', seed: SEED, ...TRAINING_DEFAULTS.full },
    warmFrom: null,
    resumeFrom: null,
    workFolder: bench.folder,
    checkpointEveryMs: 30_000,
    threads,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const npy = await readFile(join(result.folder, 'trained-golden.npy'));
  const answers = new Float32Array(Uint8Array.from(npy.subarray(10 + npy.readUInt16LE(8))).buffer);
  const golden = examples.filter((example) => example.split === 'golden');
  const measured = evaluate(
    files.labels,
    golden.map((example) => example.label),
    answers,
  );
  printFigures([
    ['training images', String(examples.filter((example) => example.split === 'train').length)],
    ['threads', String(threads)],
    ['steps', `${result.steps} of ${TRAINING_DEFAULTS.full.batchSize} images`],
    ['training, augmentation and evaluation included', `${seconds.toFixed(1)} s`],
    [
      'of which steps',
      `${((result.steps * TRAINING_DEFAULTS.full.batchSize) / result.seconds).toFixed(0)} images/s`,
    ],
    ['golden images', String(measured.count)],
    ['errors', `${measured.count - measured.correct} (${(measured.accuracy * 100).toFixed(2)} % right)`],
  ]);
} finally {
  await bench.close();
}
