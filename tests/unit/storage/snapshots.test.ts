/** Snapshots on a real S3 server: every correction in exactly one, whoever takes them and wherever it is cut off. */
import { expect } from 'chai';
import pLimit from 'p-limit';
import { sha256Of } from '../../../model/labels.js';
import { mirrored, newId } from '../../../storage/ids.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { CorrectionId, SnapshotId } from '../../../storage/types.js';
import {
  codeOf,
  cutOff,
  fakeClock,
  importBase,
  keysBelow,
  newBucket,
  png,
  pngs,
  randomOf,
  stores,
  submission,
} from './support.js';

const START = Date.UTC(2026, 2, 2);
const HOUR = 3_600_000;

describe('snapshots', function () {
  this.timeout(120_000);
  let objects: ClosableObjectStore;

  beforeEach(async () => {
    objects = await newBucket();
  });
  afterEach(() => {
    objects.close();
  });

  it('needs base data first', async () => {
    const { snapshots } = stores(objects);
    expect(await codeOf(snapshots.takeCorrections('run-1'))).to.equal('NO_BASE_DATA');
    expect(await snapshots.head()).to.equal(null);
    expect(await snapshots.list(5)).to.deep.equal([]);
    expect(await codeOf(snapshots.materialize('00000009' as SnapshotId, '/nowhere'))).to.equal(
      'SNAPSHOT_NOT_FOUND',
    );
  });

  it('gives the head and writes nothing when nothing is new', async () => {
    const all = stores(objects);
    const { snapshot } = await importBase(all);
    const before = await keysBelow(objects);
    const taken = await all.snapshots.takeCorrections('run-1');
    expect(taken).to.include({ created: false, taken: 0 });
    expect(taken.snapshot.id).to.equal(snapshot);
    expect(await keysBelow(objects)).to.deep.equal(before);
  });

  it('takes what is new, once, and answers the same key with the same snapshot', async () => {
    const all = stores(objects);
    await importBase(all);
    const ids: CorrectionId[] = [];
    for (const bytes of await pngs(1, 5)) {
      ids.push((await all.corrections.submit(submission(bytes, 'Hand'))).correction.id);
    }
    const first = await all.snapshots.takeCorrections('run-1');
    expect(first).to.include({ created: true, taken: 5 });
    expect([...first.snapshot.corrections].sort()).to.deep.equal([...ids].sort());
    expect(first.snapshot.parent).to.equal('00000001');

    const late = await all.corrections.submit(submission(await png(50), 'HeadCT'));
    const again = await stores(objects).snapshots.takeCorrections('run-1');
    expect(again).to.deep.equal(first);
    const second = await all.snapshots.takeCorrections('run-2');
    expect(second.snapshot.corrections).to.deep.equal([late.correction.id]);
    // Also when the key's snapshot is not the head any more.
    expect(await stores(objects).snapshots.takeCorrections('run-1')).to.deep.equal(first);

    for (const id of ids) expect((await all.snapshots.snapshotOf(id))?.id).to.equal(first.snapshot.id);
    expect((await all.snapshots.snapshotOf(late.correction.id))?.id).to.equal(second.snapshot.id);
    const untaken = await all.corrections.submit(submission(await png(51), 'HeadCT'));
    expect(await all.snapshots.snapshotOf(untaken.correction.id)).to.equal(null);
    expect((await all.snapshots.list(2)).map(({ id }) => id)).to.deep.equal(['00000003', '00000002']);
  });

  it('takes each correction exactly once while others submit and take at the same time', async () => {
    const all = stores(objects);
    await importBase(all);
    const ids: CorrectionId[] = [];
    let writing = true;
    const writer = async (from: number): Promise<void> => {
      for (const bytes of await pngs(from, 15)) {
        ids.push((await stores(objects).corrections.submit(submission(bytes, 'Hand'))).correction.id);
      }
    };
    const taker = async (name: string): Promise<void> => {
      const { snapshots } = stores(objects);
      for (let i = 0; writing; i += 1) await snapshots.takeCorrections(`${name}-${i}`);
    };
    const takers = [taker('a'), taker('b'), taker('c')];
    try {
      await Promise.all([writer(1000), writer(2000), writer(3000)]);
    } finally {
      writing = false;
      await Promise.allSettled(takers);
    }
    await all.snapshots.takeCorrections('last');
    const taken = (await all.snapshots.list(1000)).flatMap(({ corrections }) => corrections);
    expect([...taken].sort()).to.deep.equal([...ids].sort());
    for (const id of ids.slice(0, 10)) {
      expect((await all.snapshots.snapshotOf(id))?.corrections).to.include(id);
    }
  });

  it('loses nothing and takes nothing twice where the clocks of servers differ by minutes', async () => {
    const clock = fakeClock(START);
    await importBase(stores(objects, { clock: clock.now }));
    const random = randomOf(7);
    const skews = [0, -20 * 60_000, 25 * 60_000];
    const ids: CorrectionId[] = [];
    for (let round = 0; round < 8; round += 1) {
      clock.add(Math.floor(random() * 40 * 60_000));
      for (const [index, skew] of skews.entries()) {
        const { corrections } = stores(objects, { clock: () => clock.now() + skew });
        const bytes = await png(4000 + round * 10 + index);
        ids.push((await corrections.submit(submission(bytes, 'Hand'))).correction.id);
      }
      const taker = skews[round % 3] ?? 0;
      await stores(objects, { clock: () => clock.now() + taker }).snapshots.takeCorrections(`run-${round}`);
    }
    const { snapshots } = stores(objects, { clock: clock.now });
    const taken = (await snapshots.list(100)).flatMap(({ corrections }) => corrections);
    expect([...taken].sort()).to.deep.equal([...ids].sort());
    for (const id of ids) expect((await snapshots.snapshotOf(id))?.corrections).to.include(id);
  });

  it('is not blinded by one server whose clock runs years ahead, nor by a clock set back', async () => {
    const clock = fakeClock(START);
    const all = stores(objects, { clock: clock.now });
    await importBase(all);
    const future = stores(objects, { clock: () => clock.now() + 4 * 365 * 24 * HOUR });
    const ids: CorrectionId[] = [];
    const submit = async (from: typeof all, number: number): Promise<void> => {
      const { correction } = await from.corrections.submit(submission(await png(number), 'Hand'));
      ids.push(correction.id);
    };
    await submit(future, 5000);
    await submit(all, 5001);
    await all.snapshots.takeCorrections('run-1');
    clock.add(HOUR);
    await submit(all, 5002);
    await all.snapshots.takeCorrections('run-2');
    // Now the taker's clock runs ahead as well, and is then set right.
    await submit(future, 5003);
    await future.snapshots.takeCorrections('run-3');
    await submit(all, 5004);
    await all.corrections.review(ids[0]!, 'accept', 'rita');
    await all.snapshots.takeCorrections('run-4');
    const last = await all.snapshots.takeCorrections('run-5');
    expect(last.created).to.equal(false);
    const taken = (await all.snapshots.list(100)).flatMap(({ corrections }) => corrections);
    expect([...taken].sort()).to.deep.equal([...ids].sort());
    for (const id of ids) expect((await all.snapshots.snapshotOf(id))?.corrections).to.include(id);
  });

  it('takes each correction once although it is cut off after any of its writes', async () => {
    const { imports, corrections } = stores(objects);
    await importBase({ imports });
    let number = 6000;
    let finished = false;
    for (let writes = 0; !finished; writes += 1) {
      for (const applied of [false, true]) {
        number += 10;
        const { correction } = await corrections.submit(submission(await png(number), 'Hand'));
        const key = `run-${writes}-${applied}`;
        const cut = stores(cutOff(objects, writes, applied)).snapshots;
        const code = await codeOf(cut.takeCorrections(key));
        finished = code === 'no error';
        const { snapshot } = await stores(objects).snapshots.takeCorrections(key);
        expect(snapshot.corrections, key).to.deep.equal([correction.id]);
        expect((await stores(objects).snapshots.takeCorrections(`${key}-next`)).created, key).to.equal(false);
      }
      expect(writes).to.be.lessThan(20);
    }
    const taken = (await stores(objects).snapshots.list(100)).flatMap((snapshot) => snapshot.corrections);
    expect(new Set(taken).size).to.equal(taken.length);
    expect(taken).to.have.length((number - 6000) / 10);
  });

  it('reads as much for a snapshot of one correction after two hundred as after ten', async () => {
    const clock = fakeClock(START);
    const all = stores(objects, { clock: clock.now });
    await importBase(all);
    const event = async (number: number, id: CorrectionId): Promise<void> => {
      const key = `corrections/events/${mirrored(id).slice(0, 5)}/${mirrored(id)}-correction.json`;
      const image = { sha256: sha256Of(`simulated ${number}`), contentType: 'image/png', sizeBytes: 1 };
      await objects.put(
        key,
        JSON.stringify({
          id,
          image,
          label: 'Hand',
          author: 'ada',
          submittedAt: '',
          predicted: null,
          comment: null,
        }),
      );
    };
    const reads = async (earlier: number, run: string): Promise<number> => {
      const limit = pLimit(16);
      const start = clock.now();
      await Promise.all(
        Array.from({ length: earlier }, (_, i) => limit(() => event(start + i, newId(start + i * HOUR)))),
      );
      clock.add(earlier * HOUR);
      await all.snapshots.takeCorrections(`${run}-earlier`);
      clock.add(5 * HOUR);
      await all.corrections.submit(submission(await png(9500 + earlier), 'Hand'));
      let calls = 0;
      const counting: ClosableObjectStore = {
        ...objects,
        get: (key) => ((calls += 1), objects.get(key)),
        has: (key) => ((calls += 1), objects.has(key)),
        list: async function* (prefix, startAfter) {
          for await (const entry of objects.list(prefix, startAfter)) {
            calls += 1;
            yield entry;
          }
        },
      };
      const result = await stores(counting, { clock: clock.now }).snapshots.takeCorrections(run);
      expect(result.taken).to.equal(1);
      return calls;
    };
    const few = await reads(10, 'few');
    const many = await reads(200, 'many');
    // One more snapshot in the chain is one more key in its listing.
    expect(many).to.be.at.most(few + 4);
  });
});
