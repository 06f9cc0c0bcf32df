/** The documents say what the code says: error tables, environment, links, and nothing of any one machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { ENVIRONMENT } from '../../../config/env.js';
import { projectRoot } from '../../../config/paths.js';
import { blockIn, GENERATED } from '../../support/documents.js';

const root = projectRoot();

function tracked(): string[] {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)));
}

describe('the documents', () => {
  for (const { file, name, text } of GENERATED) {
    it(`${file} holds the table "${name}" just as the code has it (npm run docs writes it)`, () => {
      expect(blockIn(readFileSync(join(root, file), 'utf8'), name)).to.equal(text());
    });
  }

  it('the compose file, scripts and code use no MEDLOOP_ variable that the schema does not know', () => {
    const known = new Set(Object.keys(ENVIRONMENT));
    const unknown = new Map<string, string>();
    for (const path of tracked()) {
      if (!/\.(ts|tsx|mjs|js|yml|yaml|sh|md)$|^\.ci\//.test(path) || path.startsWith('tests/')) continue;
      for (const [name] of readFileSync(join(root, path), 'utf8').matchAll(
        /\bMEDLOOP_[A-Z0-9_]*[A-Z0-9]\b/g,
      )) {
        if (!known.has(name)) unknown.set(name, path);
      }
    }
    expect([...unknown]).to.deep.equal([]);
  });

  it('every relative link in a Markdown file leads to a file that is there', () => {
    const broken: string[] = [];
    for (const path of tracked().filter((one) => one.endsWith('.md'))) {
      for (const [, target = ''] of readFileSync(join(root, path), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|#|mailto:)/.test(target)) continue;
        const file = resolve(root, dirname(path), target.replace(/#.*$/, ''));
        if (!existsSync(file)) broken.push(`${path} → ${target}`);
      }
    }
    expect(broken).to.deep.equal([]);
  });

  it('only config/env.ts reads the environment of the process', () => {
    const readers = tracked().filter(
      (path) =>
        /^(model|storage|activities|workflows|temporal|api|web|cli|stack|config)\/.*\.tsx?$/.test(path) &&
        /process\.env\b/.test(
          readFileSync(join(root, path), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''),
        ),
    );
    expect(readers).to.deep.equal(['config/env.ts']);
  });

  it('every decision has at most a page and says what was decided', () => {
    const folder = join(root, 'docs/decisions');
    const files = readdirSync(folder);
    expect(files).to.not.be.empty;
    for (const file of files) {
      const text = readFileSync(join(folder, file), 'utf8');
      expect(text, file).to.match(/^# /);
      expect(text.split('\n').filter((line) => line.trim() !== '').length, file).to.be.at.most(12);
    }
  });

  it('the licence notices name every direct dependency', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const notices = readFileSync(join(root, 'THIRD_PARTY_NOTICES.md'), 'utf8');
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      expect(notices, name).to.contain(`| ${name} | ${version} |`);
    }
  });
});
