/** Parts: what NumPy reads, and what happens to files that are not what they should be. */
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256Of } from '../../../model/labels.js';
import { npyHeader, parseNpyHeader } from '../../../storage/npy.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import { createPartReader, createPartSpool } from '../../../storage/parts.js';
import type { PartRow } from '../../../storage/types.js';
import { toolPaths } from '../../support/parts.js';
import { codeOf, keysBelow, newBucket, withFolder } from './support.js';

const row = (number: number): PartRow => ({
  sha256: sha256Of(String(number)),
  label: 'Hand',
  split: 'train',
  correction: null,
  author: null,
  name: `${number}.png`,
});
const pixels = (number: number): Uint8Array => new Uint8Array(4096).fill(number % 251);

describe('parts', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;
  before(async () => {
    objects = await newBucket();
  });
  after(() => {
    objects.close();
  });

  it('have a header that ends at a multiple of 64 bytes and says the shape', () => {
    for (const shape of [[1, 64, 64], [20_000, 64, 64], [3]]) {
      const header = npyHeader(shape);
      expect(header.length % 64).to.equal(0);
      expect(parseNpyHeader(header)).to.deep.equal({ shape, offset: header.length });
    }
    expect(parseNpyHeader(Buffer.from('no array'))).to.equal(null);
    const other = Buffer.from(npyHeader([2, 2]).toString('latin1').replace('|u1', '<f4'), 'latin1');
    expect(parseNpyHeader(other)).to.equal(null);
  });

  it('are cut at their size, leave out refused rows, and keep the order', async () => {
    await withFolder(async (folder) => {
      const spool = await createPartSpool(objects, folder, 300);
      for (let i = 0; i < 1000; i += 1) await spool.add(row(i), pixels(i));
      const parts = await spool.upload(({ name }) => name === '7.png' || name === '650.png');
      expect(parts.map(({ rows }) => rows)).to.deep.equal([300, 300, 300, 98]);
      const again = await spool.upload(({ name }) => name === '7.png' || name === '650.png');
      expect(again).to.deep.equal(parts);
      await spool.discard();
      expect(await readdir(folder)).to.deep.equal([]);

      const reader = createPartReader(objects, null);
      const names: (string | null)[] = [];
      const script = 'import numpy, sys; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, *a[:, 63, 63])';
      const values: number[] = [];
      for (const part of parts) {
        names.push(...(await reader.rows(part)).map(({ name }) => name));
        const path = await reader.images(part, folder);
        const said = execFileSync(toolPaths().python, ['-c', script, path], { encoding: 'utf8' });
        expect(said).to.match(new RegExp(`^uint8 \\(${part.rows}, 64, 64\\) `));
        values.push(...said.trim().split(' ').slice(4).map(Number));
      }
      const expected = Array.from({ length: 1000 }, (_, i) => i).filter((i) => i !== 7 && i !== 650);
      expect(names).to.deep.equal(expected.map((i) => `${i}.png`));
      expect(values).to.deep.equal(expected.map((i) => i % 251));
    });
  });

  it('keep their own index where the same pixels come again with other rows', async () => {
    const upload = async (label: string) => {
      const spool = await createPartSpool(objects, null);
      await spool.add({ ...row(1), label }, pixels(1));
      const [part] = await spool.upload();
      await spool.discard();
      return part!;
    };
    const [one, two] = [await upload('Hand'), await upload('HeadCT')];
    expect(one.digest).to.equal(two.digest);
    const reader = createPartReader(objects, null);
    expect((await reader.rows(one))[0]?.label).to.equal('Hand');
    expect((await reader.rows(two))[0]?.label).to.equal('HeadCT');
  });

  it('are refused when index or images are not what their digest says', async () => {
    await withFolder(async (folder) => {
      const spool = await createPartSpool(objects, null);
      await spool.add(row(5000), pixels(9));
      const [part] = await spool.upload();
      await spool.discard();
      const reader = createPartReader(objects, null);
      expect(await codeOf(reader.images({ ...part!, rows: 2 }, folder))).to.equal('OBJECT_CORRUPT');
      expect(await codeOf(reader.rows({ ...part!, rows: 2 }))).to.equal('OBJECT_CORRUPT');
      for (const key of await keysBelow(objects, 'parts/')) await objects.put(key, 'damaged');
      expect(await codeOf(reader.rows(part!))).to.equal('OBJECT_CORRUPT');
      expect(await codeOf(reader.images(part!, join(folder, 'other')))).to.equal('OBJECT_CORRUPT');
    });
  });
});
