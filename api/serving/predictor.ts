/** From uploaded bytes to an answer: decoding, micro-batches onto the model, and a limit on what may wait. */
import { createHash } from 'node:crypto';
import { IMAGE_PIXELS, type DecodedImage } from '../../model/types.js';
import type { ImageDecoder } from '../../storage/types.js';
import { ApiError } from '../errors.js';
import type { Metrics } from '../metrics.js';
import type { Prediction } from '../schema.js';
import type { Lease, ModelSlot, ServedModel } from './slot.js';
import { UNFAMILIAR_ABOVE, unfamiliarity } from './unfamiliar.js';

/** Name under which every answer says which model gave it. */
export interface PredictorOptions {
  readonly modelName: string;
  /** Images in one call of the model. */
  readonly maxBatch: number;
  /** Images that may be decoded or waiting at the same time; more are refused with `OVERLOADED`. */
  readonly maxWaiting: number;
}

export interface UploadedImage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Predictor {
  /**
   * Answers each image with the model that serves now, all with the same one. An image that cannot be read gives its
   * error in its place.
   * @throws ApiError `NO_MODEL`, `OVERLOADED`
   */
  predict(images: readonly UploadedImage[]): Promise<readonly (Prediction | Error)[]>;
}

interface Waiting {
  readonly pixels: Uint8Array;
  readonly resolve: (probabilities: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers images while the model is busy, so that a lone request never waits and many share a call.
 * @param onBatch told the size and the time of each call
 */
function createBatcher(
  model: ServedModel,
  maxBatch: number,
  onBatch: (images: number, seconds: number) => void,
): (pixels: Uint8Array) => Promise<Float32Array> {
  const classes = model.labels.length;
  // Calls of one model follow each other, so one buffer serves them all.
  const buffer = new Uint8Array(maxBatch * IMAGE_PIXELS);
  let waiting: Waiting[] = [];
  let running = false;

  function pixelsOf(batch: readonly Waiting[]): Uint8Array {
    const [first] = batch;
    if (batch.length === 1 && first) return first.pixels;
    for (const [index, item] of batch.entries()) buffer.set(item.pixels, index * IMAGE_PIXELS);
    return buffer.subarray(0, batch.length * IMAGE_PIXELS);
  }

  async function drain(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.length <= maxBatch ? waiting : waiting.slice(0, maxBatch);
      waiting = waiting.length <= maxBatch ? [] : waiting.slice(maxBatch);
      const started = performance.now();
      try {
        const answers = await model.predict(pixelsOf(batch), batch.length);
        for (const [index, item] of batch.entries()) {
          item.resolve(answers.subarray(index * classes, (index + 1) * classes));
        }
      } catch (error) {
        for (const item of batch) item.reject(error);
      }
      onBatch(batch.length, (performance.now() - started) / 1000);
    }
    running = false;
  }

  return (pixels) =>
    new Promise((resolve, reject) => {
      waiting.push({ pixels, resolve, reject });
      if (!running) void drain();
    });
}

function toAnswer(
  image: UploadedImage,
  decoded: DecodedImage,
  probabilities: Float32Array,
  model: ServedModel,
  modelName: string,
): Prediction {
  const byLabel: Record<string, number> = {};
  let best = 0;
  for (const [index, label] of model.labels.entries()) {
    const value = probabilities[index] ?? 0;
    byLabel[label] = Math.min(1, Math.max(0, value));
    if (value > (probabilities[best] ?? 0)) best = index;
  }
  const label = model.labels[best];
  if (label === undefined) throw new Error('the model has no labels');
  const strangeness = unfamiliarity(probabilities);
  return {
    image: {
      name: image.name,
      sha256: createHash('sha256').update(image.bytes).digest('hex'),
      width: decoded.width,
      height: decoded.height,
    },
    label,
    confidence: byLabel[label] ?? 0,
    probabilities: byLabel,
    unfamiliar: strangeness > UNFAMILIAR_ABOVE,
    unfamiliarity: strangeness,
    model: { name: modelName, version: model.version },
  };
}

/** @param decode the same preprocessing that training uses */
export function createPredictor(
  slot: ModelSlot,
  decode: ImageDecoder,
  metrics: Metrics,
  options: PredictorOptions,
): Predictor {
  const batchers = new WeakMap<ServedModel, ReturnType<typeof createBatcher>>();
  let inFlight = 0;

  function batcherOf(model: ServedModel): ReturnType<typeof createBatcher> {
    let batcher = batchers.get(model);
    if (!batcher) {
      batcher = createBatcher(model, options.maxBatch, (images, seconds) => {
        metrics.batchSize.observe(images);
        metrics.inferenceSeconds.observe(seconds);
      });
      batchers.set(model, batcher);
    }
    return batcher;
  }

  async function one(image: UploadedImage, lease: Lease): Promise<Prediction | Error> {
    let decoded: DecodedImage;
    const started = performance.now();
    try {
      decoded = await decode(image.bytes);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      metrics.decodeSeconds.observe((performance.now() - started) / 1000);
    }
    const probabilities = await batcherOf(lease.model)(decoded.pixels);
    return toAnswer(image, decoded, probabilities, lease.model, options.modelName);
  }

  return {
    async predict(images) {
      // A lone request larger than the limit is let in when nothing else waits: it could never be served otherwise.
      if (inFlight > 0 && inFlight + images.length > options.maxWaiting) {
        throw new ApiError('OVERLOADED', undefined, { retryAfterSeconds: 1 });
      }
      const lease = slot.acquire();
      if (!lease) throw new ApiError('NO_MODEL', undefined, { retryAfterSeconds: 5 });
      inFlight += images.length;
      metrics.queuedImages.set(inFlight);
      try {
        // Settled, not raced: the lease must outlive every image of the request.
        const settled = await Promise.allSettled(images.map((image) => one(image, lease)));
        const failed = settled.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
        return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      } finally {
        inFlight -= images.length;
        metrics.queuedImages.set(inFlight);
        lease.release();
      }
    },
  };
}
