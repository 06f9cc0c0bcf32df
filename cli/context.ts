/** What every command is given: the API client and the output, made from the global options. */
import type { Command } from 'commander';
import { loadConfig } from '../config/env.js';
import { createApiClient, type ApiClient } from './client.js';
import { EXIT, type ExitCode } from './errors.js';
import { createOutput, type Output } from './output.js';

export interface Context {
  readonly api: ApiClient;
  readonly out: Output;
}

/**
 * Wraps a command's work for commander: context first, and what it answers becomes the process's exit code
 * (nothing: done).
 */
// The caller names the options that its own `.option()` calls make; commander cannot infer them here.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function run<T extends object>(
  command: Command,
  setExit: (code: ExitCode) => void,
  action: (context: Context, options: T, ...args: string[]) => Promise<ExitCode | undefined>,
): void {
  command.option('--json', 'print one JSON document on standard output');
  command.option('--url <address>', 'address of the API (default: MEDLOOP_API_URL, else this machine)');
  command.action(async (...received: unknown[]) => {
    const options = received.at(-2) as T & { json?: boolean; url?: string };
    const args = received.slice(0, -2) as string[];
    const out = createOutput(options.json === true);
    const url = options.url?.replace(/\/$/, '') ?? loadConfig().apiUrl;
    setExit((await action({ api: createApiClient(url), out }, options, ...args)) ?? EXIT.done);
  });
}
