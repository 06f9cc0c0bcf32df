/** A small network with seeded weights, and a plain reference of what it must answer, for the tests of this room. */
import { IMAGE_PIXELS, IMAGE_SIDE } from '../../../model/types.js';
import type { ConvLayer, DenseLayer, TrainedNetwork } from '../../../model/network/weights.js';

/** Mulberry32: a small generator of fractions, the same on every machine. */
export function fractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function conv(
  name: string,
  shape: [number, number, number, number],
  next: (low: number, high: number) => Float32Array,
): ConvLayer {
  const [kernelSize, stride, inChannels, outChannels] = shape;
  return {
    kind: 'conv',
    name,
    kernelSize,
    stride,
    inChannels,
    outChannels,
    weights: next(-0.5, 0.5).slice(0, kernelSize ** 2 * inChannels * outChannels),
    gamma: next(0.5, 1.5).slice(0, outChannels),
    beta: next(-0.5, 0.5).slice(0, outChannels),
    movingMean: next(-0.2, 0.2).slice(0, outChannels),
    movingVariance: next(0.2, 1).slice(0, outChannels),
    epsilon: 1e-3,
  };
}

export function smallNetwork(labels: readonly string[], seed = 1): TrainedNetwork {
  const random = fractions(seed);
  const next = (low: number, high: number) =>
    Float32Array.from({ length: 2000 }, () => low + random() * (high - low));
  const dense: DenseLayer = {
    kind: 'dense',
    name: 'head',
    inFeatures: 8,
    outFeatures: labels.length,
    weights: next(-1, 1).slice(0, 8 * labels.length),
    bias: next(-0.1, 0.1).slice(0, labels.length),
  };
  // An even kernel side, a stride of 3 and an odd side in between: every case of uneven padding.
  return {
    labels,
    layers: [
      conv('conv1', [5, 2, 1, 4], next),
      conv('conv2', [3, 3, 4, 6], next),
      conv('conv3', [2, 2, 6, 8], next),
      dense,
    ],
  };
}

export function randomPixels(count: number, seed = 2): Uint8Array {
  const random = fractions(seed);
  return Uint8Array.from({ length: count * IMAGE_PIXELS }, () => Math.floor(random() * 256));
}

/** The definition written out: TensorFlow's `SAME` padding, unfolded batch normalisation, double precision. */
export function referenceAnswer(network: TrainedNetwork, pixels: Uint8Array): number[] {
  let side = IMAGE_SIDE;
  let values = Float64Array.from(pixels, (value) => value / 255);
  for (const layer of network.layers) {
    if (layer.kind === 'dense') {
      const area = side * side;
      const pooled = Array.from({ length: layer.inFeatures }, (_, channel) => {
        let sum = 0;
        for (let i = 0; i < area; i += 1) sum += values[i * layer.inFeatures + channel]!;
        return sum / area;
      });
      const logits = Array.from({ length: layer.outFeatures }, (_, output) =>
        pooled.reduce(
          (sum, value, i) => sum + value * layer.weights[i * layer.outFeatures + output]!,
          layer.bias[output]!,
        ),
      );
      const top = Math.max(...logits);
      const powers = logits.map((logit) => Math.exp(logit - top));
      const total = powers.reduce((sum, power) => sum + power, 0);
      return powers.map((power) => power / total);
    }
    const next = Math.ceil(side / layer.stride);
    const before = Math.floor(Math.max(0, (next - 1) * layer.stride + layer.kernelSize - side) / 2);
    const out = new Float64Array(next * next * layer.outChannels);
    for (let y = 0; y < next; y += 1) {
      for (let x = 0; x < next; x += 1) {
        for (let o = 0; o < layer.outChannels; o += 1) {
          let sum = 0;
          for (let ky = 0; ky < layer.kernelSize; ky += 1) {
            for (let kx = 0; kx < layer.kernelSize; kx += 1) {
              const [row, column] = [y * layer.stride + ky - before, x * layer.stride + kx - before];
              if (row < 0 || column < 0 || row >= side || column >= side) continue;
              for (let i = 0; i < layer.inChannels; i += 1) {
                sum +=
                  values[(row * side + column) * layer.inChannels + i]! *
                  layer.weights[
                    ((ky * layer.kernelSize + kx) * layer.inChannels + i) * layer.outChannels + o
                  ]!;
              }
            }
          }
          const scale = layer.gamma[o]! / Math.sqrt(layer.movingVariance[o]! + layer.epsilon);
          const normal = (sum - layer.movingMean[o]!) * scale + layer.beta[o]!;
          out[(y * next + x) * layer.outChannels + o] = Math.max(0, normal);
        }
      }
    }
    values = out;
    side = next;
  }
  throw new Error('The network has no dense layer.');
}
