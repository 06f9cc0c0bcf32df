/** Answers from an ONNX file in memory. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelError } from './errors.js';
import { assertSameLabels } from './labels.js';
import { ONNX_INPUT, ONNX_OUTPUT, readOnnxMetadata } from './onnx.js';
import { IMAGE_PIXELS, IMAGE_SIDE, type GoldenExamples, type Labels } from './types.js';

export interface OnnxModel {
  /** In the order of the outputs, from the file itself. */
  readonly labels: Labels;
  /** The file's own properties, such as `preprocessVersion`. */
  readonly properties: Readonly<Record<string, string>>;
  /**
   * @param pixels `count` images of `IMAGE_PIXELS` bytes, one after the other
   * @returns `count` × classes probabilities, row by row
   */
  predict(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /** Frees the native memory once the running predictions have ended. */
  close(): Promise<void>;
}

export interface OnnxOptions {
  /** Threads for one prediction: 1 for serving, where requests run side by side. */
  readonly threads: number;
}

/** Images in one pass: bounds the memory, and larger batches are no faster. */
const BATCH = 128;

/**
 * Loads a model and lets it answer once, so that a file that loads but cannot run is found here.
 * @throws ModelError `MODEL_UNREADABLE`
 */
export async function loadOnnxModel(bytes: Uint8Array, options: OnnxOptions): Promise<OnnxModel> {
  const { labels, properties } = readOnnxMetadata(bytes);
  const session = await openSession(bytes, options);
  const running = new Set<Promise<Float32Array>>();
  let closing: Promise<void> | null = null;

  async function run(pixels: Uint8Array, count: number): Promise<Float32Array> {
    const answers = new Float32Array(count * labels.length);
    for (let first = 0; first < count; first += BATCH) {
      const size = Math.min(BATCH, count - first);
      const batch = Float32Array.from(pixels.subarray(first * IMAGE_PIXELS, (first + size) * IMAGE_PIXELS));
      const input = new Tensor('float32', batch, [size, IMAGE_SIDE, IMAGE_SIDE, 1]);
      const output = (await session.run({ [ONNX_INPUT]: input }))[ONNX_OUTPUT];
      if (!(output?.data instanceof Float32Array) || output.data.length !== size * labels.length) {
        throw new ModelError('MODEL_UNREADABLE', `The model does not give one probability for each class.`);
      }
      answers.set(output.data, first * labels.length);
    }
    return answers;
  }

  const model: OnnxModel = {
    labels,
    properties,
    async predict(pixels, count) {
      if (closing) throw new ModelError('MODEL_UNREADABLE', 'The model has been closed.');
      if (!Number.isInteger(count) || count < 0 || pixels.length !== count * IMAGE_PIXELS) {
        throw new RangeError(`${count} images need ${count * IMAGE_PIXELS} bytes, not ${pixels.length}.`);
      }
      const answer = run(pixels, count);
      running.add(answer);
      try {
        return await answer;
      } finally {
        running.delete(answer);
      }
    },
    close() {
      closing ??= Promise.allSettled(running).then(() => session.release());
      return closing;
    },
  };
  try {
    await model.predict(new Uint8Array(IMAGE_PIXELS), 1);
  } catch (cause) {
    await model.close();
    throw cause instanceof ModelError
      ? cause
      : new ModelError('MODEL_UNREADABLE', 'The model file loads but cannot answer.', { cause });
  }
  return model;
}

async function openSession(bytes: Uint8Array, options: OnnxOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // Errors only: a library does not write on our output.
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new ModelError('MODEL_UNREADABLE', 'The ONNX runtime cannot load the model file.', { cause });
  }
}

/**
 * Recomputes a model's own golden examples.
 * @param tolerance largest difference in any probability, 0 to 1
 * @returns the largest difference found
 * @throws ModelError `MODEL_LABELS_DIFFER` or `MODEL_CHECK_FAILED`
 */
export async function checkGoldenExamples(
  model: OnnxModel,
  golden: GoldenExamples,
  tolerance = 1e-4,
): Promise<number> {
  assertSameLabels(model.labels, golden.labels);
  const count = golden.examples.length;
  if (count === 0) throw new ModelError('MODEL_CHECK_FAILED', 'The model brings no golden examples.');
  const pixels = new Uint8Array(count * IMAGE_PIXELS);
  golden.examples.forEach((example, index) => {
    const image = Buffer.from(example.pixels, 'base64');
    if (image.length !== IMAGE_PIXELS || example.probabilities.length !== model.labels.length) {
      throw new ModelError('MODEL_CHECK_FAILED', `Golden example ${index} is not complete.`);
    }
    pixels.set(image, index * IMAGE_PIXELS);
  });
  const answers = await model.predict(pixels, count);
  let largest = 0;
  golden.examples.forEach((example, index) => {
    example.probabilities.forEach((expected, column) => {
      const difference = Math.abs((answers[index * model.labels.length + column] ?? NaN) - expected);
      // Not `>`, so that a NaN on either side fails too.
      if (!(difference <= tolerance)) {
        throw new ModelError(
          'MODEL_CHECK_FAILED',
          `On golden example ${index} the model's answer for ${String(model.labels[column])} differs by ` +
            `${difference.toPrecision(2)} from the stored one; at most ${tolerance} is allowed.`,
        );
      }
      largest = Math.max(largest, difference);
    });
  });
  return largest;
}
