/** A browser for the tests: one that is there, else the distribution's package where this user may install it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { StackError } from '../errors.js';
import { allOnPath, findChromium, outputOf } from '../find.js';
import type { SetupContext } from './context.js';
import type { Part, Say } from './ensure.js';

export function chromiumPart(context: SetupContext): Part {
  return {
    name: 'chromium',
    title: 'Chromium (for the tests)',
    find: () => findChromium(context),
    files: (path) => [path],
    verify: (path) =>
      /Chrom/.test(outputOf(path, ['--version'], { timeoutMs: 60_000 }))
        ? Promise.resolve()
        : Promise.reject(
            new StackError(
              'VERIFY_FAILED',
              `${path} does not run. Set MEDLOOP_CHROMIUM to a browser that does.`,
            ),
          ),
    install: (say) => installPackage(context, say),
  };
}

async function installPackage(context: SetupContext, say: Say): Promise<void> {
  const aptGet = allOnPath('apt-get', context.searchPath)[0];
  const isRoot = process.getuid?.() === 0;
  if (context.platform !== 'linux' || aptGet === undefined || !isRoot || !hasRealPackage()) {
    throw new StackError(
      'TOOL_MISSING',
      `No browser was found. ${howTo(context.platform)} Or set MEDLOOP_CHROMIUM.`,
    );
  }
  say('installing the package chromium');
  const install = ['install', '-y', '--no-install-recommends', 'chromium'];
  if ((await runPackageManager(aptGet, install, context)) === 0) return;
  say('updating the list of packages');
  await runPackageManager(aptGet, ['update'], context);
  say('installing the package chromium');
  if ((await runPackageManager(aptGet, install, context)) !== 0) {
    throw new StackError(
      'INSTALL_FAILED',
      `\`apt-get ${install.join(' ')}\` failed. Install a browser by hand, or set MEDLOOP_CHROMIUM.`,
    );
  }
}

/** Not watched by the guardian: a package manager that is ended half-way leaves the whole system locked. */
async function runPackageManager(
  file: string,
  args: readonly string[],
  context: SetupContext,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: 'ignore',
      detached: true,
      env: { ...context.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.once('error', () => {
      resolve(1);
    });
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** On Ubuntu the package of this name only calls for a snap, which containers do not have. */
function hasRealPackage(): boolean {
  try {
    return !/^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

function howTo(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return 'Install Google Chrome or run `brew install --cask chromium`.';
  return 'Install one (Debian: apt install chromium; Ubuntu: snap install chromium; Fedora: dnf install chromium).';
}
