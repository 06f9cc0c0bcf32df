// Builds the page into dist/web when one of its sources has changed since the last build.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'dist', 'web');
const stampFile = join(target, 'build-stamp');

/** Digest of everything that the built files depend on. Contents, not times: a checkout changes times only. */
function stamp() {
  const files = readdirSync(join(root, 'web'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...files, join(root, 'package-lock.json'), fileURLToPath(import.meta.url)]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/**
 * Builds the page if needed. Two builds at the same time are safe: each writes a folder of its own and the finished
 * one takes its place. Resolves to true when it built, false when dist/web was up to date.
 */
export async function buildWeb() {
  const wanted = stamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return false;
  const { build } = await import('vite');
  const fresh = join(root, 'dist', `web-${process.pid}-${Date.now()}`);
  const old = `${fresh}-old`;
  try {
    mkdirSync(fresh, { recursive: true });
    await build({
      configFile: join(root, 'web', 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: fresh },
    });
    writeFileSync(join(fresh, 'build-stamp'), wanted);
    if (existsSync(target)) renameSync(target, old);
    try {
      renameSync(fresh, target);
    } catch (error) {
      // Another build has put its own there in between: equally good, unless it is not complete.
      if (!existsSync(stampFile)) throw error;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
  return true;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = Date.now();
  const built = await buildWeb();
  console.log(built ? `built the page in ${Date.now() - started} ms` : 'the page is up to date');
}
