/** What the trainer writes: checkpoints, the TensorFlow.js model, NumPy matrices; and how it refuses broken ones. */
import { existsSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { ModelError } from '../../../../model/errors.js';
import { fromNetwork, initialState, layoutFor, toNetwork } from '../../../../model/network/architecture.js';
import { loadBinding } from '../../../../model/network/binding.js';
import { Kernels } from '../../../../model/network/kernels.js';
import { Passes } from '../../../../model/network/passes.js';
import type { TrainedNetwork } from '../../../../model/network/weights.js';
import { toImages } from '../../../../model/training/augmentation.js';
import {
  readCheckpoint,
  runIdentity,
  writeCheckpoint,
  type TrainingState,
} from '../../../../model/training/checkpoint.js';
import { encodeFloatMatrix } from '../../../../model/training/npy.js';
import { Random } from '../../../../model/training/random.js';
import { readTrainedNetwork, writeTfjsModel } from '../../../../model/training/tfjs-files.js';
import type { DatasetFiles, TrainingSettings } from '../../../../model/types.js';
import { codeOf } from './outcome.js';
import { PATTERN_LABELS, setTrainerEnvironment, temporaryFolder } from './patterns.js';

const layout = layoutFor(PATTERN_LABELS.length);
const settings: TrainingSettings = { mode: 'full', seed: 1, epochs: 2, batchSize: 8, learningRate: 1e-3 };
const dataset: DatasetFiles = {
  labels: PATTERN_LABELS,
  digest: 'abc',
  parts: [],
  examplesPath: '/nowhere',
  synthetic: true,
};

describe('the files of the trainer', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  describe('a TensorFlow.js model', () => {
    it('is read by `tf.loadLayersModel` and gives the answers of the trained network', async () => {
      setTrainerEnvironment();
      const kernels = new Kernels(await loadBinding());
      const tf = await import('@tensorflow/tfjs-node');
      const network = someNetwork();
      await writeTfjsModel(folder, network);
      const model = await tf.loadLayersModel(pathToFileURL(join(folder, 'tfjs', 'model.json')).href);
      const pixels = Uint8Array.from({ length: 5 * 4096 }, (_, index) => (index * 7 + (index >> 6)) % 256);
      const theirs = (
        model.predict(tf.tensor4d([...pixels], [5, 64, 64, 1])) as ReturnType<typeof tf.zeros>
      ).dataSync();
      const ours = kernels.scope(() =>
        new Passes(kernels, layout).probabilities(fromNetwork(layout, network), toImages(kernels, pixels)),
      );
      expect(theirs).to.have.lengthOf(20);
      ours.forEach((value, index) => {
        expect(theirs[index]).to.be.closeTo(value, 1e-5);
      });
      expect(Math.max(...ours) - Math.min(...ours)).to.be.greaterThan(0.01);
    });

    it('comes back exactly, labels included', async () => {
      const network = someNetwork();
      await writeTfjsModel(folder, network);
      expect(await readTrainedNetwork(folder)).to.deep.equal(network);
    });

    const faults: [string, (path: string) => void][] = [
      [
        'is missing',
        (path) => {
          rmSync(join(path, 'model.json'));
        },
      ],
      [
        'is cut off',
        (path) => {
          truncateSync(join(path, 'weights.bin'), 1000);
        },
      ],
      [
        'is longer than it says',
        (path) => {
          writeFileSync(join(path, 'weights.bin'), Buffer.alloc(1_000_000));
        },
      ],
      [
        'is not JSON',
        (path) => {
          writeFileSync(join(path, 'model.json'), 'PK');
        },
      ],
      [
        'has another number of labels than outputs',
        (path) => {
          const text = readFileSync(join(path, 'model.json'), 'utf8');
          writeFileSync(join(path, 'model.json'), text.replace('"disc",', ''));
        },
      ],
    ];
    for (const [what, breakIt] of faults) {
      it(`that ${what} is refused`, async () => {
        await writeTfjsModel(folder, someNetwork());
        breakIt(join(folder, 'tfjs'));
        expect(await codeOf(readTrainedNetwork(folder))).to.equal('MODEL_UNREADABLE');
      });
    }

    it('of another shape is no warm start', () => {
      const network = someNetwork();
      const { layers } = network;
      const other: TrainedNetwork = { ...network, layers: [layers[0]!, ...layers.slice(2)] };
      expect(() => fromNetwork(layout, other)).to.throw(ModelError);
      expect(() => fromNetwork(layoutFor(3), network)).to.throw(/another network/);
    });
  });

  describe('a checkpoint', () => {
    const run = runIdentity(dataset, settings, null);

    it('comes back exactly, in a folder of its own', async () => {
      const state = someState();
      const written = await writeCheckpoint(folder, run, state);
      expect(written).to.equal(join(folder, 'checkpoint-17'));
      expect(await readCheckpoint(written, run, layout)).to.deep.equal(state);
      expect(readdirSync(folder)).to.deep.equal(['checkpoint-17']);
    });

    it('replaces what an interrupted one left behind', async () => {
      mkdirSync(join(folder, 'checkpoint-17.partial'));
      writeFileSync(join(folder, 'checkpoint-17.partial', 'values.bin'), 'half');
      await writeCheckpoint(folder, run, someState());
      expect(existsSync(join(folder, 'checkpoint-17.partial'))).to.equal(false);
      expect(await codeOf(readCheckpoint(join(folder, 'checkpoint-17'), run, layout))).to.equal('none');
    });

    const otherRuns: [string, string][] = [
      ['other data', runIdentity({ ...dataset, digest: 'def' }, settings, null)],
      ['other labels', runIdentity({ ...dataset, labels: ['a', 'b', 'c', 'd'] }, settings, null)],
      ['another seed', runIdentity(dataset, { ...settings, seed: 2 }, null)],
      ['another champion', runIdentity(dataset, settings, initialState(layout, new Random(1)))],
    ];
    for (const [what, other] of otherRuns) {
      it(`of a run with ${what} is refused`, async () => {
        const written = await writeCheckpoint(folder, other, someState());
        expect(await codeOf(readCheckpoint(written, run, layout))).to.equal('CHECKPOINT_INVALID');
      });
    }

    const faults: [string, (path: string) => void][] = [
      [
        'is missing',
        (path) => {
          rmSync(path, { recursive: true });
        },
      ],
      [
        'is cut off',
        (path) => {
          truncateSync(join(path, 'values.bin'), 1000);
        },
      ],
      [
        'has a changed byte',
        (path) => {
          const bytes = readFileSync(join(path, 'values.bin'));
          bytes[1000]! ^= 1;
          writeFileSync(join(path, 'values.bin'), bytes);
        },
      ],
      [
        'lacks its description',
        (path) => {
          writeFileSync(join(path, 'state.json'), '{}');
        },
      ],
    ];
    for (const [what, breakIt] of faults) {
      it(`that ${what} is refused`, async () => {
        const written = await writeCheckpoint(folder, run, someState());
        breakIt(written);
        expect(await codeOf(readCheckpoint(written, run, layout))).to.equal('CHECKPOINT_INVALID');
      });
    }
  });

  it('write matrices as NumPy does', () => {
    const bytes = Buffer.from(encodeFloatMatrix(Float32Array.of(1, 2, 3, 4, 5, 6), 3));
    const length = bytes.readUInt16LE(8);
    expect((10 + length) % 64).to.equal(0);
    expect(bytes.subarray(10, 10 + length).toString('latin1')).to.match(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/,
    );
    expect(bytes.readFloatLE(10 + length + 20)).to.equal(6);
    expect(bytes).to.have.lengthOf(10 + length + 24);
  });
});

function someNetwork(): TrainedNetwork {
  const random = new Random(4);
  const { parameters, statistics } = initialState(layout, random);
  const state = {
    parameters: parameters.map((value) => value + random.normal() * 0.1),
    statistics: statistics.map((value) => Math.abs(value + random.normal() * 0.1) + 0.01),
  };
  return toNetwork(layout, state, PATTERN_LABELS);
}

function someState(): TrainingState {
  const random = new Random(8);
  return {
    network: initialState(layout, random),
    moments: {
      first: Float32Array.from({ length: layout.parameters }, () => random.normal()),
      second: Float32Array.from({ length: layout.parameters }, () => random.next()),
    },
    step: 17,
    epochLoss: 0.1 + 0.2,
    epochCorrect: 5,
    epochImages: 8,
    epochSeconds: 1.25,
    seconds: 3.5,
    epochs: [
      { epoch: 1, loss: 1.1, trainAccuracy: 0.5, validationAccuracy: 0.25, validationLoss: 2, seconds: 2.25 },
    ],
  };
}
