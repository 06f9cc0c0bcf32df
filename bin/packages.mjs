// Installs the Node packages when they are missing, incomplete or not those of package-lock.json.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
/** npm writes this last, so a tree without it is not whole. */
const installedLock = join(modules, '.package-lock.json');
const stamp = join(modules, '.medloop-stamp');
const LOG_EVERY_MS = 10_000;

/** True when something was installed once; cheap, and enough for a command that must answer at once. */
export function arePackagesThere() {
  return existsSync(installedLock);
}

/** Makes node_modules what package-lock.json says. Safe to interrupt, and when two start at once. */
export async function ensurePackages() {
  if (isCurrent()) return;
  await withLock(
    `packages ${root}`,
    () => console.log('· Node packages: another process is installing them'),
    async () => {
      if (isCurrent()) return;
      if (!isInstalled()) await install();
      writeFileSync(stamp, digest());
    },
  );
}

function isCurrent() {
  return existsSync(installedLock) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest();
}

function digest() {
  const platform = `${process.platform} ${process.arch}`;
  return createHash('sha256')
    .update(platform)
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** True when npm's own list of what it installed holds every package of package-lock.json in its version. */
function isInstalled() {
  if (!existsSync(installedLock)) return false;
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' ||
        (installed[path] === undefined ? optional === true : installed[path].version === version),
    );
  } catch {
    return false;
  }
}

async function install() {
  const total = expected();
  console.log(`· Node packages: npm ci (${total} packages)`);
  rmSync(stamp, { force: true });
  // Without it an interrupted installation can never be taken for a whole one.
  rmSync(installedLock, { force: true });
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  const timer = setInterval(() => {
    console.log(`· Node packages: ${Math.min(unpacked(), total)} of ${total} folders (${seconds()} s)`);
  }, LOG_EVERY_MS);
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const command = [...npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // The shell kills npm when its standard input closes, so that npm does not outlive a process that was killed. Asked
  // kindly, npm first undoes its work for a minute, and the next start would meet it.
  const watched =
    'exec 3<&0; "$@" </dev/null & npm=$!; { read -r line <&3; kill -KILL "$npm"; } & watch=$!; wait "$npm"; code=$?; kill "$watch" 2>/dev/null; exit "$code"';
  const code = await new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', watched, 'sh', ...command], {
      cwd: root,
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  clearInterval(timer);
  if (code !== 0 || !isInstalled()) {
    throw new Error(
      `The Node packages could not be installed: \`npm ci\` ended with exit code ${code}. Its messages are above; starting again continues from npm's cache.`,
    );
  }
  console.log(`✓ Node packages (${seconds()} s)`);
}

/** Packages that stand directly in node_modules on every platform: what `unpacked` can count. */
function expected() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).filter(
    ([path, { optional }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && optional !== true,
  ).length;
}

/** npm makes all folders first and fills them later: only those with a manifest count. */
function unpacked() {
  if (!existsSync(modules)) return 0;
  const names = readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
  return names.filter((name) => existsSync(join(modules, name, 'package.json'))).length;
}
