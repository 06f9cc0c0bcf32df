// Writes THIRD_PARTY_NOTICES.md from the licences of the installed direct dependencies.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const rows = Object.entries(dependencies).map(([name, version]) => {
  const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
  return `| ${name} | ${version} | ${manifest.license} |`;
});
writeFileSync(
  join(root, 'THIRD_PARTY_NOTICES.md'),
  `# Third-party notices

Medloop itself is licensed under Apache-2.0 (see LICENSE). The page that \`npm run build\` makes bundles React, Mantine,
TanStack Query, wouter and Tabler icons; everything else is installed beside Medloop and not part of it.

## Node packages

| package | version | licence |
| --- | --- | --- |
${rows.join('\n')}

## Parts that set-up installs on the machine

| part | version | licence |
| --- | --- | --- |
| TensorFlow (native library of the Python wheel) | 2.21.0 | Apache-2.0 |
| Temporal CLI with server and UI | 1.5.1 | MIT |
| MLflow | 3.17.2 | Apache-2.0 |
| ONNX, ONNX Runtime (Python) | 1.23.2, 1.32.0 | Apache-2.0, MIT |
| versitygw | 1.8.0 | Apache-2.0 |
`,
);
