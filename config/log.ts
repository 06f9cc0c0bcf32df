/** Structured logs: one JSON document a line on standard output, the same fields in every process. */
import { pino, type Logger } from 'pino';

export type { Logger };

/** A logger whose lines name the process that wrote them. */
export function createLogger(part: string, level: string): Logger {
  return pino({
    level,
    base: { part, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['*.authorization', '*.secretAccessKey', '*.password', '*.token'],
  });
}
