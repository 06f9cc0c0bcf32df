/** What makes a fresh stack useful: data, and a first model. Done through the command line, like anybody else. */
import { fileURLToPath } from 'node:url';
import { StackError } from '../errors.js';
import type { Guardian } from '../guardian.js';
import { launch } from '../launch.js';

export interface FirstDataOptions {
  readonly apiUrl: string;
  /** A zip or folder named by the user, else null. */
  readonly data: string | null;
  readonly env: NodeJS.ProcessEnv;
  readonly guardian: () => Guardian;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Exit codes of the `medloop` command. */
const EXIT = { done: 0, refused: 3, nothingNew: 4 } as const;

/**
 * Imports the named data, or the demo data where there are none, and trains version 1 where nothing is in service.
 * @throws StackError `IMPORT_FAILED`, `TRAINING_FAILED`, or `PART_UNREACHABLE` where it cannot be told what is there
 */
export async function provideFirstData(options: FirstDataOptions): Promise<void> {
  const { say } = options;
  const isStopping = (): boolean => options.signal.aborted;
  if (options.data !== null) await importData(options, [options.data]);
  else if (!(await hasData(options))) {
    say('There are no data yet: drawing demo phantoms.');
    await importData(options, ['--demo']);
  }
  if (isStopping() || (await hasProduction(options))) return;
  say('No model is in service yet: training version 1.');
  const code = await medloop(options, [
    'retrain',
    '--full',
    '--wait',
    '--attach',
    '--first',
    '--by',
    'npm start',
  ]);
  if (isStopping() || code === EXIT.done) return;
  if (code === EXIT.refused) {
    say('The first model did not pass the gate; the reasons stand above and in the page.');
  } else if (code !== EXIT.nothingNew) {
    throw new StackError(
      'TRAINING_FAILED',
      'The first model could not be trained; the reason stands above. Everything else runs: `npx medloop retrain --full --wait` tries again.',
    );
  }
}

async function importData(options: FirstDataOptions, args: readonly string[]): Promise<void> {
  const code = await medloop(options, ['import', ...args]);
  if (code !== EXIT.done && !options.signal.aborted) {
    throw new StackError('IMPORT_FAILED', 'The data could not be imported; the reason stands above.');
  }
}

async function hasData({ apiUrl }: FirstDataOptions): Promise<boolean> {
  const { snapshots } = (await ask(`${apiUrl}/api/v1/data`)) as { snapshots: unknown[] };
  return snapshots.length > 0;
}

async function hasProduction({ apiUrl }: FirstDataOptions): Promise<boolean> {
  const { models } = (await ask(`${apiUrl}/api/v1/models`)) as { models: { aliases: string[] }[] };
  return models.some((model) => model.aliases.includes('prod'));
}

/** Fails with `PART_UNREACHABLE` where the API cannot tell because S3 or MLflow does not answer. */
async function ask(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  const body: unknown = await response.json();
  if (response.ok) return body;
  const { detail, code } = body as { detail?: string; code?: string };
  throw new StackError(
    'PART_UNREACHABLE',
    `Whether data and a model are there could not be found out: ${detail ?? url} (${code ?? response.status})`,
  );
}

/** Runs one `medloop` command on this terminal and resolves to its exit code. */
async function medloop(options: FirstDataOptions, args: readonly string[]): Promise<number> {
  const entry = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const guardian = options.guardian();
  const { child, identity, ended } = await launch(
    { file: process.execPath, args: ['--enable-source-maps', entry, ...args], env: options.env },
    { output: 'inherit', guardian },
  );
  const stop = (): void => void child.kill('SIGTERM');
  options.signal.addEventListener('abort', stop);
  if (options.signal.aborted) stop();
  await ended;
  options.signal.removeEventListener('abort', stop);
  await guardian.forget(identity);
  return child.exitCode ?? 1;
}
