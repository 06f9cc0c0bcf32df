/** Where imports come from: zips, honest and not, and folders. */
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { openFolderSource } from '../../../storage/import/folder-source.js';
import { openZipSource } from '../../../storage/import/zip-source.js';
import type { ClosableObjectStore } from '../../../storage/object-store.js';
import type { ImportSource } from '../../../storage/types.js';
import { sampleZipPath } from '../../support/data.js';
import { codeOf, keysBelow, newBucket, png, pngs, stores, withFolder, writeZip } from './support.js';

const quiet = (): void => undefined;

/** A zip whose names no honest writer would make: written with a harmless name of the same length, then patched. */
async function writeOddZip(path: string, name: string, bytes: Uint8Array): Promise<string> {
  const harmless = 'x'.repeat(Buffer.byteLength(name));
  await writeZip(path, { [harmless]: bytes });
  const file = await readFile(path);
  for (let at = file.indexOf(harmless); at >= 0; at = file.indexOf(harmless, at + 1)) file.write(name, at);
  await writeFile(path, file);
  return path;
}

describe('import sources', function () {
  this.timeout(60_000);
  let objects: ClosableObjectStore;

  beforeEach(async () => {
    objects = await newBucket();
  });
  afterEach(() => {
    objects.close();
  });

  const run = (source: ImportSource, options = {}) => stores(objects, options).imports.run(source, quiet);

  describe('from a zip', () => {
    const opened = async (path: string, limits = {}): Promise<string> =>
      codeOf(openZipSource(path, { limits }));

    it('refuses names that lead out of the archive or that no file should have', async () => {
      const bytes = await png(1);
      for (const name of [
        '../Hand/a.png',
        'Hand/../../a.png',
        '/etc/Hand/a.png',
        'C:/Hand/a.png',
        'Hand\\..\\..\\a.png',
        'Hand//a.png',
        'Hand/./a.png',
        'Hand/a\u0000.png',
        'Hand/a\n.png',
      ]) {
        await withFolder(async (folder) => {
          const path = await writeOddZip(join(folder, 'odd.zip'), name, bytes);
          expect(await opened(path), name).to.equal('IMPORT_UNSAFE_NAME');
        });
      }
    });

    it('refuses archives with too many, too large or too much unpacked files before reading one', async () => {
      await withFolder(async (folder) => {
        const path = await writeZip(join(folder, 'bomb.zip'), {
          'Hand/a.png': Buffer.alloc(3_000_000),
          'Hand/b.png': Buffer.alloc(3_000_000),
        });
        expect(await opened(path)).to.equal('no error');
        expect(await opened(path, { maxEntries: 1 })).to.equal('IMPORT_TOO_LARGE');
        expect(await opened(path, { maxFileBytes: 2_000_000 })).to.equal('IMPORT_TOO_LARGE');
        expect(await opened(path, { maxTotalBytes: 5_000_000 })).to.equal('IMPORT_TOO_LARGE');
        expect(await opened(path, { freeBytes: 1_000_000 })).to.equal('IMPORT_TOO_LARGE');
      });
    });

    it('refuses what is no archive, is cut off, or is not there', async () => {
      await withFolder(async (folder) => {
        const text = join(folder, 'text.zip');
        await writeFile(text, 'this is no archive');
        expect(await opened(text)).to.equal('IMPORT_UNREADABLE');
        const empty = join(folder, 'empty.zip');
        await writeFile(empty, '');
        expect(await opened(empty)).to.equal('IMPORT_UNREADABLE');
        const cut = await writeZip(join(folder, 'cut.zip'), { 'Hand/a.png': await png(1) });
        await truncate(cut, 60);
        expect(await opened(cut)).to.equal('IMPORT_UNREADABLE');
        expect(await opened(join(folder, 'missing.zip'))).to.equal('IMPORT_NOT_FOUND');
        expect(await opened(folder)).to.equal('IMPORT_UNREADABLE');
      });
    });

    it('lists a file that is damaged inside the archive and takes the others', async () => {
      await withFolder(async (folder) => {
        const [a, b] = await pngs(100, 2);
        const path = await writeZip(join(folder, 'data.zip'), { 'Hand/a.png': a!, 'HeadCT/b.png': b! });
        const file = await readFile(path);
        const content = file.indexOf('Hand/a.png') + 'Hand/a.png'.length + 20;
        file.writeUInt8(file.readUInt8(content) ^ 0xff, content);
        await writeFile(path, file);
        const report = await run(await openZipSource(path));
        expect(report.broken.map(({ name, code }) => [name, code])).to.deep.equal([
          ['Hand/a.png', 'IMPORT_UNREADABLE'],
        ]);
        expect(report.images).to.equal(1);
      });
    });

    it('finds class folders below any common top folders, and a lone class', async () => {
      const [a, b] = await pngs(110, 2);
      const layouts: [Record<string, Uint8Array>, string[]][] = [
        [{ 'Hand/a.png': a!, 'HeadCT/b.png': b! }, ['Hand', 'HeadCT']],
        [
          { 'archive/Medical MNIST/Hand/a.png': a!, 'archive/Medical MNIST/HeadCT/b.png': b! },
          ['Hand', 'HeadCT'],
        ],
        [{ 'top/Hand/a.png': a!, 'top/Hand/b.png': b! }, ['Hand']],
        [{ 'Hand/a.png': a!, 'stray.png': b! }, ['Hand']],
        [{ 'Hand/siteA/a.png': a!, 'HeadCT/b.png': b! }, ['Hand', 'HeadCT']],
      ];
      for (const [files, classes] of layouts) {
        await withFolder(async (folder) => {
          const source = await openZipSource(await writeZip(join(folder, 'l.zip'), files));
          const labels = new Set<string>();
          for await (const { label } of source.entries()) labels.add(label);
          expect([...labels].sort()).to.deep.equal(classes);
        });
      }
    });

    it('reads the real sample whole', async function () {
      const sample = sampleZipPath();
      if (sample === null) {
        console.log('      (skipped: medical-mnist-sample.zip is not beside the repository)');
        this.skip();
      }
      const report = await run(await openZipSource(sample));
      expect(report).to.deep.include({
        labels: ['AbdomenCT', 'BreastMRI', 'CXR', 'ChestCT', 'Hand', 'HeadCT'],
        broken: [],
        conflicts: [],
        synthetic: false,
      });
      expect(report.images + report.duplicates.length).to.equal(600);
    });
  });

  describe('from a folder', () => {
    it('takes the same layout', async () => {
      await withFolder(async (folder) => {
        const [a, b] = await pngs(120, 2);
        const files: Record<string, Uint8Array> = {
          'data/HeadCT/b.png': b!,
          'data/Hand/a.png': a!,
          'data/notes.txt': Buffer.from('x'),
        };
        for (const [name, bytes] of Object.entries(files)) {
          await mkdir(dirname(join(folder, name)), { recursive: true });
          await writeFile(join(folder, name), bytes);
        }
        const report = await run(await openFolderSource(folder));
        expect(report).to.deep.include({ labels: ['Hand', 'HeadCT'], images: 2, ignored: 1 });
        expect((await keysBelow(objects, 'archives/')).length).to.equal(0);
      });
    });

    it('says when there is no such folder', async () => {
      expect(await codeOf(openFolderSource('/no/such/folder'))).to.equal('IMPORT_NOT_FOUND');
    });
  });
});
