/** A trained network as plain numbers: what the trainer hands to the exporters. Knows nothing of TensorFlow. */
import { ModelError } from '../errors.js';
import type { Labels } from '../types.js';

/**
 * 2-D convolution with `SAME` padding (TensorFlow's meaning: with stride 2 and an even side the extra row and column
 * are at the bottom and the right; ONNX calls it `SAME_UPPER`) and without bias, then batch normalisation, then ReLU.
 */
export interface ConvLayer {
  readonly kind: 'conv';
  readonly name: string;
  readonly kernelSize: number;
  readonly stride: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Height × width × in × out, batch normalisation not folded in. */
  readonly weights: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly movingMean: Float32Array;
  readonly movingVariance: Float32Array;
  readonly epsilon: number;
}

export interface DenseLayer {
  readonly kind: 'dense';
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** In × out. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export type NetworkLayer = ConvLayer | DenseLayer;

/**
 * Input: greyscale pixels 0 to 255, divided by 255 before the first layer. After the last convolution comes the
 * average over all positions, then the dense layer, then softmax.
 */
export interface TrainedNetwork {
  readonly labels: Labels;
  readonly layers: readonly NetworkLayer[];
}

/** A convolution with its batch normalisation folded in: `relu(conv(x, weights) + bias)`. */
export interface FoldedConv {
  /** Height × width × in × out. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/**
 * Folds the inference form of batch normalisation, `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, into the
 * convolution before it.
 */
export function foldBatchNorm(layer: ConvLayer): FoldedConv {
  const { outChannels, gamma, beta, movingMean, movingVariance, epsilon } = layer;
  const scales = new Float64Array(outChannels);
  const bias = new Float32Array(outChannels);
  for (let channel = 0; channel < outChannels; channel++) {
    const scale = at(gamma, channel) / Math.sqrt(at(movingVariance, channel) + epsilon);
    scales[channel] = scale;
    bias[channel] = at(beta, channel) - at(movingMean, channel) * scale;
  }
  const weights = layer.weights.map((weight, index) => weight * (scales[index % outChannels] ?? 1));
  return { weights, bias };
}

/** Number of trained values (moving statistics not counted). */
export function parameterCount(network: TrainedNetwork): number {
  return network.layers.reduce(
    (sum, layer) =>
      sum +
      layer.weights.length +
      (layer.kind === 'conv' ? layer.gamma.length + layer.beta.length : layer.bias.length),
    0,
  );
}

/**
 * Checks that every array has the length that the shapes ask for, that the layers fit together, and that the last
 * layer has one output for each label.
 * @throws ModelError MODEL_UNREADABLE naming the layer
 */
export function checkNetwork(network: TrainedNetwork): TrainedNetwork {
  let channels = 1;
  const last = network.layers.at(-1);
  for (const layer of network.layers) {
    const [inputs, outputs, kernel] =
      layer.kind === 'conv'
        ? [layer.inChannels, layer.outChannels, layer.kernelSize ** 2]
        : [layer.inFeatures, layer.outFeatures, 1];
    expect(inputs === channels, layer, `takes ${inputs} channels but gets ${channels}`);
    expect(layer.weights.length === kernel * inputs * outputs, layer, 'has weights of another size');
    const vectors =
      layer.kind === 'conv'
        ? [layer.gamma, layer.beta, layer.movingMean, layer.movingVariance]
        : [layer.bias];
    expect(
      vectors.every((vector) => vector.length === outputs),
      layer,
      'has vectors of another size',
    );
    expect(layer.kind === 'conv' || layer === last, layer, 'is dense but not the last layer');
    channels = outputs;
  }
  if (last?.kind !== 'dense' || last.outFeatures !== network.labels.length) {
    throw new ModelError(
      'MODEL_UNREADABLE',
      `The network ends with ${channels} outputs, but there are ${network.labels.length} labels.`,
    );
  }
  return network;
}

function expect(condition: boolean, layer: NetworkLayer, problem: string): void {
  if (!condition) throw new ModelError('MODEL_UNREADABLE', `The layer ${layer.name} ${problem}.`);
}

function at(values: Float32Array, index: number): number {
  return values[index] ?? 0;
}
