// `npm run bench [-- NAME…]`: sets everything up, then runs the named measurements (all without a name), one by one.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, fromDist, root } from './bootstrap.mjs';

await bootstrap({ web: true });
const folder = join(root, 'dist', 'tests', 'bench');
const known = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => name.endsWith('.bench.js'))
      .map((name) => name.replace('.bench.js', ''))
      .sort()
  : [];
const [first] = process.argv.slice(2);
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = named.filter((name) => !known.includes(name));
if (unknown.length > 0 || known.length === 0 || first === '--help') {
  if (unknown.length > 0) console.error(`There is no measurement named ${unknown.join(', ')}.`);
  console.error(`Measurements: ${known.join(', ') || 'none'}`);
  process.exit(first === '--help' ? 0 : 2);
}
const { setUpFromTerminal } = await fromDist('stack/terminal.js');
await setUpFromTerminal(['tensorflow', 'temporal', 'versitygw', 'mlflow']);
let failed = 0;
for (const name of named.length > 0 ? named : known) {
  console.log(`\n# ${name}`);
  const file = join(folder, `${name}.bench.js`);
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', file, ...options], {
    stdio: 'inherit',
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...process.env },
  });
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
