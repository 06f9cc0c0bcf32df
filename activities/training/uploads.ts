/** Brings checkpoints to the store, one at a time and the newest first, without ever holding the trainer up. */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const RETRY_MS = 3000;

export interface UploadOptions {
  readonly save: (folder: string, step: number) => Promise<void>;
  /** True for failures after which this attempt may write nothing more. */
  readonly isFinal: (error: unknown) => boolean;
  readonly onFinal: (error: unknown) => void;
  readonly onTrouble: (error: unknown) => void;
}

export interface Uploads {
  /** Takes over the folder: it is removed once it is uploaded or overtaken by a newer one. */
  offer(folder: string, step: number): void;
  /** Waits until everything offered is uploaded, at most `limitMs`; then nothing more is. */
  settle(limitMs: number): Promise<void>;
  /** Drops what waits, ends once no upload is under way, and removes every folder that was offered. */
  stop(): Promise<void>;
}

/** Starts with nothing to do. A failed upload is tried again until a newer checkpoint takes its place. */
export function createUploads(options: UploadOptions): Uploads {
  let waiting: { folder: string; step: number } | null = null;
  let working: Promise<void> | null = null;
  const offered = new Set<string>();
  const ended = new AbortController();

  const discard = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

  async function work(): Promise<void> {
    while (waiting !== null && !ended.signal.aborted) {
      const item = waiting;
      waiting = null;
      try {
        await options.save(item.folder, item.step);
        await discard(item.folder);
      } catch (error) {
        if (options.isFinal(error)) {
          ended.abort();
          options.onFinal(error);
          return;
        }
        options.onTrouble(error);
        waiting ??= item;
        await pause(RETRY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      }
    }
  }

  return {
    offer: (folder, step) => {
      if (waiting !== null) void discard(waiting.folder);
      offered.add(folder);
      waiting = { folder, step };
      working ??= work().finally(() => {
        working = null;
      });
    },
    settle: async (limitMs) => {
      const limit = new AbortController();
      await Promise.race([
        working,
        pause(limitMs, undefined, { signal: limit.signal }).catch(() => undefined),
      ]);
      limit.abort();
      ended.abort();
    },
    stop: async () => {
      ended.abort();
      waiting = null;
      await working;
      for (const folder of offered) await discard(folder);
    },
  };
}
