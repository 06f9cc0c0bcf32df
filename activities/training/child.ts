/**
 * Entry of the trainer process, forked for one run. Speaks `TrainerMessage` and `TrainerCommand` over the process's
 * IPC channel and prints nothing on standard output. Its parent sets, beside its own environment, what
 * `trainerEnvironment(threads)` of model/training/environment.ts gives. `stop` ends it after a last checkpoint; a lost
 * parent (IPC disconnected) ends it at once; SIGINT and SIGTERM are left to the parent.
 * Exit codes: 0 done, stopped or parent lost; 1 failed; 2 not forked.
 */
import { ModelError } from '../../model/errors.js';
import { loadBinding } from '../../model/network/binding.js';
import { runTraining } from '../../model/training/loop.js';
import type { TrainerCommand, TrainerJob, TrainerMessage } from '../../model/types.js';

let stopRequested = false;
let started = false;

function send(message: TrainerMessage): void {
  if (process.connected) process.send?.(message);
}

/** Ends the process once the message has left it. */
function sendLast(message: TrainerMessage, exitCode: number): void {
  if (!process.connected) process.exit(exitCode);
  process.send?.(message, undefined, undefined, () => process.exit(exitCode));
}

async function train(job: TrainerJob): Promise<void> {
  try {
    const outcome = await runTraining(job, await loadBinding(), {
      progress: (progress) => {
        send({ type: 'progress', progress });
      },
      checkpoint: (folder, step) => {
        send({ type: 'checkpoint', folder, step });
      },
      stopRequested: () => stopRequested,
    });
    sendLast(outcome, 0);
  } catch (error) {
    const code = error instanceof ModelError ? error.code : 'TRAINER_FAILED';
    sendLast({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) }, 1);
  }
}

function obey(command: TrainerCommand): void {
  if (command.type === 'stop') {
    stopRequested = true;
    if (!started) sendLast({ type: 'stopped', folder: null, step: 0 }, 0);
  } else if (!started) {
    started = true;
    void train(command.job);
  }
}

if (process.send === undefined) {
  process.stderr.write('This is the trainer of Medloop; it is started by the training worker.\n');
  process.exit(2);
}
// Whoever signals a whole group of processes reaches the parent too, which asks for a last checkpoint.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', obey);
send({ type: 'ready' });
