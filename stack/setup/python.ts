/** Python on this machine: a good enough interpreter, environments of our own, and pip. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { allOnPath, isProgram, outputOf } from '../find.js';
import { isAtLeast, VERSIONS } from '../versions.js';
import type { Command } from '../launch.js';
import type { SetupContext } from './context.js';
import type { Runner } from './run.js';

const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

const HOW = `Install it (Debian and Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3; macOS: brew install python) or set MEDLOOP_PYTHON.`;

/** Path of the first Python that is new enough. */
export function findPython({ config, searchPath }: SetupContext): string {
  const named = config.values.MEDLOOP_PYTHON;
  if (named !== undefined && !isProgram(named)) {
    throw new StackError(
      'GIVEN_PATH_INVALID',
      `MEDLOOP_PYTHON is "${named}", which is not a program that can be run.`,
    );
  }
  const candidates = named === undefined ? NAMES.flatMap((name) => allOnPath(name, searchPath)) : [named];
  const seen: string[] = [];
  for (const candidate of candidates) {
    const [version, path] = outputOf(candidate, [
      '-c',
      'import sys; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)',
    ]).split('\n');
    if (version === undefined || path === undefined) continue;
    if (isAtLeast(version, VERSIONS.python)) return path;
    seen.push(`${candidate} (${version})`);
  }
  const found = seen.length === 0 ? 'none was found' : `found only ${seen.join(', ')}`;
  throw new StackError('PYTHON_MISSING', `Python 3.10 or later is needed, ${found}. ${HOW}`);
}

/** Path of `uv`, which installs Python packages several times faster than pip; null where there is none. */
export function findUv({ searchPath }: SetupContext): string | null {
  return allOnPath('uv', searchPath)[0] ?? null;
}

/** Makes an empty environment; replaces what is there. */
export async function createEnvironment(
  context: SetupContext,
  runner: Runner,
  folder: string,
): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const uv = findUv(context);
  const python = findPython(context);
  if (uv !== null) {
    await runner.run({ file: uv, args: ['venv', '--seed', '--python', python, folder], env: context.env });
    return;
  }
  try {
    await runner.run({ file: python, args: ['-m', 'venv', folder], env: context.env });
  } catch (error) {
    if (error instanceof StackError && error.message.includes('ensurepip')) {
      throw new StackError('PYTHON_MISSING', `${python} cannot make environments. ${HOW}`, { cause: error });
    }
    throw error;
  }
}

/** The command that installs exactly these packages into an environment. */
export function installPackages(context: SetupContext, folder: string, packages: readonly string[]): Command {
  const python = join(folder, 'bin', 'python');
  const uv = findUv(context);
  return uv === null
    ? {
        file: python,
        args: ['-m', 'pip', 'install', '--progress-bar', 'off', '--no-input', ...packages],
        env: context.env,
      }
    : { file: uv, args: ['pip', 'install', '--python', python, ...packages], env: context.env };
}

/** A Python that has pip: the one of the machine, else one in a new environment in `folder`. */
export async function pythonWithPip(context: SetupContext, runner: Runner, folder: string): Promise<string> {
  const python = findPython(context);
  if (outputOf(python, ['-m', 'pip', '--version']) !== '') return python;
  if (!existsSync(join(folder, 'bin', 'python'))) await createEnvironment(context, runner, folder);
  return join(folder, 'bin', 'python');
}
