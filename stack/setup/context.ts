/** What every part's installation is handed. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Search } from '../find.js';
import type { Guardian } from '../guardian.js';
import { createRunner, type Runner } from './run.js';

export interface SetupContext extends Search {
  readonly tools: string;
  /** Environment for the programs that install; those that change where Python looks are gone. */
  readonly env: NodeJS.ProcessEnv;
  readonly guardian: Guardian;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
}

/** A runner with its log beside the parts. */
export function runnerFor(context: SetupContext, part: string): Runner {
  return createRunner({ guardian: context.guardian, logFile: join(context.tools, 'logs', `${part}.log`) });
}

/** A fresh, empty folder in the tools folder, on the same disk as what it will become. */
export function workFolder(context: SetupContext, part: string): string {
  const folder = join(context.tools, 'work', part);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Makes a finished file or folder appear in its place at once, in place of what is there. */
export function putInPlace(finished: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  rmSync(target, { recursive: true, force: true });
  renameSync(finished, target);
}
