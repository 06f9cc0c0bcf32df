/** Starts, watches and ends the import process. */
import { fork, type ChildProcess } from 'node:child_process';
import { ApiError, CATALOGUE, type ErrorCode } from './errors.js';
import { importMessageSchema } from './import-messages.js';
import type { ImportRunner } from './ports.js';
import type { ImportReport } from '../storage/types.js';

/** How long the process may take to end by itself before it is killed, in ms. */
const PATIENCE_MS = 3_000;

function isCode(code: string): code is ErrorCode {
  return code in CATALOGUE;
}

function end(child: ChildProcess): void {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  child.once('exit', () => {
    clearTimeout(timer);
  });
}

/**
 * Each import runs in a process of its own, so a file that crashes the decoder takes down only that import.
 * @param entry the script of that process
 */
export function createImportRunner(entry: URL): ImportRunner {
  return {
    run: (job, onProgress, signal) =>
      new Promise<ImportReport>((resolve, reject) => {
        const child = fork(entry, [], { execArgv: ['--enable-source-maps'], serialization: 'json' });
        let outcome: (() => void) | null = null;
        const stop = (): void => {
          outcome ??= () => {
            reject(new ApiError('IMPORT_FAILED', 'The import was stopped.'));
          };
          end(child);
        };
        if (signal.aborted) stop();
        signal.addEventListener('abort', stop, { once: true });
        child.on('message', (value: unknown) => {
          const parsed = importMessageSchema.safeParse(value);
          if (!parsed.success || outcome) return;
          const message = parsed.data;
          switch (message.type) {
            case 'ready':
              child.send(job);
              break;
            case 'progress':
              onProgress(message.progress);
              break;
            case 'report':
              outcome = () => {
                resolve(message.report as unknown as ImportReport);
              };
              break;
            case 'failed':
              outcome = () => {
                reject(new ApiError(isCode(message.code) ? message.code : 'IMPORT_FAILED', message.message));
              };
              break;
          }
        });
        child.once('error', (cause) => {
          reject(new ApiError('IMPORT_FAILED', undefined, { cause }));
        });
        // Settled only when the process is gone, so that the next import never meets this one.
        child.once('exit', (code, by) => {
          signal.removeEventListener('abort', stop);
          if (outcome) outcome();
          else {
            const cause = new Error(`the import process ended with ${by ?? String(code)}`);
            reject(new ApiError('IMPORT_FAILED', undefined, { cause }));
          }
        });
      }),
  };
}
