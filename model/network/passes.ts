/** Forward and backward pass of the network on the native kernels. */
import { NORM_EPSILON, type ConvPlace, type Layout, type NetworkState, type Span } from './architecture.js';
import type { Kernels, NormReserve, Tensor } from './kernels.js';

/** What one step of training learns from a batch. */
export interface BatchGradient {
  /** Mean cross-entropy over the batch. */
  readonly loss: number;
  /** Batch × classes. */
  readonly logits: Float32Array;
  /** Of the mean loss, in the order of the flat vector. */
  readonly gradient: Float32Array;
  /** Means and unbiased variances of the batch, in the order of the moving statistics; null where those were used. */
  readonly statistics: Float32Array | null;
}

interface ConvTrace {
  readonly place: ConvPlace;
  readonly input: Tensor;
  readonly filter: Tensor;
  readonly convolved: Tensor;
  readonly gamma: Tensor;
  readonly reserve: NormReserve;
  readonly output: Tensor;
}

/** The two passes for one layout. */
export class Passes {
  constructor(
    private readonly kernels: Kernels,
    private readonly layout: Layout,
  ) {}

  /**
   * Loss and gradient for one batch.
   * @param images batch × 64 × 64 × 1, pixels divided by 255
   * @param targets batch × classes, each row sums to 1
   * @param normalisation `batch` uses and returns the batch's own statistics; `moving` keeps those of the state
   */
  gradient(
    state: NetworkState,
    images: Tensor,
    targets: Float32Array,
    normalisation: 'batch' | 'moving',
  ): BatchGradient {
    const { layout, kernels } = this;
    return kernels.scope(() => {
      const batch = targets.length / layout.dense.outFeatures;
      const statistics = normalisation === 'batch' ? new Float32Array(layout.statistics) : null;
      const traces: ConvTrace[] = [];
      let output = images;
      for (const place of layout.convs) {
        const trace = this.#convForward(state, place, output, statistics);
        traces.push(trace);
        output = trace.output;
      }
      const features = kernels.globalAverage(output);
      const weights = this.#denseWeights(state);
      const logits = this.#denseForward(state, features, weights);
      const { loss, gradient } = kernels.crossEntropy(
        logits,
        kernels.upload([batch, layout.dense.outFeatures], targets),
      );
      const result = new Float32Array(layout.parameters);
      const scaled = kernels.multiply(gradient, kernels.upload([], Float32Array.of(1 / batch)));
      this.#backward(result, traces, features, weights, scaled, batch, normalisation === 'batch');
      return { loss: mean(kernels.read(loss)), logits: kernels.read(logits), gradient: result, statistics };
    });
  }

  /** Probabilities (batch × classes) with the moving statistics. */
  probabilities(state: NetworkState, images: Tensor): Float32Array {
    const { kernels } = this;
    return kernels.scope(() => {
      let output = images;
      for (const place of this.layout.convs) {
        const convolved = kernels.conv(output, this.#filter(state, place), place.stride);
        const { gamma, beta, mean: center, variance } = this.#normInputs(state, place);
        output = kernels.relu(kernels.normInference(convolved, gamma, beta, center, variance, NORM_EPSILON));
      }
      const features = kernels.globalAverage(output);
      return kernels.read(kernels.softmax(this.#denseForward(state, features, this.#denseWeights(state))));
    });
  }

  #convForward(
    state: NetworkState,
    place: ConvPlace,
    input: Tensor,
    statistics: Float32Array | null,
  ): ConvTrace {
    const { kernels } = this;
    const filter = this.#filter(state, place);
    const convolved = kernels.conv(input, filter, place.stride);
    const { gamma, beta, mean: center, variance } = this.#normInputs(state, place);
    if (statistics === null) {
      const output = kernels.normInference(convolved, gamma, beta, center, variance, NORM_EPSILON);
      const reserve = { first: center, second: variance, third: variance };
      return { place, input, filter, convolved, gamma, reserve, output: kernels.relu(output) };
    }
    const norm = kernels.normTraining(convolved, gamma, beta, NORM_EPSILON);
    statistics.set(kernels.read(norm.mean), place.mean.start);
    statistics.set(kernels.read(norm.variance), place.variance.start);
    const output = kernels.relu(norm.output);
    return { place, input, filter, convolved, gamma, reserve: norm.reserve, output };
  }

  #backward(
    result: Float32Array,
    traces: readonly ConvTrace[],
    features: Tensor,
    weights: Tensor,
    logitsGradient: Tensor,
    batch: number,
    batchStatistics: boolean,
  ): void {
    const { kernels, layout } = this;
    const put = (span: Span, values: Tensor): void => {
      result.set(kernels.read(values), span.start);
    };
    put(layout.dense.weights, kernels.matMul(features, logitsGradient, true));
    put(layout.dense.bias, kernels.sumRows(logitsGradient));
    const last = layout.convs.at(-1);
    let gradient = kernels.globalAverageGradient(
      kernels.matMul(logitsGradient, weights, false, true),
      batch,
      last?.outSide ?? 1,
      layout.dense.inFeatures,
    );
    for (const trace of [...traces].reverse()) {
      const { place, input, filter, convolved, gamma, reserve, output } = trace;
      const beforeRelu = kernels.reluGradient(gradient, output);
      const norm = kernels.normGradient(beforeRelu, convolved, gamma, reserve, NORM_EPSILON, batchStatistics);
      put(place.gamma, norm.gamma);
      put(place.beta, norm.beta);
      const { kernelSize, inChannels, outChannels, stride, inSide } = place;
      const filterShape = [kernelSize, kernelSize, inChannels, outChannels];
      put(place.weights, kernels.convFilterGradient(input, filterShape, norm.input, stride));
      // Nobody needs the gradient of the first layer's input: those are the user's pixels.
      if (place !== layout.convs[0]) {
        gradient = kernels.convInputGradient([batch, inSide, inSide, inChannels], filter, norm.input, stride);
      }
    }
  }

  #filter(state: NetworkState, place: ConvPlace): Tensor {
    const { kernelSize, inChannels, outChannels } = place;
    return this.#upload(state.parameters, place.weights, [kernelSize, kernelSize, inChannels, outChannels]);
  }

  #normInputs(
    state: NetworkState,
    place: ConvPlace,
  ): { gamma: Tensor; beta: Tensor; mean: Tensor; variance: Tensor } {
    const shape = [place.outChannels];
    return {
      gamma: this.#upload(state.parameters, place.gamma, shape),
      beta: this.#upload(state.parameters, place.beta, shape),
      mean: this.#upload(state.statistics, place.mean, shape),
      variance: this.#upload(state.statistics, place.variance, shape),
    };
  }

  #denseWeights(state: NetworkState): Tensor {
    const { weights, inFeatures, outFeatures } = this.layout.dense;
    return this.#upload(state.parameters, weights, [inFeatures, outFeatures]);
  }

  #denseForward(state: NetworkState, features: Tensor, weights: Tensor): Tensor {
    const { bias, outFeatures } = this.layout.dense;
    const { kernels } = this;
    return kernels.add(
      kernels.matMul(features, weights),
      this.#upload(state.parameters, bias, [outFeatures]),
    );
  }

  #upload(vector: Float32Array, span: Span, shape: readonly number[]): Tensor {
    return this.kernels.upload(shape, vector.subarray(span.start, span.end));
  }
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
