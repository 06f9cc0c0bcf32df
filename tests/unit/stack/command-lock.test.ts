import { expect } from 'chai';
import { eventually, startFixture } from './helpers.js';

describe('The lock under which commands install packages and build', function () {
  this.timeout(60_000);

  /** When each process was inside, in milliseconds, in the order of entering. */
  function stays(outputs: readonly string[]): { in: number; out: number }[] {
    return outputs
      .map((text) => ({
        in: Number(/(\d+) in/.exec(text)?.[1]),
        out: Number(/(\d+) out/.exec(text)?.[1]),
      }))
      .sort((a, b) => a.in - b.in);
  }

  it('lets one in at a time, lets all in at last, and lets each of them end', async () => {
    const name = `test ${process.pid} many`;
    const all = [1, 2, 3, 4].map(() => startFixture('command-lock', [name, '150']));
    for (const one of all) expect(await one.ended, one.output()).to.equal(0);
    const inside = stays(all.map((one) => one.output()));
    for (const [place, stay] of inside.slice(1).entries()) expect(stay.in).to.be.at.least(inside[place]!.out);
  });

  it('passes to one of those who wait when its holder is killed', async () => {
    const name = `test ${process.pid} killed`;
    const killed = startFixture('command-lock', [name, '1500', 'dies']);
    await eventually('it is held', () => killed.output().includes(' in'));
    const waiting = [1, 2, 3].map(() => startFixture('command-lock', [name, '100']));
    for (const one of waiting) expect(await one.ended, one.output()).to.equal(0);
    await killed.ended;
    const inside = stays([killed, ...waiting].map((one) => one.output()));
    for (const [place, stay] of inside.slice(1).entries()) expect(stay.in).to.be.at.least(inside[place]!.out);
  });
});
