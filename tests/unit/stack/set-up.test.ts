import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StackError } from '../../../stack/errors.js';
import { ensurePart, type Part } from '../../../stack/setup/ensure.js';
import type { Progress } from '../../../stack/setup/progress.js';
import { eventually, startFixture, temporaryFolder } from './helpers.js';

describe('Set-up of a part', () => {
  const folder = temporaryFolder();
  const lines = (name: string): number => {
    const file = join(folder.path(), name);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
  };

  it('installs what is missing, verifies it, and the second time does neither', async () => {
    const first = startFixture('set-up', [folder.path(), '0']);
    expect(await first.ended, first.output()).to.equal(0);
    const second = startFixture('set-up', [folder.path(), '0']);
    expect(await second.ended, second.output()).to.equal(0);
    expect(lines('installed.log')).to.equal(1);
    expect(lines('verified.log')).to.equal(1);
    expect(second.output()).to.include('ready');
  });

  it('installs once when two start at the same time', async () => {
    const both = [1, 2].map(() => startFixture('set-up', [folder.path(), '300']));
    for (const one of both) expect(await one.ended, one.output()).to.equal(0);
    expect(lines('installed.log')).to.equal(1);
    expect(both.map((one) => one.output()).join('')).to.include('waiting: another set-up (process');
  });

  it('starts again after it was killed half-way, and takes nothing half for whole', async () => {
    const killed = startFixture('set-up', [folder.path(), '60000']);
    await eventually('it is half-way', () => killed.output().includes('half-way'));
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(readFileSync(join(folder.path(), 'thing', '1.0', 'program'), 'utf8')).to.equal('half');
    const next = startFixture('set-up', [folder.path(), '0']);
    expect(await next.ended, next.output()).to.equal(0);
    expect(readFileSync(join(folder.path(), 'thing', '1.0', 'program'), 'utf8')).to.equal('whole');
  });

  it('lets a waiting set-up go on when the one that it waits for is killed', async () => {
    const killed = startFixture('set-up', [folder.path(), '60000']);
    await eventually('it is half-way', () => killed.output().includes('half-way'));
    const waiting = startFixture('set-up', [folder.path(), '0']);
    await eventually('it waits', () => waiting.output().includes('waiting'));
    killed.child.kill('SIGKILL');
    expect(await waiting.ended, waiting.output()).to.equal(0);
    expect(lines('installed.log')).to.equal(2);
  });

  it('verifies again when a file has changed since', async () => {
    const program = join(folder.path(), 'program');
    writeFileSync(program, '1');
    let verified = 0;
    const part = made({
      find: () => program,
      verify: () => {
        verified += 1;
        return Promise.resolve();
      },
    });
    await ensure(part);
    await ensure(part);
    expect(verified).to.equal(1);
    utimesSync(program, 1, 1);
    await ensure(part);
    expect(verified).to.equal(2);
  });

  it('does not replace a program that is not its own, but says what is wrong with it', async () => {
    const elsewhere = join(folder.path(), 'elsewhere');
    writeFileSync(elsewhere, 'mine');
    const part = made({
      find: () => elsewhere,
      verify: () => Promise.reject(new StackError('VERIFY_FAILED', 'it does not run')),
    });
    const seen: Progress[] = [];
    const failure = await ensure(part, seen).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(StackError).with.property('code', 'VERIFY_FAILED');
    expect(seen.at(-1)?.state).to.equal('failed');
  });

  it('says so when the tools folder cannot be written', async () => {
    const file = join(folder.path(), 'a-file');
    writeFileSync(file, '');
    const failure = await ensurePart(made({ find: () => null }), {
      tools: join(file, 'below'),
      report: () => undefined,
    }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(StackError).with.property('code', 'TOOLS_NOT_WRITABLE');
  });

  function made(some: Partial<Part>): Part {
    return {
      name: 'made-up',
      title: 'Made up',
      find: () => null,
      files: (path) => [path],
      verify: () => Promise.resolve(),
      install: () => Promise.reject(new Error('must not be installed')),
      ...some,
    };
  }

  function ensure(part: Part, seen: Progress[] = []): Promise<string> {
    const tools = join(folder.path(), 'tools');
    mkdirSync(tools, { recursive: true });
    return ensurePart(part, { tools, report: (progress) => seen.push(progress) });
  }
});
