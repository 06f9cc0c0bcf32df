/** The fused kernels compute the same mathematics as TensorFlow.js's own unfused operations. */
import { expect } from 'chai';
import type * as Tf from '@tensorflow/tfjs-node';
import {
  initialState,
  layoutFor,
  NORM_EPSILON,
  type Layout,
  type NetworkState,
  type Span,
} from '../../../../model/network/architecture.js';
import { loadBinding } from '../../../../model/network/binding.js';
import { Kernels } from '../../../../model/network/kernels.js';
import { Passes, type BatchGradient } from '../../../../model/network/passes.js';
import { Random } from '../../../../model/training/random.js';
import { setTrainerEnvironment } from './patterns.js';

const CLASSES = 3;
const BATCH = 6;

describe('the gradients of the fused kernels', function () {
  this.timeout(60_000);
  let tf: typeof Tf;
  let kernels: Kernels;
  let passes: Passes;
  let tensorsLeft: () => number;
  const layout = layoutFor(CLASSES);
  const random = new Random(3);
  const state = shaken(initialState(layout, random), random);
  const pixels = Float32Array.from({ length: BATCH * 4096 }, () => random.next());

  before(async () => {
    setTrainerEnvironment();
    const binding = await loadBinding();
    tensorsLeft = () => binding.getNumOfTensors();
    tf = await import('@tensorflow/tfjs-node');
    kernels = new Kernels(binding);
    passes = new Passes(kernels, layout);
  });

  for (const normalisation of ['batch', 'moving'] as const) {
    it(`agree with automatic differentiation (${normalisation} statistics)`, () => {
      const soft = softTargets();
      const fused = kernels.scope(() =>
        passes.gradient(state, kernels.upload([BATCH, 64, 64, 1], pixels), soft, normalisation),
      );
      const plain = unfused(tf, layout, state, pixels, soft, normalisation);
      expect(fused.loss).to.be.closeTo(plain.loss, 1e-5);
      closeVectors(fused.logits, plain.logits, 1e-4, 'logits');
      for (const [name, span] of spansOf(layout)) {
        closeVectors(slice(fused.gradient, span), slice(plain.gradient, span), 2e-4, name);
      }
      if (normalisation === 'batch') {
        closeVectors(fused.statistics!, plain.statistics!, 1e-4, 'statistics');
      } else {
        expect(fused.statistics).to.equal(null);
      }
    });
  }

  it('are the same bit for bit when computed again', () => {
    const once = (): BatchGradient =>
      kernels.scope(() =>
        passes.gradient(state, kernels.upload([BATCH, 64, 64, 1], pixels), softTargets(), 'batch'),
      );
    expect(Buffer.from(once().gradient.buffer).equals(Buffer.from(once().gradient.buffer))).to.equal(true);
  });

  it('leave no tensor behind', () => {
    const before = tensorsLeft();
    kernels.scope(() =>
      passes.gradient(state, kernels.upload([BATCH, 64, 64, 1], pixels), softTargets(), 'batch'),
    );
    expect(tensorsLeft()).to.equal(before);
  });

  it('free what was made even when something fails in between', () => {
    const before = tensorsLeft();
    const failing = (): void => {
      kernels.scope(() => {
        const made = kernels.upload([2], Float32Array.of(1, 2));
        kernels.matMul(made, made);
      });
    };
    expect(failing).to.throw('Invalid TF_Status');
    expect(tensorsLeft()).to.equal(before);
  });

  function softTargets(): Float32Array {
    const soft = new Float32Array(BATCH * CLASSES).fill(0.05 / CLASSES);
    for (let index = 0; index < BATCH; index++) soft[index * CLASSES + (index % CLASSES)]! += 0.95;
    return soft;
  }
});

/** Every value away from its starting point, so that no gradient is zero by accident. */
function shaken(start: NetworkState, random: Random): NetworkState {
  return {
    parameters: start.parameters.map((value) => value + random.normal() * 0.02),
    statistics: start.statistics.map((value) => Math.max(0.05, value + random.normal() * 0.1)),
  };
}

function spansOf(layout: Layout): [string, Span][] {
  return [
    ...layout.convs.flatMap((conv): [string, Span][] => [
      [`${conv.name} weights`, conv.weights],
      [`${conv.name} gamma`, conv.gamma],
      [`${conv.name} beta`, conv.beta],
    ]),
    ['dense weights', layout.dense.weights],
    ['dense bias', layout.dense.bias],
  ];
}

/** The same network written with TensorFlow.js's public operations and differentiated by its tape. */
function unfused(
  tf: typeof Tf,
  layout: Layout,
  state: NetworkState,
  pixels: Float32Array,
  targets: Float32Array,
  normalisation: 'batch' | 'moving',
): BatchGradient {
  tf.engine().startScope();
  try {
    const statistics = normalisation === 'batch' ? new Float32Array(layout.statistics) : null;
    const images = tf.tensor4d(pixels, [BATCH, 64, 64, 1]);
    const labels = tf.tensor2d(targets, [BATCH, CLASSES]);
    let logits = new Float32Array(0);
    const loss = (flat: Tf.Tensor): Tf.Scalar => {
      const part = (span: Span, shape: number[]): Tf.Tensor =>
        flat.slice([span.start], [span.end - span.start]).reshape(shape);
      let maps: Tf.Tensor4D = images;
      for (const conv of layout.convs) {
        const { kernelSize, inChannels, outChannels } = conv;
        const filter = part(conv.weights, [kernelSize, kernelSize, inChannels, outChannels]) as Tf.Tensor4D;
        const convolved = tf.conv2d(maps, filter, conv.stride, 'same');
        let { mean, variance }: { mean: Tf.Tensor; variance: Tf.Tensor } = tf.moments(convolved, [0, 1, 2]);
        if (statistics) {
          const count = convolved.size / outChannels;
          statistics.set(mean.dataSync(), conv.mean.start);
          statistics.set(variance.mul(count / (count - 1)).dataSync(), conv.variance.start);
        } else {
          mean = tf.tensor1d(slice(state.statistics, conv.mean));
          variance = tf.tensor1d(slice(state.statistics, conv.variance));
        }
        const normal = convolved.sub(mean).div(variance.add(NORM_EPSILON).sqrt());
        const scaled = normal.mul(part(conv.gamma, [outChannels])).add(part(conv.beta, [outChannels]));
        maps = scaled.relu<Tf.Tensor4D>();
      }
      const { weights, bias, inFeatures, outFeatures } = layout.dense;
      const features = maps.mean<Tf.Tensor2D>([1, 2]);
      const scores = features
        .matMul(part(weights, [inFeatures, outFeatures]) as Tf.Tensor2D)
        .add(part(bias, [outFeatures]));
      logits = scores.dataSync() as Float32Array<ArrayBuffer>;
      return labels.mul(scores.logSoftmax()).sum(1).mean().neg() as Tf.Scalar;
    };
    const flat = tf.tensor1d(state.parameters);
    const { value, grad } = tf.valueAndGrad((flatVector) => loss(flatVector))(flat);
    return {
      loss: value.dataSync()[0]!,
      logits,
      gradient: grad.dataSync() as Float32Array,
      statistics,
    };
  } finally {
    tf.engine().endScope();
  }
}

function slice(vector: Float32Array, span: Span): Float32Array {
  return vector.slice(span.start, span.end);
}

/** Largest difference, relative to the largest value. */
function closeVectors(actual: Float32Array, wanted: Float32Array, tolerance: number, what: string): void {
  expect(actual.length, what).to.equal(wanted.length);
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(scale, `${what} is not all zero`).to.be.greaterThan(0);
  const difference = wanted.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - actual[index]!)),
    0,
  );
  expect(difference / scale, what).to.be.lessThan(tolerance);
}
