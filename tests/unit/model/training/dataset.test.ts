/** What the trainer reads of a data set, what it never reads, and what it says of a broken one. */
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ModelError } from '../../../../model/errors.js';
import { TrainingData } from '../../../../model/training/dataset.js';
import { planEpochs } from '../../../../model/training/sampling.js';
import { MINIMUM_FULL_STEPS, WARM_EPOCH } from '../../../../model/training/settings.js';
import type { DatasetFiles, TrainingSettings } from '../../../../model/types.js';
import { npyHeader, rowsOf, temporaryFolder, writePatterns, type PatternRow } from './patterns.js';

describe("the trainer's data", () => {
  let folder: string;
  let files: DatasetFiles;
  const rows: PatternRow[] = [
    ...rowsOf(3, { split: 'train' }),
    ...rowsOf(1, { split: 'validation' }),
    ...rowsOf(2, { split: 'golden' }),
  ];
  const corrections: PatternRow[] = [
    ...rowsOf(1, { split: 'train', origin: 'correction', fresh: true }),
    ...rowsOf(1, { split: 'train', origin: 'correction' }),
    ...rowsOf(1, { split: 'exam', origin: 'correction', fresh: true }),
  ];

  beforeEach(async () => {
    folder = await temporaryFolder();
    files = writePatterns(folder, [rows, corrections]);
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('reads the pixels of any rows of any parts, in the order asked for', async () => {
    const data = await TrainingData.open(files);
    const pixels = data.read(Uint32Array.of(rows.length + 2, 1, 0));
    const inPart = (part: number, row: number): Buffer =>
      readFileSync(files.parts[part]!.imagesPath).subarray(128 + row * 4096, 128 + (row + 1) * 4096);
    expect(Buffer.from(pixels).equals(Buffer.concat([inPart(1, 2), inPart(0, 1), inPart(0, 0)]))).to.equal(
      true,
    );
    data.close();
  });

  it('sorts the examples by what they are for and leaves the exam out', async () => {
    const data = await TrainingData.open(files);
    expect([...data.groups.base]).to.deep.equal([...Array(12).keys()]);
    expect([...data.groups.validation]).to.deep.equal([12, 13, 14, 15]);
    expect([...data.groups.golden]).to.deep.equal([...Array(8).keys()].map((index) => 16 + index));
    expect([...data.groups.fresh]).to.deep.equal([24, 25, 26, 27]);
    expect([...data.groups.earlier]).to.deep.equal([28, 29, 30, 31]);
    const listed = Object.values(data.groups).flatMap((group: Uint32Array) => [...group]);
    expect(listed.some((example) => example >= 32)).to.equal(false);
    data.close();
  });

  const faults: [string, RegExp, () => void][] = [
    [
      'a part that is missing',
      /part-1\.npy cannot be opened/,
      () => {
        rmSync(files.parts[1]!.imagesPath);
      },
    ],
    [
      'a part that is cut off',
      /part-0\.npy is cut off: 100 bytes are missing/,
      () => {
        truncateSync(files.parts[0]!.imagesPath, 128 + rows.length * 4096 - 100);
      },
    ],
    [
      'a part that is no .npy file',
      /not a \.npy file/,
      () => {
        writeFileSync(files.parts[0]!.imagesPath, 'JPEG');
      },
    ],
    [
      'a part with another number of rows',
      /has 3 rows instead of 24/,
      () => {
        writeFileSync(files.parts[0]!.imagesPath, npyHeader('(3, 64, 64)'));
      },
    ],
    [
      'images of another size',
      /the images are 28 × 28 instead of 64 × 64/,
      () => {
        writeFileSync(files.parts[0]!.imagesPath, npyHeader('(24, 28, 28)'));
      },
    ],
    [
      'images that are not bytes',
      /expected uint8 rows/,
      () => {
        writeFileSync(files.parts[0]!.imagesPath, npyHeader('(24, 64, 64)', '<f4'));
      },
    ],
    [
      'a line that is not JSON',
      /line 37: not JSON/,
      () => {
        appendFileSync(files.examplesPath, '{"part":\n');
      },
    ],
    [
      'a label that does not exist',
      /line 37: there is no label 4/,
      () => {
        append({ label: 4 });
      },
    ],
    [
      'a part that does not exist',
      /line 37: there is no part 2/,
      () => {
        append({ part: 2 });
      },
    ],
    [
      'a row that does not exist',
      /line 37: part 0 has no row 24/,
      () => {
        append({ row: 24 });
      },
    ],
    [
      'a split that does not exist',
      /line 37: there is no split test/,
      () => {
        append({ split: 'test' });
      },
    ],
    [
      'no examples file',
      /examples\.jsonl cannot be read/,
      () => {
        rmSync(files.examplesPath);
      },
    ],
    [
      'nothing to train on',
      /fewer than two examples/,
      () => {
        writeFileSync(files.examplesPath, '');
      },
    ],
  ];
  for (const [what, message, breakIt] of faults) {
    it(`refuses ${what}`, async () => {
      breakIt();
      const error = await TrainingData.open(files).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(ModelError);
      expect((error as ModelError).code).to.equal('DATASET_INVALID');
      expect((error as ModelError).message).to.match(message);
    });
  }

  function append(change: object): void {
    const example = { part: 0, row: 0, label: 0, split: 'train', origin: 'base', fresh: false, ...change };
    appendFileSync(files.examplesPath, `${JSON.stringify(example)}\n`);
  }

  describe('in a full training', () => {
    const settings: TrainingSettings = { mode: 'full', seed: 5, epochs: 4, batchSize: 8, learningRate: 1e-3 };

    it('shows every trained example equally often, and no other', async () => {
      const data = await TrainingData.open(files);
      const plan = planEpochs(data, settings);
      expect(plan.stepsPerEpoch * plan.epochs).to.equal(MINIMUM_FULL_STEPS);
      const counts = countOf(plan.order(0));
      expect([...counts.keys()].sort((a, b) => a - b)).to.deep.equal([...data.train]);
      expect(Math.max(...counts.values()) - Math.min(...counts.values())).to.be.at.most(1);
      data.close();
    });

    it('draws another order in every epoch and for every seed, and the same one again', async () => {
      const data = await TrainingData.open(files);
      const order = (seed: number, epoch: number): string =>
        planEpochs(data, { ...settings, seed })
          .order(epoch)
          .join();
      expect(order(5, 0)).to.equal(order(5, 0));
      expect(order(5, 0)).not.to.equal(order(5, 1));
      expect(order(5, 0)).not.to.equal(order(6, 0));
      data.close();
    });
  });

  describe('in a warm training', () => {
    const settings: TrainingSettings = {
      mode: 'warm',
      seed: 5,
      epochs: 2,
      batchSize: 64,
      learningRate: 1e-3,
    };

    it('repeats fresh corrections, replays earlier ones, and fills up with equal shares of every class', async () => {
      const data = await TrainingData.open(files);
      const order = planEpochs(data, settings).order(0);
      expect(order).to.have.lengthOf(WARM_EPOCH.images);
      const counts = countOf(order);
      for (const example of data.groups.fresh) expect(counts.get(example)).to.equal(WARM_EPOCH.freshRepeats);
      for (const example of data.groups.earlier)
        expect(counts.get(example)).to.equal(WARM_EPOCH.earlierRepeats);
      const base = [0, 1, 2, 3].map(
        (label) => [...order].filter((example) => example < 12 && data.label[example] === label).length,
      );
      expect(Math.max(...base) - Math.min(...base)).to.be.at.most(1);
      expect([...order].every((example) => data.train.includes(example))).to.equal(true);
      data.close();
    });

    it('keeps room for the replay, however many corrections there are', async () => {
      const many = Array.from({ length: 2000 }, (): PatternRow => ({
        label: 1,
        split: 'train',
        origin: 'correction',
        fresh: true,
      }));
      const data = await TrainingData.open(writePatterns(join(folder, 'many'), [rows, many]));
      const order = planEpochs(data, settings).order(0);
      const fresh = [...order].filter((example) => data.correction[example] === 1).length;
      expect(fresh / order.length).to.be.closeTo(WARM_EPOCH.freshShare, 0.01);
      expect(countOf(order.filter((example) => data.correction[example] === 1)).size).to.equal(many.length);
      data.close();
    });

    it('works without any correction', async () => {
      const data = await TrainingData.open(writePatterns(join(folder, 'none'), [rows]));
      const order = planEpochs(data, settings).order(0);
      expect([...order].every((example) => example < 12)).to.equal(true);
      data.close();
    });
  });
});

function countOf(order: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const example of order) counts.set(example, (counts.get(example) ?? 0) + 1);
  return counts;
}
