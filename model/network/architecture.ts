/** The network's shape, and where each of its values stands in one flat vector. */
import { ModelError } from '../errors.js';
import type { Random } from '../training/random.js';
import { IMAGE_SIDE, type Labels } from '../types.js';
import { checkNetwork, type NetworkLayer, type TrainedNetwork } from './weights.js';

interface ConvShape {
  readonly name: string;
  readonly kernelSize: number;
  readonly stride: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Sides of the square maps that go in and come out. */
  readonly inSide: number;
  readonly outSide: number;
}

/** A stretch of the flat vector. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface ConvPlace extends ConvShape {
  readonly weights: Span;
  readonly gamma: Span;
  readonly beta: Span;
  /** In the vector of moving statistics. */
  readonly mean: Span;
  readonly variance: Span;
}

export interface DensePlace {
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weights: Span;
  readonly bias: Span;
}

/** Where everything stands: trained values in one vector, moving statistics in another. */
export interface Layout {
  readonly convs: readonly ConvPlace[];
  readonly dense: DensePlace;
  readonly parameters: number;
  readonly statistics: number;
}

/** The state of a network in training. */
export interface NetworkState {
  readonly parameters: Float32Array;
  /** Moving means and variances. */
  readonly statistics: Float32Array;
}

/** Added to the variance before its root is taken. */
export const NORM_EPSILON = 1e-3;

/** Output channels and kernel side of each convolution; all have stride 2, so the maps go 64, 32, 16, 8, 4. */
const CONVOLUTIONS = [
  { kernelSize: 5, outChannels: 16 },
  { kernelSize: 3, outChannels: 32 },
  { kernelSize: 3, outChannels: 64 },
  { kernelSize: 3, outChannels: 128 },
] as const;

/** The layout of Medloop's network for a number of classes. */
export function layoutFor(classes: number): Layout {
  const place = placer();
  const statistic = placer();
  let inSide = IMAGE_SIDE;
  let inChannels = 1;
  const convs = CONVOLUTIONS.map(({ kernelSize, outChannels }, index): ConvPlace => {
    const conv: ConvPlace = {
      name: `conv${index + 1}`,
      kernelSize,
      stride: 2,
      inChannels,
      outChannels,
      inSide,
      outSide: Math.ceil(inSide / 2),
      weights: place(kernelSize ** 2 * inChannels * outChannels),
      gamma: place(outChannels),
      beta: place(outChannels),
      mean: statistic(outChannels),
      variance: statistic(outChannels),
    };
    inSide = conv.outSide;
    inChannels = outChannels;
    return conv;
  });
  const dense: DensePlace = {
    name: 'classes',
    inFeatures: inChannels,
    outFeatures: classes,
    weights: place(inChannels * classes),
    bias: place(classes),
  };
  return { convs, dense, parameters: place(0).end, statistics: statistic(0).end };
}

/** Starting values: He et al. (2015) for the convolutions, a small normal for the last layer. */
export function initialState(layout: Layout, random: Random): NetworkState {
  const parameters = new Float32Array(layout.parameters);
  const statistics = new Float32Array(layout.statistics);
  for (const conv of layout.convs) {
    const deviation = Math.sqrt(2 / (conv.kernelSize ** 2 * conv.inChannels));
    fillNormal(parameters, conv.weights, deviation, random);
    parameters.fill(1, conv.gamma.start, conv.gamma.end);
    statistics.fill(1, conv.variance.start, conv.variance.end);
  }
  fillNormal(parameters, layout.dense.weights, Math.sqrt(1 / layout.dense.inFeatures), random);
  return { parameters, statistics };
}

/** The state as named layers. Copies, so that training may go on. */
export function toNetwork(layout: Layout, state: NetworkState, labels: Labels): TrainedNetwork {
  const value = ({ start, end }: Span): Float32Array => state.parameters.slice(start, end);
  const statistic = ({ start, end }: Span): Float32Array => state.statistics.slice(start, end);
  const convs = layout.convs.map((conv): NetworkLayer => ({
    kind: 'conv',
    name: conv.name,
    kernelSize: conv.kernelSize,
    stride: conv.stride,
    inChannels: conv.inChannels,
    outChannels: conv.outChannels,
    weights: value(conv.weights),
    gamma: value(conv.gamma),
    beta: value(conv.beta),
    movingMean: statistic(conv.mean),
    movingVariance: statistic(conv.variance),
    epsilon: NORM_EPSILON,
  }));
  const { name, inFeatures, outFeatures, weights, bias } = layout.dense;
  const dense: NetworkLayer = {
    kind: 'dense',
    name,
    inFeatures,
    outFeatures,
    weights: value(weights),
    bias: value(bias),
  };
  return checkNetwork({ labels, layers: [...convs, dense] });
}

/**
 * The other way round, for a warm start.
 * @throws ModelError MODEL_UNREADABLE where the network has another shape than this version of Medloop trains
 */
export function fromNetwork(layout: Layout, network: TrainedNetwork): NetworkState {
  checkNetwork(network);
  const parameters = new Float32Array(layout.parameters);
  const statistics = new Float32Array(layout.statistics);
  const places = [...layout.convs, layout.dense];
  if (network.layers.length !== places.length) throw otherShape('number of layers');
  places.forEach((place, index) => {
    const layer = network.layers[index];
    if (layer === undefined) throw otherShape('number of layers');
    const fill = (span: Span, values: Float32Array, target = parameters): void => {
      if (values.length !== span.end - span.start) throw otherShape(layer.name);
      target.set(values, span.start);
    };
    fill(place.weights, layer.weights);
    if ('bias' in place && layer.kind === 'dense') {
      fill(place.bias, layer.bias);
    } else if ('gamma' in place && layer.kind === 'conv') {
      if (layer.kernelSize !== place.kernelSize || layer.stride !== place.stride)
        throw otherShape(layer.name);
      if (layer.epsilon !== NORM_EPSILON) throw otherShape(layer.name);
      fill(place.gamma, layer.gamma);
      fill(place.beta, layer.beta);
      fill(place.mean, layer.movingMean, statistics);
      fill(place.variance, layer.movingVariance, statistics);
    } else {
      throw otherShape(layer.name);
    }
  });
  return { parameters, statistics };
}

function otherShape(what: string): ModelError {
  return new ModelError(
    'MODEL_UNREADABLE',
    `The model was trained with another network (${what}); train in full instead of warm.`,
  );
}

function placer(): (length: number) => Span {
  let next = 0;
  return (length) => {
    const start = next;
    next += length;
    return { start, end: next };
  };
}

function fillNormal(values: Float32Array, span: Span, deviation: number, random: Random): void {
  for (let index = span.start; index < span.end; index++) values[index] = random.normal() * deviation;
}
