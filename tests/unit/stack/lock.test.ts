import { expect } from 'chai';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, holderOf, tryLock } from '../../../stack/lock.js';
import { startTimeOf, thisProcess } from '../../../stack/processes.js';
import { temporaryFolder } from './helpers.js';

describe('A lock between processes', () => {
  const folder = temporaryFolder();
  const file = (): string => join(folder.path(), 'locks', 'some.lock');

  it('is held by one at a time and names its holder', () => {
    const first = tryLock(file());
    expect(first.lock).not.to.equal(undefined);
    expect(tryLock(file()).holder).to.deep.equal(thisProcess());
    first.lock?.release();
    expect(existsSync(file())).to.equal(false);
    expect(tryLock(file()).lock).not.to.equal(undefined);
  });

  it('is taken from a process that has gone', () => {
    tryLock(file()).lock?.release();
    writeFileSync(file(), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }));
    expect(tryLock(file()).lock).not.to.equal(undefined);
  });

  it('is taken when its pid has been given to another process since', () => {
    tryLock(file()).lock?.release();
    writeFileSync(file(), JSON.stringify({ pid: process.pid, startedAt: 'another time' }));
    expect(tryLock(file()).lock).not.to.equal(undefined);
    expect(holderOf(file())?.startedAt).to.equal(startTimeOf(process.pid));
  });

  it('is taken when its file says nothing', () => {
    tryLock(file()).lock?.release();
    writeFileSync(file(), '');
    expect(tryLock(file()).lock).not.to.equal(undefined);
  });

  it('makes the next one wait, and tells it for whom', async () => {
    const first = tryLock(file());
    let waitsFor = 0;
    const second = acquireLock(file(), (holder) => {
      waitsFor = holder.pid;
      setTimeout(() => first.lock?.release(), 10);
    });
    (await second).release();
    expect(waitsFor).to.equal(process.pid);
  });
});
