/** Where the programs are: a given path, then the PATH, then the tools folder. Looks only; installs nothing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Config } from '../config/env.js';
import { StackError } from './errors.js';
import { isCompatible, VERSIONS, versionIn } from './versions.js';

/** Absolute paths of the programs that the stack and its tests run; null where one was not found. */
export interface FoundTools {
  readonly temporal: string | null;
  readonly versitygw: string | null;
  readonly mlflow: string | null;
  /** The Python of MLflow's environment, which can load the registered models. */
  readonly python: string | null;
  readonly chromium: string | null;
}

/** What finding needs to know. */
export interface Search {
  readonly config: Config;
  /** The PATH of this process. */
  readonly searchPath: string;
}

export const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;

const MAC_BROWSERS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Looks for every program at once. */
export function findTools(search: Search): FoundTools {
  const mlflow = findMlflow(search);
  return {
    temporal: findTemporal(search),
    versitygw: findVersitygw(search),
    mlflow,
    python: mlflow === null ? null : pythonOf(mlflow),
    chromium: findChromium(search),
  };
}

/** The `temporal` command. */
export function findTemporal({ config, searchPath }: Search): string | null {
  return (
    given('MEDLOOP_TEMPORAL_BIN', config.values.MEDLOOP_TEMPORAL_BIN) ??
    onPath('temporal', searchPath, isUsableTemporal) ??
    inTools(temporalFile(config.tools))
  );
}

/** The `versitygw` command. */
export function findVersitygw({ config, searchPath }: Search): string | null {
  return (
    given('MEDLOOP_VERSITYGW_BIN', config.values.MEDLOOP_VERSITYGW_BIN) ??
    onPath('versitygw', searchPath, isUsableVersitygw) ??
    inTools(versitygwFile(config.tools))
  );
}

/** The `mlflow` command; one on the PATH counts only if it is the pinned version and can load ONNX models. */
export function findMlflow({ config, searchPath }: Search): string | null {
  return (
    given('MEDLOOP_MLFLOW_BIN', config.values.MEDLOOP_MLFLOW_BIN) ??
    onPath('mlflow', searchPath, isUsableMlflow) ??
    inTools(mlflowFile(config.tools))
  );
}

/** A browser that the tests can drive. */
export function findChromium({ config, searchPath }: Search): string | null {
  const named = given('MEDLOOP_CHROMIUM', config.values.MEDLOOP_CHROMIUM);
  if (named !== null) return named;
  for (const name of BROWSERS) {
    const found = onPath(name, searchPath, () => true);
    if (found !== null) return found;
  }
  return MAC_BROWSERS.find(isProgram) ?? null;
}

export function temporalFile(tools: string): string {
  return join(tools, 'temporal', VERSIONS.temporal, 'temporal');
}
export function versitygwFile(tools: string): string {
  return join(tools, 'versitygw', VERSIONS.versitygw, 'versitygw');
}
export function mlflowFile(tools: string): string {
  return join(tools, 'mlflow', VERSIONS.mlflow, 'venv', 'bin', 'mlflow');
}

/** Every place on the PATH that holds a program of this name. */
export function allOnPath(name: string, searchPath: string): string[] {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .filter(isProgram);
}

/** True for a file that this user may run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The Python that runs an `mlflow` script: beside it, also where the script is a link into an environment. */
export function pythonOf(mlflow: string): string | null {
  const beside = join(dirname(realpathSync(mlflow)), 'python');
  if (isProgram(beside)) return beside;
  const shebang = /^#!(\S+)/.exec(readFileSync(mlflow, 'latin1').slice(0, 500))?.[1];
  return shebang !== undefined && isProgram(shebang) ? shebang : null;
}

/** True when the command's server is at least the pinned one; a command built from source has no version of its own. */
export function isUsableTemporal(path: string): boolean {
  const server = /Server (\d+\.\d+\.\d+)/.exec(outputOf(path, ['--version']))?.[1];
  return server !== undefined && isCompatible(server, VERSIONS.temporalServer);
}

/** True for the pinned version or a later one. One built from source says `git`: its module version stands in the file. */
export function isUsableVersitygw(path: string): boolean {
  const said = /Version\s*:\s*(\S+)/.exec(outputOf(path, ['--version']))?.[1];
  if (said === undefined) return false;
  const version = versionIn(said) ?? moduleVersion(path, 'github.com/versity/versitygw');
  return version !== null && isCompatible(version, VERSIONS.versitygw);
}

/** True when MLflow has the pinned version and the packages that load a registered model; reads no more than their metadata. */
export function isUsableMlflow(path: string): boolean {
  const python = pythonOf(path);
  if (python === null) return false;
  const question =
    'import importlib.metadata as m; print(m.version("mlflow"), m.version("onnx"), m.version("onnxruntime"))';
  const [mlflow, onnx, runtime] = outputOf(python, ['-c', question]).trim().split(' ');
  return mlflow === VERSIONS.mlflow && onnx !== undefined && runtime !== undefined;
}

/** Standard output of a short command; empty when it fails. */
export function outputOf(
  file: string,
  args: readonly string[],
  options: { timeoutMs?: number } = {},
): string {
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    timeout: options.timeoutMs ?? 20_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return result.status === 0 ? result.stdout : '';
}

function given(variable: string, path: string | undefined): string | null {
  if (path === undefined) return null;
  if (!isProgram(path)) {
    throw new StackError(
      'GIVEN_PATH_INVALID',
      `${variable} is "${path}", which is not a program that can be run.`,
    );
  }
  return resolve(path);
}

function onPath(name: string, searchPath: string, isUsable: (path: string) => boolean): string | null {
  return allOnPath(name, searchPath).find(isUsable) ?? null;
}

function inTools(path: string): string | null {
  return existsSync(path) && isProgram(path) ? path : null;
}

function moduleVersion(path: string, module: string): string | null {
  const text = readFileSync(path).toString('latin1');
  const start = text.indexOf(`mod\t${module}\tv`);
  return start < 0 ? null : versionIn(text.slice(start, start + 200));
}
