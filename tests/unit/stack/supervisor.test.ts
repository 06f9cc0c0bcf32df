import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '../../../stack/processes.js';
import { endLeftovers } from '../../../stack/supervisor/record.js';
import { eventually, runs, startFixture, temporaryFolder } from './helpers.js';

interface Pids {
  readonly pid: number;
  readonly child: number;
}

describe('The supervisor', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  let stack: ReturnType<typeof startFixture> | null = null;

  afterEach(async () => {
    stack?.child.kill('SIGKILL');
    await stack?.ended;
    stack = null;
  });

  async function start(...modes: string[]): Promise<ReturnType<typeof startFixture>> {
    const started = startFixture('mini-stack', [folder.path(), ...modes]);
    stack = started;
    await eventually('the stack runs', () => {
      if (started.child.exitCode !== null) throw new Error(started.output());
      return started.output().includes('running');
    });
    return started;
  }

  function pidsOf(part: number): Pids {
    return JSON.parse(readFileSync(join(folder.path(), `part${part}.pid`), 'utf8')) as Pids;
  }

  async function allGone(...pids: number[]): Promise<void> {
    await eventually(`processes ${pids.join(', ')} have gone`, () => pids.every((pid) => !runs(pid)));
  }

  it('starts a part again when it dies, and ends what the dead one has left', async () => {
    const { output } = await start('well', 'well');
    const before = pidsOf(0);
    process.kill(before.pid, 'SIGKILL');
    await eventually('a new part0 runs', () => pidsOf(0).pid !== before.pid && runs(pidsOf(0).pid));
    await allGone(before.pid, before.child);
    await eventually('it is healthy', () => output().match(/part0 healthy/g)?.length === 2);
    expect(output()).to.include('part0 died').and.to.include('part0 restarting');
    expect(output().match(/part1 healthy/g)).to.have.length(1);
  });

  it('goes on trying with a part that dies again and again', async () => {
    const { output } = await start('well');
    for (let round = 1; round <= 3; round += 1) {
      const { pid } = pidsOf(0);
      process.kill(pid, 'SIGKILL');
      await eventually(`round ${round}`, () => output().match(/part0 healthy/g)?.length === round + 1);
    }
    expect(runs(pidsOf(0).pid)).to.equal(true);
  });

  it('stops everything on SIGTERM, also a part that does not listen', async () => {
    const { child, ended } = await start('well', 'deaf');
    const pids = [pidsOf(0), pidsOf(1)].flatMap((one) => [one.pid, one.child]);
    child.kill('SIGTERM');
    expect(await ended).to.equal(0);
    expect(pids.filter(runs)).to.deep.equal([]);
  });

  it('leaves nothing when it is killed: the guardian ends the parts and then itself', async () => {
    const { child, ended, output } = await start('well', 'deaf');
    const pids = [pidsOf(0), pidsOf(1)].flatMap((one) => [one.pid, one.child]);
    const guardian = Number(/guardian (\d+)/.exec(output())?.[1]);
    child.kill('SIGKILL');
    await ended;
    await allGone(...pids, guardian);
  });

  it('has a guardian again when that was killed', async () => {
    const { child, ended, output } = await start('deaf');
    const { pid, child: grandchild } = pidsOf(0);
    process.kill(Number(/guardian (\d+)/.exec(output())?.[1]), 'SIGKILL');
    // The new one has to be told before its owner is killed; dying parts make the order visible.
    process.kill(pid, 'SIGKILL');
    const again = await eventually('part0 runs again', () => {
      const now = pidsOf(0);
      return now.pid !== pid && output().match(/part0 healthy/g)?.length === 2 && now;
    });
    child.kill('SIGKILL');
    await ended;
    await allGone(pid, grandchild, again.pid, again.child);
  });

  it('fails with the end of the log when a part cannot start, and stops the others', async () => {
    const started = startFixture('mini-stack', [folder.path(), 'fails']);
    stack = started;
    expect(await started.ended).to.not.equal(0);
    expect(started.output()).to.include('PART_NOT_HEALTHY').and.to.include('no reason given');
  });

  describe('after a crash', () => {
    it('ends what was recorded, with its children', async () => {
      const { child, ended, output } = await start('deaf');
      const { pid, child: grandchild } = pidsOf(0);
      // Both killed at once: nobody is left to clean up but the next start.
      const guardian = Number(/guardian (\d+)/.exec(output())?.[1]);
      child.kill('SIGSTOP');
      process.kill(guardian, 'SIGKILL');
      child.kill('SIGKILL');
      await ended;
      expect([pid, grandchild].filter(runs)).to.have.length(2);
      expect(await endLeftovers(join(folder.path(), 'parts.json'), 200)).to.deep.equal(['part0']);
      expect([pid, grandchild].filter(runs)).to.deep.equal([]);
    });

    it('ends the children of a part that has gone itself', async function () {
      if (process.platform !== 'linux') {
        console.log('      (skipped: such children are found through /proc, which only Linux has)');
        this.skip();
      }
      const { child, ended, output } = await start('deaf');
      const { pid, child: grandchild } = pidsOf(0);
      child.kill('SIGSTOP');
      process.kill(Number(/guardian (\d+)/.exec(output())?.[1]), 'SIGKILL');
      process.kill(pid, 'SIGKILL');
      child.kill('SIGKILL');
      await ended;
      await allGone(pid);
      expect(runs(grandchild)).to.equal(true);
      expect(await endLeftovers(join(folder.path(), 'parts.json'), 200)).to.deep.equal(['part0']);
      await allGone(grandchild);
    });

    it('leaves a process alone that has the pid of a part by chance', async () => {
      const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      const pid = stranger.pid!;
      const record = join(folder.path(), 'parts.json');
      const other = { name: 'part0', pid, startedAt: `${startTimeOf(pid)}1` };
      writeFileSync(record, JSON.stringify({ stackId: 'some', parts: [other] }));
      expect(await endLeftovers(record, 200)).to.deep.equal([]);
      expect(runs(pid)).to.equal(true);
      stranger.kill('SIGKILL');
    });

    it('goes by nothing when the record is cut short', async () => {
      const record = join(folder.path(), 'parts.json');
      writeFileSync(record, '{"stackId":"some","par');
      expect(await endLeftovers(record, 200)).to.deep.equal([]);
    });
  });
});
