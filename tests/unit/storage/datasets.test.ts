/** Data sets laid out from snapshots: the latest word, what is held out, the exam, and damaged or missing pieces. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import type { Example, Sha256 } from '../../../model/types.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { Snapshot, SnapshotId } from '../../../storage/types.js';
import {
  codeOf,
  decode,
  importBase,
  keysBelow,
  newBucket,
  png,
  pngs,
  stores,
  submission,
  withFolder,
  withSmallDisk,
} from './support.js';

describe('data sets of snapshots', function () {
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
});
