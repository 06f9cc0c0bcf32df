import { expect } from 'chai';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../../config/env.js';
import { StackError } from '../../../stack/errors.js';
import { ensureCredentials, lockHome, prepareHome } from '../../../stack/supervisor/home.js';
import { lastLines, rotate } from '../../../stack/supervisor/log-files.js';
import { temporaryFolder } from './helpers.js';

describe('The home of a stack', () => {
  const folder = temporaryFolder();
  const paths = (): ReturnType<typeof loadConfig>['paths'] =>
    loadConfig({ MEDLOOP_HOME: join(folder.path(), 'home') }).paths;
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

  it('can be read by its user alone', () => {
    prepareHome(paths());
    expect([paths().home, paths().logs, paths().run].map(modeOf)).to.deep.equal(['700', '700', '700']);
  });

  it('cannot be below a file, and says which variable to set', () => {
    writeFileSync(join(folder.path(), 'home'), '');
    expect(() => {
      prepareHome(paths());
    })
      .to.throw(StackError, /MEDLOOP_HOME/)
      .with.property('code', 'HOME_NOT_WRITABLE');
  });

  it('is locked by one stack, whose process is named to the next', () => {
    prepareHome(paths());
    const lock = lockHome(paths());
    expect(() => lockHome(paths()))
      .to.throw(StackError, `process ${process.pid}`)
      .with.property('code', 'ALREADY_RUNNING');
    lock.release();
    lockHome(paths()).release();
  });

  it('makes keys once, for its user alone', () => {
    prepareHome(paths());
    const made = ensureCredentials(paths().credentials);
    expect(modeOf(paths().credentials)).to.equal('600');
    expect(ensureCredentials(paths().credentials)).to.deep.equal(made);
    rmSync(paths().credentials);
    expect(ensureCredentials(paths().credentials).secretAccessKey).not.to.equal(made.secretAccessKey);
  });

  it('refuses keys that it cannot read', () => {
    prepareHome(paths());
    writeFileSync(paths().credentials, '{"accessKeyId":');
    expect(() => ensureCredentials(paths().credentials))
      .to.throw(StackError)
      .with.property('code', 'CREDENTIALS_INVALID');
  });

  it('moves a log aside when it has grown too large, and keeps a smaller one', () => {
    const log = join(folder.path(), 'some.log');
    writeFileSync(log, 'first\nsecond\n');
    expect(rotate(log, 100)).to.equal(false);
    expect(rotate(log, 5)).to.equal(true);
    expect(readFileSync(`${log}.1`, 'utf8')).to.equal('first\nsecond\n');
    expect(readFileSync(log, 'utf8')).to.equal('');
    expect(lastLines(`${log}.1`, 1)).to.equal('second');
    expect(lastLines(join(folder.path(), 'none.log'), 1)).to.equal('');
  });
});
