/** Temporal's own log lines in the format of all others. */
import type { LogLevel, LogMetadata } from '@temporalio/common';
import { Runtime, type Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from '../config/log.js';

/** A logger for the SDK that writes through ours. */
export function sdkLogger(log: Logger): SdkLogger {
  const write = (level: LogLevel, message: string, meta?: LogMetadata): void => {
    const line = log[LEVELS[level]].bind(log);
    // Errors must be under `err` for the logger to write them out.
    const { error, ...rest } = meta ?? {};
    line(error === undefined ? rest : { ...rest, err: error }, message);
  };
  return {
    log: write,
    trace: (message, meta) => {
      write('TRACE', message, meta);
    },
    debug: (message, meta) => {
      write('DEBUG', message, meta);
    },
    info: (message, meta) => {
      write('INFO', message, meta);
    },
    warn: (message, meta) => {
      write('WARN', message, meta);
    },
    error: (message, meta) => {
      write('ERROR', message, meta);
    },
  };
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Call once, before anything else of the SDK. Signals are the process's business, not the runtime's. */
export function installRuntime(log: Logger): void {
  Runtime.install({
    logger: sdkLogger(log),
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}
