/** Snapshots on a real S3 server: every correction in exactly one, whoever takes them and wherever it is cut off. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import pLimit from 'p-limit';
import { sha256Of } from '../../../model/labels.js';
import type { Example, Sha256 } from '../../../model/types.js';
import { mirrored, newId } from '../../../storage/ids.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { CorrectionId, Snapshot, SnapshotId } from '../../../storage/types.js';
import {
  codeOf,
  cutOff,
  decode,
  fakeClock,
  importBase,
  keysBelow,
  newBucket,
  png,
  pngs,
  randomOf,
  stores,
  submission,
  withFolder,
  withSmallDisk,
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

  const total = (snapshot: Snapshot, split: keyof Snapshot['counts']): number =>
    Object.values(snapshot.counts[split]).reduce((sum, count) => sum + count, 0);
  const materialized = async (id: SnapshotId, options = {}): Promise<readonly Example[]> =>
    withFolder(async (folder) => (await stores(objects, options).snapshots.materialize(id, folder)).examples);
  const bySha = (examples: readonly Example[], bytes: Uint8Array): Example | undefined =>
    examples.find(({ sha256 }) => sha256 === sha256Of(bytes));
  /** What the counts must be, computed from the data set itself. */
  const countsAgree = (snapshot: Snapshot, examples: readonly Example[]): void => {
    const counted: Record<string, Record<string, number>> = {};
    for (const split of ['train', 'validation', 'golden', 'exam'] as const) {
      counted[split] = Object.fromEntries(
        snapshot.labels.map((label, index) => [
          label,
          examples.filter((example) => example.split === split && example.label === index).length,
        ]),
      );
    }
    expect(snapshot.counts).to.deep.equal(counted);
  };

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

  it('learns the latest word, leaves out what is disputed, rejected or none of the classes', async () => {
    const all = stores(objects);
    await importBase(all);
    const [agreed, changed, disputed, rejected, none, decided] = await pngs(7000, 6);
    const say = async (bytes: Uint8Array | undefined, label: string, author = 'ada') =>
      (await all.corrections.submit(submission(bytes!, label, author))).correction.id;
    await say(agreed, 'Hand');
    await say(changed, 'Hand');
    await say(changed, 'HeadCT');
    await say(disputed, 'Hand');
    await say(disputed, 'HeadCT', 'bob');
    await all.corrections.review(await say(rejected, 'Hand'), 'reject', 'rita');
    await say(none, 'none');
    await say(decided, 'Hand');
    await all.corrections.review(await say(decided, 'HeadCT', 'bob'), 'accept', 'rita');
    const { snapshot, taken } = await all.snapshots.takeCorrections('run-1');
    expect(taken).to.equal(9);
    const examples = await materialized(snapshot.id);
    const labelOf = (bytes: Uint8Array | undefined): string | undefined => {
      const found = bySha(examples, bytes!);
      return found === undefined ? undefined : snapshot.labels[found.label];
    };
    expect([agreed, changed, disputed, rejected, none, decided].map(labelOf)).to.deep.equal([
      'Hand',
      'HeadCT',
      undefined,
      undefined,
      undefined,
      'HeadCT',
    ]);
    for (const bytes of [agreed, changed, decided]) {
      expect(bySha(examples, bytes!)).to.include({ origin: 'correction', fresh: true, split: 'train' });
    }
    countsAgree(snapshot, examples);
  });

  it('makes a snapshot of a reviewer’s decision alone, and leaves the earlier snapshot as it was', async () => {
    const all = stores(objects);
    await importBase(all);
    const bytes = await png(7100);
    await all.corrections.submit(submission(bytes, 'Hand', 'ada'));
    const { correction } = await all.corrections.submit(submission(bytes, 'HeadCT', 'bob'));
    const { snapshot: before } = await all.snapshots.takeCorrections('run-1');
    await all.corrections.review(correction.id, 'accept', 'rita');
    expect(bySha(await materialized(before.id), bytes)).to.equal(undefined);
    const { snapshot: after, created, taken } = await all.snapshots.takeCorrections('run-2');
    expect({ created, taken }).to.deep.equal({ created: true, taken: 0 });
    const examples = await materialized(after.id);
    expect(bySha(examples, bytes)).to.include({ label: 1, fresh: true });
    countsAgree(after, examples);
    expect(bySha(await materialized(before.id), bytes)).to.equal(undefined);
    expect(after.digest).not.to.equal(before.digest);
  });

  it('never lets feedback change golden or validation images, and relabels the others', async () => {
    const order: Record<string, 'train' | 'validation' | 'golden'> = {};
    const images = await pngs(1_000_000, 3);
    for (const [i, bytes] of images.entries()) {
      order[sha256Of(bytes)] = (['golden', 'validation', 'train'] as const)[i] ?? 'train';
    }
    const options = { splitOf: (sha256: Sha256) => order[sha256] ?? ('train' as const) };
    const all = stores(objects, options);
    await importBase(all);
    const results = [];
    for (const bytes of images) results.push(await all.corrections.submit(submission(bytes, 'HeadCT')));
    expect(results.map(({ correction }) => correction.golden)).to.deep.equal([true, false, false]);
    const { snapshot } = await all.snapshots.takeCorrections('run-1');
    const examples = await materialized(snapshot.id, options);
    expect(examples.map(({ sha256 }) => sha256)).to.have.length(6);
    expect(images.map((bytes) => bySha(examples, bytes)?.split)).to.deep.equal([
      'golden',
      'validation',
      'train',
    ]);
    expect(images.map((bytes) => bySha(examples, bytes)?.label)).to.deep.equal([0, 0, 1]);
    expect(bySha(examples, images[2]!)).to.include({ origin: 'correction', fresh: true });
    countsAgree(snapshot, examples);
  });

  it('asks a share of the fresh corrections as exam, and teaches them from the next snapshot on', async () => {
    const isExam = (sha256: Sha256): boolean => Number.parseInt(sha256.slice(0, 2), 16) < 80;
    const all = stores(objects, { isExam });
    await importBase(all);
    const few = await pngs(8000, 9);
    for (const bytes of few) await all.corrections.submit(submission(bytes, 'Hand'));
    const { snapshot: small } = await all.snapshots.takeCorrections('run-1');
    expect(total(small, 'exam')).to.equal(0);

    const many = await pngs(8100, 30);
    for (const bytes of many) await all.corrections.submit(submission(bytes, 'HeadCT'));
    const { snapshot: week } = await all.snapshots.takeCorrections('run-2');
    const examples = await materialized(week.id);
    const exam = examples.filter(({ split }) => split === 'exam');
    expect(exam.map(({ sha256 }) => sha256).sort()).to.deep.equal(
      many
        .map((b) => sha256Of(b))
        .filter(isExam)
        .sort(),
    );
    expect(exam.length).to.be.within(1, 29);
    expect(exam.every(({ fresh }) => fresh)).to.equal(true);
    expect(few.map((bytes) => bySha(examples, bytes)?.fresh)).to.deep.equal(few.map(() => false));
    countsAgree(week, examples);

    await all.corrections.submit(submission(await png(8200), 'Hand'));
    const { snapshot: next } = await all.snapshots.takeCorrections('run-3');
    const later = await materialized(next.id);
    expect(later.filter(({ split }) => split === 'exam')).to.deep.equal([]);
    expect(later.filter(({ fresh }) => fresh)).to.have.length(1);
    countsAgree(next, later);
  });

  it('does not call an image fresh that somebody merely confirms', async () => {
    const all = stores(objects);
    await importBase(all);
    const bytes = await png(8300);
    const baseImage = await png(1_000_000);
    await all.corrections.submit(submission(bytes, 'Hand', 'ada'));
    await all.snapshots.takeCorrections('run-1');
    await all.corrections.submit(submission(bytes, 'Hand', 'bob'));
    await all.corrections.submit(submission(baseImage, 'Hand', 'bob'));
    const { snapshot, taken } = await all.snapshots.takeCorrections('run-2');
    expect(taken).to.equal(2);
    const examples = await materialized(snapshot.id);
    expect(bySha(examples, bytes)).to.include({ fresh: false, origin: 'correction' });
    expect(bySha(examples, baseImage)).to.include({ fresh: false, origin: 'base' });
    countsAgree(snapshot, examples);
  });

  it('sets a damaged image aside and says so', async () => {
    const all = stores(objects);
    await importBase(all);
    const [good, damaged, undecodable] = await pngs(8400, 3);
    await all.corrections.submit(submission(good!, 'Hand'));
    const { correction } = await all.corrections.submit(submission(damaged!, 'Hand'));
    await objects.put(`images/${sha256Of(damaged!).slice(0, 2)}/${sha256Of(damaged!)}`, 'other bytes');
    const { correction: strange } = await all.corrections.submit(submission(Buffer.from('no image'), 'Hand'));
    await all.corrections.submit(submission(undecodable!, 'HeadCT'));
    const { snapshot, taken } = await all.snapshots.takeCorrections('run-1');
    expect(taken).to.equal(4);
    expect(snapshot.quarantined).to.have.deep.members([
      { correction: correction.id, code: 'OBJECT_CORRUPT' },
      { correction: strange.id, code: 'IMAGE_UNSUPPORTED' },
    ]);
    const examples = await materialized(snapshot.id);
    expect(bySha(examples, good!)?.fresh).to.equal(true);
    expect(bySha(examples, damaged!)).to.equal(undefined);
    countsAgree(snapshot, examples);
  });

  it('does not take a passing fault for a damaged image', async () => {
    const all = stores(objects);
    await importBase(all);
    await all.corrections.submit(submission(await png(8500), 'Hand'));
    const failing = stores(objects, {
      decode: () => Promise.reject(new Error('out of memory')),
    });
    let message = '';
    await failing.snapshots.takeCorrections('run-1').catch((error: unknown) => {
      message = String(error);
    });
    expect(message).to.include('out of memory');
    expect((await all.snapshots.takeCorrections('run-1')).snapshot.quarantined).to.deep.equal([]);
  });

  it('lays out pixels, rows and labels that fit together', async () => {
    await withFolder(async (folder) => {
      const all = stores(objects, { cacheFolder: join(folder, 'cache') });
      await importBase(all);
      const extra = await pngs(9000, 3);
      for (const bytes of extra) await all.corrections.submit(submission(bytes, 'HeadCT'));
      const { snapshot } = await all.snapshots.takeCorrections('run-1');
      const { files, examples } = await all.snapshots.materialize(snapshot.id, join(folder, 'data'));
      expect(files).to.deep.include({
        labels: ['Hand', 'HeadCT'],
        digest: snapshot.digest,
        synthetic: false,
      });
      const lines = (await readFile(files.examplesPath, 'utf8')).trim().split('\n');
      expect(lines.map((line) => JSON.parse(line) as Example)).to.deep.equal(examples);
      for (const bytes of [...extra, await png(1_000_001), await png(1_001_002)]) {
        const found = bySha(examples, bytes)!;
        const part = await readFile(files.parts[found.part]!.imagesPath);
        const start = part.length - files.parts[found.part]!.rows * 4096;
        const pixels = part.subarray(start + found.row * 4096, start + (found.row + 1) * 4096);
        expect(pixels.equals(Buffer.from((await decode(bytes)).pixels))).to.equal(true);
      }
    });
  });

  it('says that this machine is full when a data set does not fit, and leaves no half of it', async function () {
    const all = stores(objects);
    const { snapshot } = await importBase(all, 40);
    await withSmallDisk(this, 256, async (folder) => {
      expect(await codeOf(all.snapshots.materialize(snapshot, join(folder, 'data')))).to.equal('DISK_FULL');
      expect(await readdir(join(folder, 'data'))).to.deep.equal([]);
      const bytes = await png(9600);
      const onSmallDisk = stores(objects, { cacheFolder: join(folder, 'cache') });
      await onSmallDisk.corrections.submit(submission(bytes, 'Hand'));
      await writeFile(join(folder, 'filler'), Buffer.alloc(190 * 1024));
      await writeFile(join(folder, 'filler2'), Buffer.alloc(60 * 1024)).catch(() => undefined);
      expect(await codeOf(onSmallDisk.snapshots.takeCorrections('run-1'))).to.equal('DISK_FULL');
      await rm(join(folder, 'filler'));
      expect((await onSmallDisk.snapshots.takeCorrections('run-1')).taken).to.equal(1);
    });
  });

  it('fetches parts once, notices a damaged local copy, and refuses a damaged stored one', async () => {
    await withFolder(async (folder) => {
      const cacheFolder = join(folder, 'cache');
      const all = stores(objects, { cacheFolder });
      const { snapshot } = await importBase(all);
      let fetched = 0;
      const counting: ClosableObjectStore = {
        ...objects,
        getFile: (...given) => {
          fetched += 1;
          return objects.getFile(...given);
        },
      };
      const { snapshots } = stores(counting, { cacheFolder });
      const one = await snapshots.materialize(snapshot, join(folder, 'one'));
      const two = await snapshots.materialize(snapshot, join(folder, 'two'));
      await snapshots.materialize(snapshot, join(folder, 'two'));
      expect(fetched).to.equal(1);
      const [first, second] = [one, two].map(({ files }) => files.parts[0]!.imagesPath);
      expect((await stat(first!)).ino).to.equal((await stat(second!)).ino);

      const cached = join(cacheFolder, 'parts', first!.slice(first!.lastIndexOf('/') + 1));
      await rm(cached);
      await writeFile(cached, 'cut off');
      await snapshots.materialize(snapshot, join(folder, 'three'));
      expect(fetched).to.equal(2);

      const [key] = (await keysBelow(objects, 'parts/')).filter((name) => name.endsWith('.npy'));
      await objects.put(key!, 'damaged');
      await rm(cacheFolder, { recursive: true });
      expect(await codeOf(snapshots.materialize(snapshot, join(folder, 'four')))).to.equal('OBJECT_CORRUPT');
    });
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
