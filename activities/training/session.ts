/** One trainer process from its start to its end: messages, being stopped, silence, and how it ended. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type {
  TrainerCommand,
  TrainerJob,
  TrainerMessage,
  TrainerResult,
  TrainingProgress,
} from '../../model/types.js';

/** After its last message a trainer has this long to go by itself. */
const LEAVE_MS = 2000;
const STDERR_LINES = 20;

export interface SessionOptions {
  readonly child: ChildProcess;
  readonly job: TrainerJob;
  /** Ends the session; see `stopMs`. */
  readonly signal: AbortSignal;
  /** Time for a last checkpoint between `stop` and SIGKILL; 0 kills at once. Asked when the signal comes. */
  readonly stopMs: () => number;
  readonly silenceMs: number;
  readonly onProgress: (progress: TrainingProgress) => void;
  readonly onCheckpoint: (folder: string, step: number) => void;
  /** A line that the trainer wrote. */
  readonly onLine: (line: string) => void;
}

export type SessionEnd =
  | { readonly kind: 'done'; readonly result: TrainerResult }
  /** It answered `stop`; `folder` holds its last checkpoint. */
  | { readonly kind: 'stopped'; readonly folder: string | null; readonly step: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** It ended without a word; `reason` is a sentence with the last lines that it wrote. */
  | { readonly kind: 'gone'; readonly reason: string };

function isMessage(value: unknown): value is TrainerMessage {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'was killed (SIGKILL; often for lack of memory)';
  return signal === null ? `ended with exit code ${String(code)}` : `ended by ${signal}`;
}

/** Runs a trainer; resolves only when its process is gone, so that no two can train side by side. Never rejects. */
export function runTrainer(options: SessionOptions): Promise<SessionEnd> {
  const { child, signal } = options;
  return new Promise((resolve) => {
    let last: SessionEnd | null = null;
    let complaint: string | null = null;
    let killer: NodeJS.Timeout | undefined;
    let silence: NodeJS.Timeout | undefined;
    const lines: string[] = [];

    const send = (command: TrainerCommand): void => {
      // A closed channel shows as the exit that follows.
      if (child.connected) child.send(command, () => undefined);
    };
    const killIn = (delayMs: number): void => {
      clearTimeout(killer);
      killer = setTimeout(() => child.kill('SIGKILL'), delayMs);
    };
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        complaint = `said nothing for ${Math.round(options.silenceMs / 1000)} s and was killed`;
        child.kill('SIGKILL');
      }, options.silenceMs);
    };
    const stop = (): void => {
      const graceMs = options.stopMs();
      if (graceMs > 0) send({ type: 'stop' });
      killIn(graceMs);
    };
    const conclude = (end: SessionEnd): void => {
      last ??= end;
      killIn(LEAVE_MS);
    };
    const read = (stream: Readable | null, keep: boolean): void => {
      if (stream === null) return;
      createInterface({ input: stream }).on('line', (line) => {
        options.onLine(line);
        if (keep) lines.splice(0, Math.max(0, lines.push(line) - STDERR_LINES));
      });
    };
    let finished = false;
    const finish = (what: string): void => {
      if (finished) return;
      finished = true;
      clearTimeout(killer);
      clearTimeout(silence);
      signal.removeEventListener('abort', stop);
      const tail = lines.join('\n').slice(-2000);
      const reason = `The trainer ${complaint ?? what}.${tail === '' ? '' : `\n${tail}`}`;
      resolve(last ?? { kind: 'gone', reason });
    };

    child.on('message', (message: unknown) => {
      if (!isMessage(message)) return;
      heard();
      switch (message.type) {
        case 'ready':
          return;
        case 'progress':
          options.onProgress(message.progress);
          return;
        case 'checkpoint':
          options.onCheckpoint(message.folder, message.step);
          return;
        case 'stopped':
          conclude({ kind: 'stopped', folder: message.folder, step: message.step });
          return;
        case 'done':
          conclude({ kind: 'done', result: message.result });
          return;
        case 'failed':
          conclude({ kind: 'failed', code: message.code, message: message.message });
      }
    });
    child.on('error', (error) => {
      // Without a process id it never started, and no exit will follow.
      if (child.pid === undefined) finish(`could not be started: ${error.message}`);
    });
    // `close` comes after `exit`, when everything that it wrote has been read.
    child.on('close', (code, exitSignal) => {
      finish(describeExit(code, exitSignal));
    });
    read(child.stdout, false);
    read(child.stderr, true);
    heard();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    else send({ type: 'start', job: options.job });
  });
}
