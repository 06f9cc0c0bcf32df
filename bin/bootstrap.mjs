// What every command does first: check Node.js, install the packages, transpile. Uses no package itself.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { arePackagesThere, ensurePackages } from './packages.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Makes this checkout ready to run. Prints one line and ends the process where it cannot.
 * @param {{ quick?: boolean, web?: boolean }} options `quick` only looks whether packages are there at all; `web` builds the page too
 */
export async function bootstrap({ quick = false, web = false } = {}) {
  try {
    checkNode();
    if (!quick || !arePackagesThere()) await ensurePackages();
    // Two commands at once must not read what the other has half written.
    await withLock(
      `build ${root}`,
      () => undefined,
      async () => {
        const { build } = await import('./build.mjs');
        await build();
        if (!web) return;
        const startedAt = Date.now();
        const { buildWeb } = await import('./build-web.mjs');
        if (await buildWeb()) console.log(`✓ Page built (${Math.round((Date.now() - startedAt) / 1000)} s)`);
      },
    );
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Imports a module of the build. */
export function fromDist(path) {
  return import(new URL(`../dist/${path}`, import.meta.url).href);
}

function checkNode() {
  const needed = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  const [needMajor, needMinor] = needed.split('.').map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    throw new Error(
      `NODE_TOO_OLD: Node.js ${needed} or later is needed, this is ${process.versions.node}. Install a newer one (nodejs.org, nvm, fnm, or your distribution) and try again.`,
    );
  }
}
