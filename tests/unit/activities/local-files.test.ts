/** What the steps read from the local disk, also when it is damaged, and where a training starts. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createExampleReader, readFloatMatrix } from '../../../activities/examples.js';
import { startingPoint } from '../../../activities/training/starting-point.js';
import { ModelError } from '../../../model/errors.js';
import { sha256Of } from '../../../model/labels.js';
import { encodeFloatMatrix } from '../../../model/training/npy.js';
import { IMAGE_PIXELS, type DatasetFiles, type Example } from '../../../model/types.js';
import type { ModelRegistry, ModelVersion, RegisteredVersion, SnapshotId } from '../../../storage/types.js';
import { trainInput } from './rig.js';

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ModelError) return error.code;
    throw error;
  }
  throw new Error('it did not fail');
};

describe('what the steps read from the local disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-examples-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const dataset = (parts: DatasetFiles['parts']): DatasetFiles => ({
    ...{ labels: ['a', 'b'], digest: 'd', parts, examplesPath: '', synthetic: false },
  });
  const example = (part: number, row: number): Example => ({
    ...{ sha256: sha256Of(`${part}/${row}`), part, row, label: 0, split: 'golden' },
    ...{ origin: 'base', fresh: false },
  });
  /** A part whose images are filled with 1, 2, 3 … */
  const writePart = async (name: string, rows: number): Promise<string> => {
    const path = join(folder, name);
    const header =
      `{'descr': '|u1', 'fortran_order': False, 'shape': (${rows}, 64, 64), }`.padEnd(117) + '\n';
    const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}`, 'latin1');
    const images = Array.from({ length: rows }, (_, row) => Buffer.alloc(IMAGE_PIXELS, row + 1));
    await writeFile(path, Buffer.concat([head, ...images]));
    return path;
  };

  it('is the pixels of the chosen examples in the order asked for, across parts', async () => {
    const parts = [
      { imagesPath: await writePart('a.npy', 3), rows: 3 },
      { imagesPath: await writePart('b.npy', 2), rows: 2 },
    ];
    const reader = createExampleReader(dataset(parts));
    const pixels = await reader.read([example(1, 1), example(0, 2), example(0, 0)]);
    await reader.close();
    expect([0, 1, 2].map((index) => pixels[index * IMAGE_PIXELS + 7])).to.deep.equal([2, 3, 1]);
  });

  it('is an error when a part is absent, cut off or something else', async () => {
    const cut = await writePart('cut.npy', 2);
    await writeFile(cut, (await readFile(cut)).subarray(0, -1));
    await writeFile(join(folder, 'text.npy'), 'no array');
    const parts = ['cut.npy', 'text.npy', 'absent.npy'].map((name) => ({
      imagesPath: join(folder, name),
      rows: 2,
    }));
    const reader = createExampleReader(dataset(parts));
    for (const missing of [example(0, 1), example(1, 0), example(2, 0), example(3, 0)]) {
      expect(await codeOf(reader.read([missing]))).to.equal('DATASET_INVALID');
    }
    await reader.close();
  });

  it("is the trainer's own answers, or an error when they are cut off or of another kind", async () => {
    const path = join(folder, 'answers.npy');
    const bytes = encodeFloatMatrix(Float32Array.of(0.25, 0.75, 1, 0), 2);
    await writeFile(path, bytes);
    expect([...(await readFloatMatrix(path))]).to.deep.equal([0.25, 0.75, 1, 0]);
    const doubles = Buffer.from(Buffer.from(bytes).toString('latin1').replace('<f4', '<f8'), 'latin1');
    for (const damaged of [
      bytes.subarray(0, -4),
      Buffer.from('no'),
      Buffer.from('no array at all'),
      doubles,
    ]) {
      await writeFile(path, damaged);
      expect(await codeOf(readFloatMatrix(path))).to.equal('MODEL_UNREADABLE');
    }
    expect(await codeOf(readFloatMatrix(join(folder, 'absent')))).to.equal('MODEL_UNREADABLE');
  });

  describe('and where a training starts', () => {
    const champion = { labels: ['a', 'b'], synthetic: false } as unknown as RegisteredVersion;
    const start = async (found: RegisteredVersion | null, mode: 'warm' | 'full') => {
      const downloads: string[] = [];
      const registry = {
        get: () => Promise.resolve(found),
        download: (version: string) => {
          downloads.push(version);
          return Promise.resolve();
        },
      } as unknown as ModelRegistry;
      const input = trainInput('00000001' as SnapshotId, {
        championVersion: '4' as ModelVersion,
        settings: { ...trainInput('00000001' as SnapshotId).settings, mode },
      });
      const { settings, warmFrom } = await startingPoint(registry, input, dataset([]), folder);
      return { mode: settings.mode, warmFrom, downloads };
    };

    it('is the champion, if it has the same classes and the same kind of data', async () => {
      expect(await start(champion, 'warm')).to.deep.equal({
        mode: 'warm',
        warmFrom: folder,
        downloads: ['4'],
      });
    });

    for (const [reason, found, mode] of [
      ['everything shall be trained anew', champion, 'full'],
      ['the champion is gone', null, 'warm'],
      ['the classes have another order', { ...champion, labels: ['b', 'a'] }, 'warm'],
      ['the champion knows phantoms only', { ...champion, synthetic: true }, 'warm'],
    ] as const) {
      it(`is nothing when ${reason}`, async () => {
        expect(await start(found, mode)).to.deep.equal({ mode: 'full', warmFrom: null, downloads: [] });
      });
    }
  });
});
