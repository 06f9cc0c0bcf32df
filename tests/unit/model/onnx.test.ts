/** The ONNX file: it says what it is and computes what the network computes. */
import { expect } from 'chai';
import { foldBatchNorm } from '../../../model/network/weights.js';
import { ModelError } from '../../../model/errors.js';
import { loadOnnxModel } from '../../../model/inference.js';
import { exportOnnx, readOnnxMetadata } from '../../../model/onnx.js';
import { decodeOnnx, encodeOnnx } from '../../../model/onnx-schema.js';
import { IMAGE_PIXELS } from '../../../model/types.js';
import { randomPixels, referenceAnswer, smallNetwork } from './small-network.js';

const LABELS = ['b', 'a', 'c'];

describe('The ONNX file', () => {
  it('answers in the ONNX runtime what the definition of the network gives', async () => {
    const network = smallNetwork(LABELS);
    const pixels = randomPixels(5);
    const model = await loadOnnxModel(exportOnnx(network), { threads: 1 });
    const answers = await model.predict(pixels, 5);
    await model.close();
    for (let row = 0; row < 5; row += 1) {
      const expected = referenceAnswer(
        network,
        pixels.subarray(row * IMAGE_PIXELS, (row + 1) * IMAGE_PIXELS),
      );
      expected.forEach((value, column) => {
        expect(answers[row * LABELS.length + column]).to.be.closeTo(value, 1e-6);
      });
    }
  });

  it('has batch normalisation folded in, a symbolic batch size and a fixed operator set', () => {
    const network = smallNetwork(LABELS);
    const model = decodeOnnx(exportOnnx(network));
    expect(model.irVersion).to.equal(8);
    expect(model.opsetImport?.map(({ version }) => version)).to.deep.equal([13]);
    expect(model.graph?.node.map((node) => node.opType)).to.deep.equal([
      ...['Div', 'Transpose', 'Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu'],
      ...['GlobalAveragePool', 'Flatten', 'Gemm', 'Softmax'],
    ]);
    const dims = model.graph?.input[0]?.type.tensorType.shape.dim;
    expect(dims).to.deep.equal([{ dimParam: 'batch' }, { dimValue: 64 }, { dimValue: 64 }, { dimValue: 1 }]);
    const first = network.layers[0];
    if (first?.kind !== 'conv') throw new Error('unexpected network');
    const bias = model.graph?.initializer.find((tensor) => tensor.name === 'conv1_bias');
    expect(bias?.rawData).to.deep.equal(Buffer.from(foldBatchNorm(first).bias.buffer));
  });

  it('keeps the class order and the given properties, and its own go first', () => {
    const bytes = exportOnnx(smallNetwork(LABELS), { synthetic: 'true', labels: '["x"]' });
    const { labels, properties } = readOnnxMetadata(bytes);
    expect(labels).to.deep.equal(LABELS);
    expect(properties.synthetic).to.equal('true');
    expect(properties.preprocessVersion).to.match(/\S/);
    expect(properties.preprocessing).to.include('64x64');
  });

  it('is the same for the same network, byte for byte', () => {
    const [one, two] = [exportOnnx(smallNetwork(LABELS)), exportOnnx(smallNetwork(LABELS))];
    expect(Buffer.compare(one, two)).to.equal(0);
  });

  it('is not written for a network that does not fit together', () => {
    const network = smallNetwork(LABELS);
    expect(() => exportOnnx({ ...network, labels: ['a', 'b'] }))
      .to.throw(ModelError)
      .with.property('code', 'MODEL_UNREADABLE');
  });

  for (const [what, bytes] of [
    ['an empty file', new Uint8Array(0)],
    ['bytes that are no protocol buffer', Uint8Array.from({ length: 64 }, () => 0xff)],
    ['a model without a class list', encodeOnnx({ ...emptyModel(), metadataProps: [] })],
    ['a class list that is no JSON', withLabels('a,b')],
    ['a class list with one class', withLabels('["a"]')],
    ['a class named twice', withLabels('["a","a"]')],
    ['a class without a name', withLabels('["a",""]')],
  ] as const) {
    it(`is refused with a code when it is ${what}`, () => {
      expect(() => readOnnxMetadata(bytes))
        .to.throw(ModelError)
        .with.property('code', 'MODEL_UNREADABLE');
    });
  }
});

function emptyModel(): Parameters<typeof encodeOnnx>[0] {
  const graph = { name: '', node: [], initializer: [], input: [], output: [] };
  const texts = { producerName: '', producerVersion: '', docString: '' };
  return { irVersion: 8, ...texts, opsetImport: [], metadataProps: [], graph };
}

function withLabels(value: string): Uint8Array {
  return encodeOnnx({ ...emptyModel(), metadataProps: [{ key: 'labels', value }] });
}
