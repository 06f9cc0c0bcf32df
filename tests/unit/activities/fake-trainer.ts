/**
 * A trainer for tests: the real protocol and real checkpoints, and arithmetic in place of a network. Its weights are a
 * chain of digests over all steps, so that a training that lost or repeated one ends with others. The first argument
 * says how it misbehaves.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { inheritedEnvironment } from '../../../config/env.js';
import type { TrainerCommand, TrainerJob, TrainerMessage } from '../../../model/types.js';

const [mode = 'good', argument = ''] = process.argv.slice(2);
const STEP_MS = 5;
let stopping = false;

const send = (message: TrainerMessage, then?: () => void): void => {
  process.send?.(message, undefined, undefined, () => then?.());
};
const leave = (message: TrainerMessage, code: number): void => {
  send(message, () => process.exit(code));
};
const next = (weights: string, step: number): string =>
  createHash('sha256').update(`${weights}/${step}`).digest('hex');

function readState(folder: string): { step: number; weights: string } {
  return JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')) as { step: number; weights: string };
}

function train(job: TrainerJob): void {
  if (mode === 'picky' && job.resumeFrom !== null) {
    leave({ type: 'failed', code: 'CHECKPOINT_INVALID', message: 'not mine' }, 1);
    return;
  }
  const start =
    job.resumeFrom === null ? { step: 0, weights: job.warmFrom ?? 'nothing' } : readState(job.resumeFrom);
  const total = job.settings.epochs;
  let { step, weights } = start;
  let savedAt = Date.now();
  const save = (): string => {
    const folder = join(job.workFolder, `checkpoint-${step}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ step, weights }));
    savedAt = Date.now();
    return folder;
  };
  const once = (): void => {
    if (mode === 'hang' && step === Number(argument)) {
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    }
    if (stopping && mode !== 'deaf') {
      leave({ type: 'stopped', folder: save(), step }, 0);
      return;
    }
    if (mode === 'crash' && step === Number(argument)) {
      process.stderr.write('first line\nTypeError: cannot read weights\n', () => process.exit(3));
      return;
    }
    if (mode === 'fail' && step === 3) {
      leave({ type: 'failed', code: argument, message: 'the reason' }, 1);
      return;
    }
    if (step >= total) {
      writeFileSync(join(job.workFolder, 'weights.txt'), weights);
      // What a checkpoint leaves behind at the end must not become part of the model.
      send({ type: 'checkpoint', folder: save(), step });
      leave({ type: 'done', result: { folder: job.workFolder, steps: step, seconds: 1, parameters: 2 } }, 0);
      return;
    }
    step += 1;
    weights = next(weights, step);
    send({
      type: 'progress',
      progress: {
        ...{ step, totalSteps: total, epoch: 1, totalEpochs: 1, loss: 1, imagesPerSecond: 1 },
        ...{ remainingSeconds: 1, epochs: [] },
      },
    });
    if (Date.now() - savedAt >= job.checkpointEveryMs) send({ type: 'checkpoint', folder: save(), step });
    setTimeout(once, mode === 'slow' ? 50 : STEP_MS);
  };
  once();
}

process.on('disconnect', () => process.exit(0));
process.on('message', (command: TrainerCommand) => {
  if (command.type === 'stop') stopping = true;
  else if (mode === 'mirror') {
    const seen = { niceness: getPriority(), names: Object.keys(inheritedEnvironment()) };
    leave({ type: 'failed', code: 'MIRROR', message: JSON.stringify(seen) }, 1);
  } else if (mode !== 'silent') train(command.job);
});
send({ type: 'ready' });
