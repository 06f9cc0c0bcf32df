/** Imports from zips and folders on a real S3 server: complete reports, all or nothing, the same thing twice is once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import type { Sha256 } from '../../../model/types.js';
import { openGeneratedSource } from '../../../storage/import/generated-source.js';
import { openZipSource } from '../../../storage/import/zip-source.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { ImportSource } from '../../../storage/types.js';
import {
  codeOf,
  cutOff,
  importBase,
  keysBelow,
  newBucket,
  png,
  pngs,
  sourceOf,
  stores,
  submission,
  withFolder,
  writeZip,
} from './support.js';

const quiet = (): void => undefined;

describe('import', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;

  beforeEach(async () => {
    objects = await newBucket();
  });
  afterEach(() => {
    objects.close();
  });

  const run = (source: ImportSource, options = {}) => stores(objects, options).imports.run(source, quiet);

  it('reports broken files, duplicates, the same bytes under two classes, and what it passed over', async () => {
    const [a, b, c, d] = await pngs(1, 4);
    const report = await withFolder(async (folder) =>
      run(
        await openZipSource(
          await writeZip(join(folder, 'data.zip'), {
            'top/Hand/a.png': a!,
            'top/Hand/again.png': a!,
            'top/Hand/b.png': b!,
            'top/Hand/broken.png': Buffer.from('no image at all'),
            'top/HeadCT/c.png': c!,
            'top/HeadCT/d.png': d!,
            'top/HeadCT/cut.png': c!.subarray(0, 60),
            'top/Hand/d-too.png': d!,
            'top/README.md': Buffer.from('read me'),
            '__MACOSX/top/Hand/._a.png': Buffer.from('resource fork'),
            'top/Hand/.DS_Store': Buffer.from('x'),
          }),
        ),
      ),
    );
    expect(report).to.deep.include({
      snapshot: '00000001',
      changed: true,
      labels: ['Hand', 'HeadCT'],
      images: 3,
      added: 3,
      perClass: { Hand: 2, HeadCT: 1 },
      synthetic: false,
      duplicates: [{ name: 'top/Hand/again.png', firstName: 'top/Hand/a.png' }],
      conflicts: [{ sha256: sha256Of(d!), names: ['top/HeadCT/d.png', 'top/Hand/d-too.png'] }],
      missingClasses: [],
      ignored: 3,
    });
    expect(report.broken.map(({ name, code }) => [name, code])).to.deep.equal([
      ['top/Hand/broken.png', 'IMAGE_UNSUPPORTED'],
      ['top/HeadCT/cut.png', 'IMAGE_UNREADABLE'],
    ]);
    await withFolder(async (folder) => {
      const { examples } = await stores(objects).snapshots.materialize(report.snapshot, folder);
      expect(examples.map(({ sha256 }) => sha256)).to.have.members(
        [a!, b!, c!].map((bytes) => sha256Of(bytes)),
      );
    });
  });

  it('changes nothing when the same thing is imported twice', async () => {
    await withFolder(async (folder) => {
      const [a, b, c] = await pngs(10, 3);
      const path = await writeZip(join(folder, 'data.zip'), {
        'Hand/a.png': a!,
        'HeadCT/b.png': b!,
        'Hand/c.png': c!,
        'HeadCT/c.png': c!,
        'Hand/broken.png': Buffer.from('broken'),
      });
      const first = await run(await openZipSource(path));
      const before = await keysBelow(objects);
      const archive = before.find((key) => key.startsWith('archives/'));
      expect(archive).to.equal(`archives/${sha256Of(await readFile(path))}.zip`);
      const second = await run(await openZipSource(path));
      expect(second).to.deep.include({ changed: false, added: 0, images: 2, snapshot: first.snapshot });
      expect(second.conflicts).to.deep.equal(first.conflicts);
      expect(second.broken).to.deep.equal(first.broken);
      expect(second.counts).to.deep.equal(first.counts);
      expect(await keysBelow(objects)).to.deep.equal(before);
    });
  });

  it('adds only what is new, reports missing classes, and keeps the class order', async () => {
    const [a, b, c] = await pngs(20, 3);
    await run(sourceOf({ 'Zebra/a.png': a!, 'Apple/b.png': b! }));
    const report = await run(sourceOf({ 'Zebra/a.png': a!, 'Zebra/c.png': c! }));
    expect(report).to.deep.include({
      labels: ['Apple', 'Zebra'],
      images: 2,
      added: 1,
      perClass: { Zebra: 2 },
      missingClasses: ['Apple'],
      snapshot: '00000002',
    });
    const all = Object.values(report.counts).flatMap((counts) => Object.values(counts));
    expect(all.reduce((sum, count) => sum + count, 0)).to.equal(3);
  });

  it('refuses a class that the data set does not know, naming it, and writes nothing', async () => {
    const [a, b, c] = await pngs(30, 3);
    await run(sourceOf({ 'Hand/a.png': a!, 'HeadCT/b.png': b! }));
    const before = await keysBelow(objects);
    const source = sourceOf({ 'Hand/c.png': c!, 'Foot/d.png': await png(33) });
    expect(await codeOf(run(source))).to.equal('IMPORT_UNKNOWN_CLASS');
    let message = '';
    await run(source).catch((error: unknown) => {
      message = String(error);
    });
    expect(message).to.include('Foot').and.to.include('Hand, HeadCT');
    expect(await keysBelow(objects)).to.deep.equal(before);
  });

  it('lists an image that the data set has under another class, and keeps it as it was', async () => {
    const [a, b] = await pngs(40, 2);
    await run(sourceOf({ 'Hand/a.png': a!, 'HeadCT/b.png': b! }));
    const report = await run(sourceOf({ 'HeadCT/moved.png': a!, 'HeadCT/b.png': b! }));
    expect(report.changed).to.equal(false);
    expect(report.conflicts).to.deep.equal([
      { sha256: sha256Of(a!), names: ['Hand/a.png', 'HeadCT/moved.png'] },
    ]);
  });

  it('refuses reserved class names and imports without a readable image', async () => {
    expect(await codeOf(run(sourceOf({ 'none/a.png': await png(50) })))).to.equal('IMPORT_RESERVED_CLASS');
    expect(await codeOf(run(sourceOf({})))).to.equal('IMPORT_EMPTY');
    expect(await codeOf(run(sourceOf({ 'Hand/a.png': Buffer.from('x') })))).to.equal('IMPORT_EMPTY');
    expect(await keysBelow(objects)).to.deep.equal([]);
  });

  it('replaces phantoms by real images, keeps what people said, and never mixes phantoms in', async () => {
    const labels = ['HeadCT', 'Hand'];
    const phantoms = await pngs(60, 4);
    const generated = openGeneratedSource('demo', labels, 4, () =>
      phantoms.map((bytes, i) => ({ name: `${i}.png`, label: labels[i % 2]!, bytes })),
    );
    const demo = await run(generated);
    expect(demo).to.deep.include({ synthetic: true, labels, added: 4 });
    expect((await run(generated)).changed).to.equal(false);
    const { corrections, snapshots } = stores(objects);
    const corrected = await png(70);
    await corrections.submit(submission(corrected, 'Hand'));
    await snapshots.takeCorrections('run-1');

    const real = await importBase(stores(objects));
    expect(real).to.deep.include({ synthetic: false, added: 6, labels: ['Hand', 'HeadCT'] });
    const head = await snapshots.head();
    expect(head).to.include({ replacesBase: true, synthetic: false });
    await withFolder(async (folder) => {
      const { examples, files } = await snapshots.materialize(real.snapshot, folder);
      expect(files.synthetic).to.equal(false);
      expect(examples).to.have.length(7);
      const found = examples.find(({ sha256 }) => sha256 === sha256Of(corrected));
      expect(found).to.include({ origin: 'correction', label: 0, fresh: false });
      const train = examples.filter(({ split }) => split === 'train').length;
      expect(Object.values(real.counts.train).reduce((sum, count) => sum + count, 0)).to.equal(train);
    });
    expect(await codeOf(run(generated))).to.equal('IMPORT_MIXED_DATA');
  });

  it('counts a base image that was corrected before it was imported as what people said', async () => {
    const splitOf = (): 'train' => 'train';
    const all = stores(objects, { splitOf });
    await importBase(all);
    const bytes = await png(80);
    await all.corrections.submit(submission(bytes, 'HeadCT'));
    await all.snapshots.takeCorrections('run-1');
    const report = await run(sourceOf({ 'Hand/a.png': bytes, 'Hand/b.png': await png(81) }), { splitOf });
    expect(report.counts.train).to.deep.equal({ Hand: 4, HeadCT: 4 });
    await withFolder(async (folder) => {
      const { examples } = await all.snapshots.materialize(report.snapshot, folder);
      expect(examples.find(({ sha256 }) => sha256 === sha256Of(bytes))?.label).to.equal(1);
    });
  });

  it('is all or nothing wherever it is cut off', async () => {
    const state = { finished: false };
    for (let writes = 0; !state.finished; writes += 1) {
      for (const applied of [false, true]) {
        const fresh = await newBucket();
        const source = await withFolder(async (folder) => {
          const [a, b] = await pngs(90, 2);
          const zip = await openZipSource(
            await writeZip(join(folder, 'x.zip'), { 'Hand/a.png': a!, 'HeadCT/b.png': b! }),
          );
          const code = await codeOf(stores(cutOff(fresh, writes, applied)).imports.run(zip, quiet));
          state.finished = code === 'no error';
          const head = await stores(fresh).snapshots.head();
          const again = await stores(fresh).imports.run(zip, quiet);
          expect(again.changed, `${writes} ${applied}`).to.equal(head === null);
          return again;
        });
        expect(source).to.deep.include({ snapshot: '00000001', images: 2 });
        fresh.close();
      }
      expect(writes).to.be.lessThan(20);
    }
  });

  it('comes to one snapshot when the same data are imported twice at once', async () => {
    const [a, b] = await pngs(95, 2);
    const files = { 'Hand/a.png': a!, 'HeadCT/b.png': b! };
    const reports = await Promise.all([run(sourceOf(files)), run(sourceOf(files)), run(sourceOf(files))]);
    expect(reports.map(({ snapshot }) => snapshot)).to.deep.equal(['00000001', '00000001', '00000001']);
    expect(reports.filter(({ changed }) => changed)).to.have.length(1);
  });

  it('goes in beside corrections that are being taken', async () => {
    const all = stores(objects);
    await importBase(all);
    await all.corrections.submit(submission(await png(97), 'Hand'));
    const [report, taken] = await Promise.all([
      run(sourceOf({ 'Hand/new.png': await png(98) })),
      all.snapshots.takeCorrections('run-1'),
    ]);
    expect([report.snapshot, taken.snapshot.id].sort()).to.deep.equal(['00000002', '00000003']);
    const head = await all.snapshots.head();
    const sum = Object.values(head!.counts).flatMap((counts) => Object.values(counts));
    expect(sum.reduce((total, count) => total + count, 0)).to.equal(8);
  });

  it('gives base images the split of their digest, and the golden set to the corrections', async () => {
    const golden = new Set<Sha256>();
    const splitOf = (sha256: Sha256): 'golden' | 'train' => (golden.has(sha256) ? 'golden' : 'train');
    const [a, b, stranger] = await pngs(130, 3);
    for (const bytes of [a!, stranger!]) golden.add(sha256Of(bytes));
    const { corrections } = stores(objects, { splitOf });
    const report = await run(sourceOf({ 'Hand/a.png': a!, 'HeadCT/b.png': b! }), { splitOf });
    expect(report.counts.golden).to.deep.equal({ Hand: 1, HeadCT: 0 });
    const isGolden = async (bytes: Uint8Array): Promise<boolean> =>
      (await corrections.submit(submission(bytes, 'HeadCT'))).correction.golden;
    expect(await isGolden(a!)).to.equal(true);
    expect(await isGolden(b!)).to.equal(false);
    // Its digest would fall into the golden split, but it is no base image.
    expect(await isGolden(stranger!)).to.equal(false);
  });
});
