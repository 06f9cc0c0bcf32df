// `npm test [-- MOCHA ARGUMENTS]`: sets everything up, runs the tests, and ends with `N passed, N failed`.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bootstrap, fromDist, root } from './bootstrap.mjs';

/** Rooms of the tests, quick ones first, so that a mistake shows early. */
const ORDER = ['unit', 'workflows', 'replay', 'api', 'web', 'python', 'e2e', 'chaos'];
/** How long the test process may take to end by itself after its last test. */
const END_LIMIT_MS = 20_000;

await bootstrap({ web: true });
const { setUpFromTerminal } = await fromDist('stack/terminal.js');
const { runGuarded } = await fromDist('stack/terminal.js');
await setUpFromTerminal(['tensorflow', 'temporal', 'versitygw', 'mlflow'], ['chromium']);

const folder = mkdtempSync(join(tmpdir(), 'medloop-totals-'));
const totalsFile = join(folder, 'totals.json');
const given = process.argv.slice(2);
const namesFiles = given.some((argument) => /\.test\.[jt]s$|\*/.test(argument));
const files = namesFiles ? [] : testFiles();
const code = await runGuarded(
  {
    file: process.execPath,
    args: [
      ...[join(root, 'node_modules', 'mocha', 'bin', 'mocha.js')],
      ...['--reporter', join(root, 'bin', 'reporter.cjs'), '--reporter-option', `totals=${totalsFile}`],
      ...files,
      ...given.map((argument) => argument.replace(/^(?!dist\/)(tests\/.*)\.ts$/, 'dist/$1.js')),
    ],
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...process.env },
    cwd: root,
  },
  () => existsSync(totalsFile),
  END_LIMIT_MS,
);
const totals = existsSync(totalsFile) ? JSON.parse(readFileSync(totalsFile, 'utf8')) : null;
rmSync(folder, { recursive: true, force: true });
if (totals === null) {
  console.error(`The test run was broken off (exit code ${code}).`);
  process.exit(code || 1);
}
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed > 0 ? 1 : code);

function testFiles() {
  const base = join(root, 'dist', 'tests');
  const rank = (file) => {
    const place = ORDER.indexOf(relative(base, file).split('/')[0]);
    return place < 0 ? ORDER.length : place;
  };
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(base, name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
