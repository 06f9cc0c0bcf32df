/** Runs one program of an installation: its output goes to a log and line by line to the caller. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { StackError } from '../errors.js';
import type { Guardian } from '../guardian.js';
import { launch, type Command } from '../launch.js';
import { endGroup } from '../processes.js';

/** Runs programs for one part. */
export interface Runner {
  /**
   * @returns all lines of both outputs
   * @throws StackError `INSTALL_FAILED` with the end of the output, `DISK_FULL` where that was the cause
   */
  run(command: Command, options?: { onLine?: (line: string) => void; timeoutMs?: number }): Promise<string[]>;
}

/** A runner whose programs end with this process and whose output is kept in one file. */
export function createRunner(options: { guardian: Guardian; logFile: string }): Runner {
  mkdirSync(dirname(options.logFile), { recursive: true });
  writeFileSync(options.logFile, '');
  return {
    run: async (command, { onLine, timeoutMs } = {}) => {
      const title = [command.file, ...command.args].join(' ');
      appendFileSync(options.logFile, `$ ${title}\n`);
      const { child, identity, ended } = await launch(command, {
        output: 'pipe',
        guardian: options.guardian,
      });
      const lines: string[] = [];
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line);
          appendFileSync(options.logFile, `${line}\n`);
          onLine?.(line);
        });
      }
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => void endGroup(identity.pid, 0), timeoutMs);
      await new Promise<void>((resolve) => {
        child.once('close', () => {
          resolve();
        });
        child.once('error', () => {
          resolve();
        });
      });
      clearTimeout(timer);
      await options.guardian.forget(identity);
      if (child.exitCode === 0) return lines;
      const tail = lines.slice(-12).join('\n');
      if (/no space left on device|ENOSPC|disk quota exceeded/i.test(tail)) {
        throw new StackError('DISK_FULL', `The disk is full: \`${title}\` could not write.\n${tail}`);
      }
      throw new StackError(
        'INSTALL_FAILED',
        `\`${title}\` ${await ended}. All of its output is in ${options.logFile}; it ends with:\n${tail}`,
      );
    },
  };
}
