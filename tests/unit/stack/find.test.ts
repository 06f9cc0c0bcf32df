import { expect } from 'chai';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../../config/env.js';
import { StackError } from '../../../stack/errors.js';
import {
  findChromium,
  findMlflow,
  findTemporal,
  findVersitygw,
  mlflowFile,
  pythonOf,
  temporalFile,
} from '../../../stack/find.js';
import { isAtLeast, isCompatible, versionIn } from '../../../stack/versions.js';
import { temporaryFolder } from './helpers.js';

describe('Finding programs', () => {
  const folder = temporaryFolder();

  function program(path: string, says: string): string {
    const file = join(folder.path(), path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${says}\nEND\n`);
    chmodSync(file, 0o755);
    return file;
  }

  function search(env: NodeJS.ProcessEnv = {}): Parameters<typeof findTemporal>[0] {
    return {
      config: loadConfig({ MEDLOOP_TOOLS: join(folder.path(), 'tools'), ...env }),
      searchPath: join(folder.path(), 'bin'),
    };
  }

  it('finds nothing on a bare machine', () => {
    expect([findTemporal(search()), findVersitygw(search()), findMlflow(search())]).to.deep.equal([
      null,
      null,
      null,
    ]);
  });

  it('takes a given path first, then the PATH, then the tools folder', () => {
    const inTools = program(`tools/${temporalFile('')}`, 'temporal');
    expect(findTemporal(search())).to.equal(inTools);
    const onPath = program('bin/temporal', 'temporal version 1.6.0 (Server 1.30.1, UI 2.43.0)');
    expect(findTemporal(search())).to.equal(onPath);
    const given = program('given/temporal', '');
    expect(findTemporal(search({ MEDLOOP_TEMPORAL_BIN: given }))).to.equal(given);
  });

  it('refuses a given path that leads nowhere instead of looking further', () => {
    program('bin/temporal', 'temporal version 1.6.0 (Server 1.30.1, UI 2.43.0)');
    expect(() => findTemporal(search({ MEDLOOP_TEMPORAL_BIN: join(folder.path(), 'nowhere') })))
      .to.throw(StackError, 'MEDLOOP_TEMPORAL_BIN')
      .with.property('code', 'GIVEN_PATH_INVALID');
  });

  it('passes over programs on the PATH that are too old, of another kind, or broken', () => {
    program('bin/temporal', 'temporal version 0.11.0 (Server 1.22.3, UI 2.21.3)');
    program('bin/versitygw', 'Version  : v1.0.19');
    program('bin/mlflow', 'mlflow, version 2.9.0');
    expect([findTemporal(search()), findVersitygw(search()), findMlflow(search())]).to.deep.equal([
      null,
      null,
      null,
    ]);
  });

  it('reads the module version of an S3 server that was built from source', () => {
    const file = program('bin/versitygw', 'Version  : git');
    expect(findVersitygw(search())).to.equal(null);
    const text =
      '#!/bin/sh\necho "Version  : git"\nexit 0\nmod\tgithub.com/versity/versitygw\tv1.8.0\th1:x\n';
    writeFileSync(file, text);
    expect(findVersitygw(search())).to.equal(file);
  });

  it('finds the Python of an MLflow that is linked into another folder', () => {
    const script = program(`tools/${mlflowFile('')}`, '');
    const python = program(`tools/${join(dirname(mlflowFile('')), 'python')}`, '');
    const link = join(folder.path(), 'mlflow');
    symlinkSync(script, link);
    expect(pythonOf(link)).to.equal(python);
  });

  it('finds a browser by any of its names', () => {
    const browser = program('bin/google-chrome', 'Google Chrome 150');
    if (process.platform === 'linux') expect(findChromium(search())).to.equal(browser);
    expect(findChromium(search({ MEDLOOP_CHROMIUM: program('given/browser', '') }))).to.match(
      /given.browser$/,
    );
  });

  it('compares versions by number', () => {
    expect(isAtLeast('1.10.0', '1.9.9')).to.equal(true);
    expect(isAtLeast('1.9', '1.9.1')).to.equal(false);
    expect(isCompatible('2.0.0', '1.8.0')).to.equal(false);
    expect(isCompatible('1.8.0', '1.8.0')).to.equal(true);
    expect(versionIn('go version go1.26.8 linux')).to.equal('1.26.8');
    expect(versionIn('git')).to.equal(null);
  });
});
