// Transpiles every TypeScript file of the rooms to dist/ (types are checked by `npm run check`).
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const rooms = [
  'config',
  'model',
  'storage',
  'activities',
  'workflows',
  'temporal',
  'api',
  'cli',
  'stack',
  'tests',
];

function sources(folder) {
  const found = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...sources(path));
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts')) found.push(path);
  }
  return found;
}

/** Transpiles what changed since the last call and removes what lost its source; returns how many files were written. */
export async function build() {
  const wanted = rooms.filter((room) => existsSync(join(root, room))).flatMap(sources);
  const stale = wanted.filter((path) => {
    const target = join(root, 'dist', path.replace(/\.ts$/, '.js'));
    return !existsSync(target) || statSync(target).mtimeMs < statSync(join(root, path)).mtimeMs;
  });
  for (const room of rooms) {
    const folder = join(root, 'dist', room);
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true })) {
      if (!entry.endsWith('.js')) continue;
      if (!existsSync(join(root, room, entry.replace(/\.js$/, '.ts')))) {
        rmSync(join(folder, entry));
        rmSync(join(folder, `${entry}.map`), { force: true });
      }
    }
  }
  if (stale.length === 0) return 0;
  const { transform } = await import('esbuild');
  await Promise.all(
    stale.map(async (path) => {
      const result = await transform(readFileSync(join(root, path), 'utf8'), {
        loader: 'ts',
        format: 'esm',
        target: 'node20',
        sourcemap: true,
        sourcefile: relative(dirname(join(root, 'dist', path)), join(root, path)),
      });
      const target = join(root, 'dist', path.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(target), { recursive: true });
      const name = target.slice(target.lastIndexOf('/') + 1);
      writeFileSync(`${target}.map`, result.map);
      writeFileSync(target, `${result.code}//# sourceMappingURL=${name}.map\n`);
    }),
  );
  return stale.length;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = Date.now();
  console.log(`built ${await build()} files in ${Date.now() - started} ms`);
}
