/** TensorFlow's native library, taken from the official Python wheel, under tfjs-node. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { VERSIONS } from '../versions.js';
import { putInPlace, runnerFor, type SetupContext } from './context.js';
import type { Part, Say } from './ensure.js';
import { pythonWithPip } from './python.js';
import { bindTensorflow, boundFiles } from './tensorflow-binding.js';
import { unpack } from './unpack.js';

/** Wheel by processor. Any Python's wheel holds the same library, so one that exists for the version is named. */
const WHEELS: Readonly<Record<string, { name: string; platforms: readonly string[]; sizeBytes: number }>> = {
  x64: { name: 'tensorflow-cpu', platforms: ['manylinux_2_27_x86_64'], sizeBytes: 273_800_000 },
  arm64: { name: 'tensorflow', platforms: ['manylinux_2_27_aarch64'], sizeBytes: 281_800_000 },
};

/** tfjs-node links against these names; the wheel has one file for each library. */
const LINKS: readonly (readonly [link: string, file: string])[] = [
  ['libtensorflow.so', 'libtensorflow_cc.so.2'],
  ['libtensorflow.so.2', 'libtensorflow_cc.so.2'],
  ['libtensorflow.so.2.9.1', 'libtensorflow_cc.so.2'],
  ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
];

export function tensorflowPart(context: SetupContext): Part {
  const folder = join(context.tools, 'tensorflow', VERSIONS.tensorflow);
  return {
    name: 'tensorflow',
    title: `TensorFlow ${VERSIONS.tensorflow}`,
    find: () => (existsSync(join(folder, 'lib', 'libtensorflow_cc.so.2')) ? folder : null),
    files: (path) => [
      join(path, 'lib', 'libtensorflow_cc.so.2'),
      join(path, 'lib', 'libtensorflow_framework.so.2'),
      ...boundFiles(),
    ],
    verify: (path, say) => bindTensorflow(context, path, say),
    install: (say) => install(context, folder, say),
  };
}

async function install(context: SetupContext, folder: string, say: Say): Promise<void> {
  const wheel = context.platform === 'linux' ? WHEELS[context.arch] : undefined;
  if (wheel === undefined) {
    throw new StackError(
      'PLATFORM_UNSUPPORTED',
      `Training needs TensorFlow's native library for tfjs-node, which Medloop can set up on Linux (x64 and arm64) only; this is ${context.platform} on ${context.arch}. Run Medloop in a Linux container or virtual machine.`,
    );
  }
  // Not emptied first: a wheel that an interrupted set-up loaded to its end is used.
  const work = join(context.tools, 'work', 'tensorflow');
  const file = await loadWheel(context, wheel, work, say);
  const unpacked = join(work, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(join(unpacked, 'lib'), { recursive: true });
  await unpack(
    file,
    (name) => placeOf(name, unpacked),
    (fraction) => {
      say('unpacking', fraction);
    },
  ).catch((error: unknown) => {
    // A wheel that cannot be unpacked must be loaded again next time.
    rmSync(file, { force: true });
    throw error;
  });
  for (const [link, target] of LINKS) symlinkSync(target, join(unpacked, 'lib', link));
  putInPlace(unpacked, folder);
  rmSync(work, { recursive: true, force: true });
}

/** The two libraries, the headers that the binding includes, and the licences; nothing else of the wheel. */
function placeOf(name: string, folder: string): string | null {
  const library = /^tensorflow\/(libtensorflow_(?:cc|framework)\.so\.2)$/.exec(name)?.[1];
  if (library !== undefined) return join(folder, 'lib', library);
  const header =
    /^tensorflow\/include\/((?:tensorflow\/c|tensorflow\/core\/platform|tsl\/platform|xla\/tsl\/c)\/[\w/.-]+\.h)$/.exec(
      name,
    )?.[1];
  if (header !== undefined) return join(folder, 'include', header);
  if (name === 'tensorflow/include/LICENSE') return join(folder, 'LICENSE');
  if (name === 'tensorflow/THIRD_PARTY_NOTICES.txt') return join(folder, 'THIRD_PARTY_NOTICES.txt');
  return null;
}

async function loadWheel(
  context: SetupContext,
  wheel: { name: string; platforms: readonly string[]; sizeBytes: number },
  work: string,
  say: Say,
): Promise<string> {
  const finished = join(work, 'wheel');
  const have = wheelIn(finished);
  if (have !== null) return have;
  const loading = join(work, 'loading');
  const temporary = join(work, 'tmp');
  for (const folder of [loading, temporary]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const runner = runnerFor(context, 'tensorflow');
  const python = await pythonWithPip(context, runner, join(work, 'pip'));
  say('downloading');
  const watch = setInterval(() => {
    say('downloading', Math.min(0.99, Math.max(bytesIn(temporary), bytesIn(loading)) / wheel.sizeBytes));
  }, 500);
  try {
    await runner.run({
      file: python,
      args: [
        ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--python-version', '3.11'],
        ...['--implementation', 'cp', '--abi', 'cp311'],
        ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
        ...['--no-cache-dir', '--progress-bar', 'off', '--no-input', '--dest', loading],
        `${wheel.name}==${VERSIONS.tensorflow}`,
      ],
      // pip writes to its temporary folder while it loads: the only place where progress can be seen.
      env: { ...context.env, TMPDIR: temporary },
    });
  } finally {
    clearInterval(watch);
  }
  renameSync(loading, finished);
  const loaded = wheelIn(finished);
  if (loaded === null) throw new StackError('INSTALL_FAILED', `pip loaded no wheel of ${wheel.name}.`);
  return loaded;
}

function wheelIn(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const name = readdirSync(folder).find((entry) => entry.endsWith('.whl'));
  return name === undefined ? null : join(folder, name);
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stat) => sum + (stat?.isFile() === true ? stat.size : 0), 0);
}
