/** Starts the trainer process: low priority, no secrets in its environment, talking over IPC. */
import { fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SpawnTrainer } from '../ports.js';

/** Prefixes of variables that hold addresses and keys; the trainer reads and writes local files only. */
const WITHHELD = /^(AWS|MLFLOW|TEMPORAL)_/;

export interface TrainerSpawnOptions {
  readonly script: URL;
  /** The worker's own environment and what TensorFlow must find in it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** 0 to 19; more is later served by the processor. */
  readonly niceness: number;
}

/** Makes the port that starts one trainer. */
export function createTrainerSpawner(options: TrainerSpawnOptions): SpawnTrainer {
  const environment = Object.fromEntries(
    Object.entries(options.environment).filter(([name]) => !WITHHELD.test(name)),
  );
  return () => {
    const child = fork(fileURLToPath(options.script), [], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--enable-source-maps'],
    });
    // Set before the trainer loads TensorFlow: the threads that it makes then inherit it.
    if (child.pid !== undefined) {
      try {
        setPriority(child.pid, options.niceness);
      } catch {
        // It has ended already, or the system forbids it; both are no reason not to train.
      }
    }
    return child;
  };
}
