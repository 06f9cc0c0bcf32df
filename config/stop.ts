/** How a process of ours is told to stop: by a signal, or by the end of the process that started it. */
import type { Logger } from './log.js';

/**
 * Aborts at SIGTERM, at SIGINT, or when the IPC channel to the parent is gone.
 * @param part how the log calls the process
 * @param limitMs the process is ended with 1 when it has not ended by itself this long after that
 */
export function onStop(log: Logger, part: string, limitMs: number): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string): void => {
    if (controller.signal.aborted) return;
    log.info({ reason }, `${part} stopping`);
    setTimeout(() => {
      log.error(`${part} did not stop in time`);
      process.exit(1);
    }, limitMs).unref();
    controller.abort();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A supervisor that was killed cannot tell anyone to stop.
  process.on('disconnect', () => {
    stop('disconnect');
  });
  return controller.signal;
}
