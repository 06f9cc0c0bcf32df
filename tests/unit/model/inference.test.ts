/** Answers of a loaded model: batches, golden examples, closing, and files that are no models. */
import { expect } from 'chai';
import { ModelError, type ModelErrorCode } from '../../../model/errors.js';
import { checkGoldenExamples, loadOnnxModel, type OnnxModel } from '../../../model/inference.js';
import { exportOnnx } from '../../../model/onnx.js';
import { decodeOnnx, encodeOnnx, type OnnxModelMessage } from '../../../model/onnx-schema.js';
import { IMAGE_PIXELS, type GoldenExamples } from '../../../model/types.js';
import { randomPixels, smallNetwork } from './small-network.js';

const LABELS = ['one', 'two', 'three'];

async function failure(work: Promise<unknown>): Promise<ModelError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
  throw new Error('It should have failed.');
}

async function expectCode(work: Promise<unknown>, code: ModelErrorCode): Promise<string> {
  const error = await failure(work);
  expect(error.code).to.equal(code);
  return error.message;
}

describe('A loaded model', () => {
  let model: OnnxModel;
  const bytes = exportOnnx(smallNetwork(LABELS));

  beforeEach(async () => {
    model = await loadOnnxModel(bytes, { threads: 1 });
  });
  afterEach(() => model.close());

  it('knows its classes in their order', () => {
    expect(model.labels).to.deep.equal(LABELS);
  });

  it('gives an image the same answer alone, in a batch and across the edge of a batch', async () => {
    const count = 150;
    const pixels = randomPixels(count);
    const together = await model.predict(pixels, count);
    expect(together).to.have.length(count * LABELS.length);
    for (const index of [0, 127, 128, 149]) {
      const alone = await model.predict(pixels.subarray(index * IMAGE_PIXELS, (index + 1) * IMAGE_PIXELS), 1);
      alone.forEach((value, column) => {
        expect(together[index * LABELS.length + column]).to.be.closeTo(value, 1e-6);
      });
    }
  });

  it('gives rows that add up to one, also for black and white images', async () => {
    const pixels = new Uint8Array(2 * IMAGE_PIXELS).fill(255, IMAGE_PIXELS);
    const answers = await model.predict(pixels, 2);
    for (const row of [0, 1]) {
      const sum = answers.slice(row * 3, row * 3 + 3).reduce((total, value) => total + value, 0);
      expect(sum).to.be.closeTo(1, 1e-5);
    }
  });

  it('answers nothing for no images', async () => {
    expect(await model.predict(new Uint8Array(0), 0)).to.have.length(0);
  });

  it('refuses pixels that are not a whole number of images', async () => {
    let thrown: unknown;
    await model.predict(new Uint8Array(IMAGE_PIXELS + 1), 1).catch((error: unknown) => (thrown = error));
    expect(thrown).to.be.instanceOf(RangeError);
  });

  it('finishes running predictions when it is closed, and then answers no more', async () => {
    const running = model.predict(randomPixels(64), 64);
    await model.close();
    expect(await running).to.have.length(64 * LABELS.length);
    await expectCode(model.predict(randomPixels(1), 1), 'MODEL_UNREADABLE');
    await model.close();
  });

  it('refuses files that are no models', async () => {
    await expectCode(loadOnnxModel(new Uint8Array(0), { threads: 1 }), 'MODEL_UNREADABLE');
    await expectCode(loadOnnxModel(bytes.subarray(0, bytes.length / 2), { threads: 1 }), 'MODEL_UNREADABLE');
    await expectCode(loadOnnxModel(randomPixels(1), { threads: 1 }), 'MODEL_UNREADABLE');
  });

  it('refuses a file whose class list does not fit its outputs', async () => {
    const decoded = decodeOnnx(bytes) as OnnxModelMessage;
    const metadataProps = [{ key: 'labels', value: JSON.stringify(['one', 'two']) }];
    const altered = encodeOnnx({ ...decoded, metadataProps });
    await expectCode(loadOnnxModel(altered, { threads: 1 }), 'MODEL_UNREADABLE');
  });

  describe('with golden examples', () => {
    async function golden(change = (probabilities: number[]) => probabilities): Promise<GoldenExamples> {
      const pixels = randomPixels(3, 7);
      const answers = await model.predict(pixels, 3);
      const examples = [0, 1, 2].map((row) => ({
        pixels: Buffer.from(pixels.subarray(row * IMAGE_PIXELS, (row + 1) * IMAGE_PIXELS)).toString('base64'),
        probabilities: change(Array.from(answers.slice(row * 3, row * 3 + 3))),
      }));
      return { labels: LABELS, examples };
    }

    it('passes when it still gives its own answers', async () => {
      expect(await checkGoldenExamples(model, await golden())).to.be.below(1e-6);
    });

    it('fails when an answer moved by more than the tolerance, and says where', async () => {
      const moved = await golden(([first = 0, ...rest]) => [first + 2e-4, ...rest]);
      const message = await expectCode(checkGoldenExamples(model, moved), 'MODEL_CHECK_FAILED');
      expect(message).to.include('example 0').and.include('one');
      expect(await checkGoldenExamples(model, moved, 3e-4)).to.be.closeTo(2e-4, 1e-6);
    });

    it('fails when there is no number to compare with', async () => {
      await expectCode(
        checkGoldenExamples(model, await golden((p) => p.map(() => NaN))),
        'MODEL_CHECK_FAILED',
      );
      await expectCode(checkGoldenExamples(model, await golden((p) => p.slice(1))), 'MODEL_CHECK_FAILED');
      await expectCode(checkGoldenExamples(model, { labels: LABELS, examples: [] }), 'MODEL_CHECK_FAILED');
    });

    it('fails when image bytes are missing', async () => {
      const { examples } = await golden();
      const cut = examples.map((example) => ({ ...example, pixels: example.pixels.slice(8) }));
      await expectCode(checkGoldenExamples(model, { labels: LABELS, examples: cut }), 'MODEL_CHECK_FAILED');
    });

    it('fails when the classes stand in another order', async () => {
      const { examples } = await golden();
      await expectCode(
        checkGoldenExamples(model, { labels: ['two', 'one', 'three'], examples }),
        'MODEL_LABELS_DIFFER',
      );
    });
  });
});
