/** Joins tfjs-node of this checkout to the native library: builds its binding once a machine, then only copies and links. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../config/paths.js';
import { StackError } from '../errors.js';
import { allOnPath } from '../find.js';
import { VERSIONS } from '../versions.js';
import { runnerFor, workFolder, type SetupContext } from './context.js';
import type { Say } from './ensure.js';

/** Highest Node-API version that tfjs-node 4 knows; every supported Node.js has it. */
const NODE_API = 8;
const require = createRequire(import.meta.url);

/** Files of this checkout that are in place once the binding is. */
export function boundFiles(): string[] {
  return [bindingFile(), join(packageFolder(), 'deps', 'lib', 'libtensorflow_cc.so.2')];
}

/**
 * Links the library, puts the binding there, and lets TensorFlow multiply two matrices.
 * @throws StackError `COMPILER_MISSING`, or `VERIFY_FAILED` when a freshly built binding does not load
 */
export async function bindTensorflow(context: SetupContext, library: string, say: Say): Promise<void> {
  const cached = join(context.tools, 'tensorflow-binding', cacheKey(context), 'tfjs_binding.node');
  const isCached = existsSync(cached);
  if (!isCached) await build(context, library, cached, say);
  place(library, cached);
  say('trying it out');
  const problem = await problemOf(context);
  if (problem === null) return;
  if (isCached) {
    await build(context, library, cached, say);
    place(library, cached);
    if ((await problemOf(context)) === null) return;
  }
  throw new StackError('VERIFY_FAILED', `TensorFlow was set up but does not run:\n${problem}`);
}

function place(library: string, binding: string): void {
  const link = join(packageFolder(), 'deps');
  if (linkTarget(link) !== library) {
    const fresh = `${link}.${process.pid}`;
    rmSync(fresh, { force: true });
    symlinkSync(library, fresh);
    if (linkTarget(link) === null) rmSync(link, { recursive: true, force: true });
    renameSync(fresh, link);
  }
  const target = bindingFile();
  if (existsSync(target) && readFileSync(target).equals(readFileSync(binding))) return;
  mkdirSync(dirname(target), { recursive: true });
  // A running process keeps the old file: it is replaced, not written over.
  const fresh = `${target}.${process.pid}`;
  copyFileSync(binding, fresh);
  renameSync(fresh, target);
}

/** tfjs-node's two sources need no more than a C++ compiler, TensorFlow's C headers and those of Node-API. */
async function build(context: SetupContext, library: string, target: string, say: Say): Promise<void> {
  const compiler = ['g++', 'c++', 'clang++'].flatMap((name) => allOnPath(name, context.searchPath))[0];
  if (compiler === undefined) {
    throw new StackError(
      'COMPILER_MISSING',
      'A C++ compiler is needed once, to build the TensorFlow binding. Install it (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; Alpine is not supported: it has no glibc).',
    );
  }
  say('building the binding');
  const source = join(packageFolder(), 'binding');
  const built = join(workFolder(context, 'tensorflow-binding'), 'tfjs_binding.node');
  const lib = join(library, 'lib');
  await runnerFor(context, 'tensorflow-binding').run({
    file: compiler,
    args: [
      ...['-shared', '-fPIC', '-O2', '-std=c++17', '-fno-exceptions', '-fno-rtti', '-w'],
      ...[`-DNAPI_VERSION=${NODE_API}`, '-DBUILDING_NODE_EXTENSION'],
      ...['-I', join(dirname(require.resolve('node-api-headers/package.json')), 'include')],
      ...['-I', join(library, 'include')],
      ...[join(source, 'tfjs_backend.cc'), join(source, 'tfjs_binding.cc')],
      ...['-L', lib, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-o', built],
    ],
    env: context.env,
  });
  mkdirSync(dirname(target), { recursive: true });
  renameSync(built, target);
  rmSync(dirname(built), { recursive: true, force: true });
}

/** Null when TensorFlow loads, has the right version and calculates. */
async function problemOf(context: SetupContext): Promise<string | null> {
  const script = `
    const tf = require('@tensorflow/tfjs-node');
    const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).dataSync();
    console.log('medloop', tf.backend().binding.TF_Version, Array.from(product).join(' '));
  `;
  try {
    const lines = await runnerFor(context, 'tensorflow-check').run({
      file: process.execPath,
      args: ['-e', script],
      env: { ...context.env, TF_CPP_MIN_LOG_LEVEL: '2', NODE_OPTIONS: '' },
      cwd: projectRoot(),
    });
    const said = lines.find((line) => line.startsWith('medloop '));
    if (said === `medloop ${VERSIONS.tensorflow} 19 22 43 50`) return null;
    return `expected version ${VERSIONS.tensorflow}, got: ${said ?? lines.join('\n')}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function cacheKey({ platform, arch }: SetupContext): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return `tfjs-${version}-tensorflow-${VERSIONS.tensorflow}-napi-v${NODE_API}-${platform}-${arch}`;
}

function packageFolder(): string {
  return dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
}

function bindingFile(): string {
  return join(packageFolder(), 'lib', `napi-v${NODE_API}`, 'tfjs_binding.node');
}

/** Where a symbolic link leads; null where there is no link. */
function linkTarget(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : null;
}
