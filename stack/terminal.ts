/** Set-up and guarded child processes for the commands that a person types. */
import { loadConfig } from '../config/env.js';
import { StackError } from './errors.js';
import type { FoundTools } from './find.js';
import { startGuardian } from './guardian.js';
import { launch, type Command } from './launch.js';
import { endGroup } from './processes.js';
import { createProgressView } from './setup/progress.js';
import { setUp, type PartName } from './setup/setup.js';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Sets the parts up with progress on the terminal. Ends the process with a readable message where a needed part
 * cannot be had; of the others it says so and goes on.
 */
export async function setUpFromTerminal(
  needed: readonly PartName[],
  optional: readonly PartName[] = [],
): Promise<FoundTools> {
  try {
    const found = await setUpShown(needed);
    if (optional.length === 0) return found;
    return await setUpShown(optional).catch((error: unknown) => {
      console.error(`Without it: ${messageOf(error)}`);
      return found;
    });
  } catch (error) {
    console.error(messageOf(error));
    process.exit(1);
  }
}

/** Runs one set-up and leaves its last state on the screen. */
export async function setUpShown(parts: readonly PartName[]): Promise<FoundTools> {
  const view = createProgressView({
    isTerminal: process.stdout.isTTY,
    columns: process.stdout.columns || 100,
    write: (text) => process.stdout.write(text),
  });
  try {
    return await setUp({ config: loadConfig(), parts, report: view.report });
  } finally {
    view.close();
  }
}

/** What a person is told: no stack trace, the stable code at the end. */
export function messageOf(error: unknown): string {
  if (error instanceof StackError) return `${error.message} [${error.code}]`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Runs a command on this terminal. Whatever becomes of this process, the command and its children end with it.
 * @param isDone true once the command has done its work; it then has `endLimitMs` to end by itself
 * @returns its exit code
 */
export async function runGuarded(
  command: Command,
  isDone: () => boolean,
  endLimitMs: number,
): Promise<number> {
  const guardian = startGuardian();
  const launched = await launch(command, { output: 'inherit', guardian });
  const asked = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      asked.abort();
      void endGroup(launched.identity.pid, 5000);
    });
  }
  let doneAtMs: number | null = null;
  while (!launched.hasEnded()) {
    await Promise.race([sleep(250), launched.ended]);
    if (isDone()) doneAtMs ??= Date.now();
    if (doneAtMs !== null && Date.now() - doneAtMs > endLimitMs && !launched.hasEnded()) {
      console.error('Something kept the process open after its work was done; it was ended.');
      await endGroup(launched.identity.pid, 2000);
      await guardian.dismiss();
      return 1;
    }
  }
  await endGroup(launched.identity.pid, 2000);
  await guardian.dismiss();
  return asked.signal.aborted ? 130 : (launched.child.exitCode ?? 1);
}
