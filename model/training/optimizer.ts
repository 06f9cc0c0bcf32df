/** AdamW on one flat vector, and the one-cycle learning rate. */
import type { Layout, Span } from '../network/architecture.js';
import { ADAM, ONE_CYCLE } from './settings.js';

/** First and second moments of the gradient, in the order of the flat vector. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export function newMoments(layout: Layout): Moments {
  return { first: new Float32Array(layout.parameters), second: new Float32Array(layout.parameters) };
}

/** The weights that decay: not the biases and not the scales of batch normalisation. */
export function decayingSpans(layout: Layout): readonly Span[] {
  return [...layout.convs, layout.dense].map((place) => place.weights);
}

/**
 * One step of AdamW (Loshchilov and Hutter 2019), in place.
 * @param step 1 for the first
 */
export function adamStep(
  parameters: Float32Array,
  gradient: Float32Array,
  moments: Moments,
  decaying: readonly Span[],
  learningRate: number,
  step: number,
): void {
  const { beta1, beta2, epsilon, decay } = ADAM;
  for (const { start, end } of decaying) {
    const keep = 1 - learningRate * decay;
    for (let index = start; index < end; index++) parameters[index] = (parameters[index] ?? 0) * keep;
  }
  const { first, second } = moments;
  const rate = learningRate / (1 - beta1 ** step);
  const rootCorrection = 1 / Math.sqrt(1 - beta2 ** step);
  for (let index = 0; index < parameters.length; index++) {
    const slope = gradient[index] ?? 0;
    const mean = beta1 * (first[index] ?? 0) + (1 - beta1) * slope;
    const square = beta2 * (second[index] ?? 0) + (1 - beta2) * slope * slope;
    first[index] = mean;
    second[index] = square;
    parameters[index] =
      (parameters[index] ?? 0) - (rate * mean) / (Math.sqrt(square) * rootCorrection + epsilon);
  }
}

/**
 * The learning rate of a step.
 * @param step 0 for the first
 */
export function oneCycleRate(peak: number, step: number, totalSteps: number): number {
  const { riseShare, startDivisor, endDivisor } = ONE_CYCLE;
  const rise = Math.max(1, Math.floor(totalSteps * riseShare));
  if (step < rise) return cosine(peak / startDivisor, peak, step / rise);
  return cosine(peak, peak / endDivisor, (step - rise) / Math.max(1, totalSteps - 1 - rise));
}

function cosine(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, share)))) / 2;
}
