/** The figures that `GET /metrics` shows, in the text format of Prometheus. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly requestSeconds: Histogram<'method' | 'route' | 'status'>;
  /** `outcome` is `ok` or the code of the problem. */
  readonly predictions: Counter<'outcome' | 'version'>;
  readonly corrections: Counter<'outcome'>;
  readonly imports: Counter<'outcome'>;
  readonly swaps: Counter<'outcome'>;
  readonly modelInfo: Gauge<'version'>;
  readonly queuedImages: Gauge;
  readonly decodeSeconds: Histogram;
  readonly inferenceSeconds: Histogram;
  readonly batchSize: Histogram;
}

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A set of figures of its own, so that two applications in one process do not share counters. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'medloop_http_request_seconds',
      help: 'Time from the request to the end of the answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: latencyBuckets,
      registers,
    }),
    predictions: new Counter({
      name: 'medloop_predictions_total',
      help: 'Images that were answered, by outcome and model version.',
      labelNames: ['outcome', 'version'],
      registers,
    }),
    corrections: new Counter({
      name: 'medloop_corrections_total',
      help: 'Corrections that were sent: created, repeated, or the code of the problem.',
      labelNames: ['outcome'],
      registers,
    }),
    imports: new Counter({
      name: 'medloop_imports_total',
      help: 'Imports: done, or the code of the problem.',
      labelNames: ['outcome'],
      registers,
    }),
    swaps: new Counter({
      name: 'medloop_model_swaps_total',
      help: 'Model versions that were offered: swapped, or the code of the problem.',
      labelNames: ['outcome'],
      registers,
    }),
    modelInfo: new Gauge({
      name: 'medloop_model_info',
      help: 'Always 1; the label names the version that answers.',
      labelNames: ['version'],
      registers,
    }),
    queuedImages: new Gauge({
      name: 'medloop_images_waiting',
      help: 'Images that are being decoded or wait for the model.',
      registers,
    }),
    decodeSeconds: new Histogram({
      name: 'medloop_decode_seconds',
      help: 'Time to decode one image.',
      buckets: latencyBuckets,
      registers,
    }),
    inferenceSeconds: new Histogram({
      name: 'medloop_inference_seconds',
      help: 'Time of one call of the model.',
      buckets: latencyBuckets,
      registers,
    }),
    batchSize: new Histogram({
      name: 'medloop_inference_batch_images',
      help: 'Images in one call of the model.',
      buckets: [1, 2, 4, 8, 16, 32],
      registers,
    }),
  };
}
