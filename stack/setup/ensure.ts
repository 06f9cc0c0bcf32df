/** The one way in which every part comes to be there: look, else install under a lock; then verify by running it, once. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { acquireLock } from '../lock.js';
import type { Progress } from './progress.js';
import { isVerified, markVerified, unmarkVerified } from './stamps.js';

/** What a part tells while it is worked on. */
export type Say = (detail: string, fraction?: number) => void;

/** A thing that set-up can find, install and verify. */
export interface Part {
  /** Short, for file names. */
  readonly name: string;
  /** As a person would call it, with its version. */
  readonly title: string;
  /** Path of what is there, null if it is not. */
  find(): string | null;
  /** Files whose size and date stand for the whole. */
  files(path: string): readonly string[];
  /** Runs it. Throws `VERIFY_FAILED` where only a new installation can help. */
  verify(path: string, say: Say): Promise<void>;
  /** Puts it where `find` looks. Interrupted at any point, it leaves nothing that `verify` takes for whole. */
  install(say: Say): Promise<void>;
}

export interface EnsureOptions {
  readonly tools: string;
  readonly report: (progress: Progress) => void;
}

/**
 * Makes sure that a part is there and works.
 * @returns the path that was found or installed
 */
export async function ensurePart(part: Part, { tools, report }: EnsureOptions): Promise<string> {
  const tell =
    (state: Progress['state']): Say =>
    (detail, fraction) => {
      report({ part: part.title, state, detail, ...(fraction === undefined ? {} : { fraction }) });
    };
  try {
    tell('checking')('looking');
    const found = part.find();
    if (found !== null && isVerified(tools, part.name, part.files(found))) {
      tell('ready')(found);
      return found;
    }
    requireWritable(tools);
    const lock = await acquireLock(join(tools, 'locks', `${part.name}.lock`), (holder) => {
      tell('waiting')(`another set-up (process ${holder.pid}) is at it`);
    });
    try {
      const path = await findOrInstall(part, tools, tell('working'));
      markVerified(tools, part.name, part.files(path));
      tell('ready')(path);
      return path;
    } finally {
      lock.release();
    }
  } catch (error) {
    tell('failed')(error instanceof StackError ? error.code : 'failed');
    throw error;
  }
}

async function findOrInstall(part: Part, tools: string, say: Say): Promise<string> {
  const found = part.find();
  if (found !== null) {
    if (isVerified(tools, part.name, part.files(found))) return found;
    say('trying it out');
    try {
      await part.verify(found, say);
      return found;
    } catch (error) {
      const isOurs = found.startsWith(tools);
      if (!isOurs || !(error instanceof StackError) || error.code !== 'VERIFY_FAILED') throw error;
      say('what is there does not work; installing it again');
      unmarkVerified(tools, part.name, part.files(found));
    }
  }
  await part.install(say);
  const installed = part.find();
  if (installed === null) {
    throw new StackError('INSTALL_FAILED', `${part.title} was installed, but it is not where it should be.`);
  }
  say('trying it out');
  await part.verify(installed, say);
  return installed;
}

function requireWritable(tools: string): void {
  try {
    mkdirSync(tools, { recursive: true, mode: 0o755 });
    accessSync(tools, constants.W_OK);
  } catch (error) {
    throw new StackError(
      'TOOLS_NOT_WRITABLE',
      `The tools folder ${tools} cannot be written (${(error as Error).message}). Set MEDLOOP_TOOLS to a folder of your own.`,
      { cause: error },
    );
  }
}
