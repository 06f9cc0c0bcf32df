/** A trained network as a TensorFlow.js layers model, written and read without TensorFlow. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../errors.js';
import {
  checkNetwork,
  type ConvLayer,
  type DenseLayer,
  type NetworkLayer,
  type TrainedNetwork,
} from '../network/weights.js';
import { IMAGE_SIDE } from '../types.js';
import { syncFolder, writeSynced } from './files.js';

const MODEL_FILE = 'model.json';
const WEIGHTS_FILE = 'weights.bin';

interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Writes `tfjs/model.json` and `tfjs/weights.bin` into `folder`: a sequential model of standard layers that
 * `tf.loadLayersModel` reads. Input N × 64 × 64 × 1 of 0 to 255, output probabilities. The labels stand in
 * `userDefinedMetadata`.
 */
export async function writeTfjsModel(folder: string, network: TrainedNetwork): Promise<void> {
  const target = join(folder, 'tfjs');
  await mkdir(target, { recursive: true });
  const arrays = network.layers.flatMap((layer) =>
    layer.kind === 'conv' ? convArrays(layer) : denseArrays(layer),
  );
  const model = {
    format: 'layers-model',
    generatedBy: 'medloop',
    convertedBy: null,
    userDefinedMetadata: { labels: network.labels },
    modelTopology: {
      class_name: 'Sequential',
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
      config: { name: 'medloop', layers: layerConfigs(network) },
    },
    weightsManifest: [
      {
        paths: [WEIGHTS_FILE],
        weights: arrays.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  };
  const bytes = arrays.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  await writeSynced(join(target, WEIGHTS_FILE), Buffer.concat(bytes));
  await writeSynced(join(target, MODEL_FILE), JSON.stringify(model));
  await syncFolder(target);
}

function layerConfigs(network: TrainedNetwork): readonly object[] {
  const configs: object[] = [
    {
      class_name: 'InputLayer',
      config: {
        batch_input_shape: [null, IMAGE_SIDE, IMAGE_SIDE, 1],
        dtype: 'float32',
        sparse: false,
        name: 'image',
      },
    },
    { class_name: 'Rescaling', config: { name: 'rescale', trainable: true, scale: 1 / 255, offset: 0 } },
  ];
  for (const layer of network.layers) {
    if (layer.kind === 'dense') {
      configs.push(
        { class_name: 'GlobalAveragePooling2D', config: { name: 'average', trainable: true } },
        {
          class_name: 'Dense',
          config: {
            name: layer.name,
            trainable: true,
            units: layer.outFeatures,
            activation: 'softmax',
            use_bias: true,
          },
        },
      );
    } else {
      configs.push(...convConfigs(layer));
    }
  }
  return configs;
}

function convConfigs(layer: ConvLayer): readonly object[] {
  return [
    {
      class_name: 'Conv2D',
      config: {
        name: layer.name,
        trainable: true,
        filters: layer.outChannels,
        kernel_size: [layer.kernelSize, layer.kernelSize],
        strides: [layer.stride, layer.stride],
        padding: 'same',
        data_format: 'channels_last',
        activation: 'linear',
        use_bias: false,
      },
    },
    {
      class_name: 'BatchNormalization',
      config: {
        name: `${layer.name}_norm`,
        trainable: true,
        axis: -1,
        epsilon: layer.epsilon,
        center: true,
        scale: true,
      },
    },
    { class_name: 'ReLU', config: { name: `${layer.name}_relu`, trainable: true } },
  ];
}

function convArrays(layer: ConvLayer): readonly NamedArray[] {
  const { name, kernelSize, inChannels, outChannels } = layer;
  const vector = (suffix: string, values: Float32Array): NamedArray => ({
    name: `${name}_norm/${suffix}`,
    shape: [outChannels],
    values,
  });
  return [
    {
      name: `${name}/kernel`,
      shape: [kernelSize, kernelSize, inChannels, outChannels],
      values: layer.weights,
    },
    vector('gamma', layer.gamma),
    vector('beta', layer.beta),
    vector('moving_mean', layer.movingMean),
    vector('moving_variance', layer.movingVariance),
  ];
}

function denseArrays({ name, inFeatures, outFeatures, weights, bias }: DenseLayer): readonly NamedArray[] {
  return [
    { name: `${name}/kernel`, shape: [inFeatures, outFeatures], values: weights },
    { name: `${name}/bias`, shape: [outFeatures], values: bias },
  ];
}

const modelSchema = z.object({
  userDefinedMetadata: z.object({ labels: z.array(z.string()) }),
  modelTopology: z.object({
    config: z.object({
      layers: z.array(
        z.object({
          class_name: z.string(),
          config: z.object({
            name: z.string(),
            strides: z.array(z.number()).optional(),
            epsilon: z.number().optional(),
          }),
        }),
      ),
    }),
  }),
  weightsManifest: z
    .array(
      z.object({
        weights: z.array(
          z.object({ name: z.string(), shape: z.array(z.number().int()), dtype: z.literal('float32') }),
        ),
      }),
    )
    .length(1),
});

/**
 * Reads what `writeTfjsModel` wrote.
 * @param folder the one that holds `tfjs/`
 * @throws ModelError MODEL_UNREADABLE
 */
export async function readTrainedNetwork(folder: string): Promise<TrainedNetwork> {
  try {
    const bytes = await readFile(join(folder, 'tfjs', WEIGHTS_FILE));
    const text = await readFile(join(folder, 'tfjs', MODEL_FILE), 'utf8');
    return checkNetwork(assemble(modelSchema.parse(JSON.parse(text)), bytes));
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ModelError('MODEL_UNREADABLE', `The model in ${folder} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

function assemble(model: z.output<typeof modelSchema>, bytes: Buffer): TrainedNetwork {
  const arrays = new Map<string, NamedArray>();
  let offset = 0;
  for (const { name, shape } of model.weightsManifest.flatMap((group) => group.weights)) {
    const length = shape.reduce((product, side) => product * side, 1);
    // Copied, because a file's bytes need not start where floats may.
    const copy = Uint8Array.from(bytes.subarray(offset, offset + length * 4));
    if (copy.length !== length * 4) throw new RangeError(`${WEIGHTS_FILE} is cut off.`);
    arrays.set(name, { name, shape, values: new Float32Array(copy.buffer) });
    offset += length * 4;
  }
  if (offset !== bytes.length) throw new RangeError(`${WEIGHTS_FILE} is longer than ${MODEL_FILE} says.`);
  const array = (name: string): NamedArray => {
    const found = arrays.get(name);
    if (!found) throw new RangeError(`${name} is missing.`);
    return found;
  };
  const configs = model.modelTopology.config.layers;
  const epsilons = new Map(configs.map(({ config }) => [config.name, config.epsilon]));
  const layers = configs.flatMap(({ class_name: kind, config: { name, strides } }): NetworkLayer[] => {
    if (kind === 'Conv2D') {
      const kernel = array(`${name}/kernel`);
      const [kernelSize = 0, , inChannels = 0, outChannels = 0] = kernel.shape;
      const norm = (suffix: string): Float32Array => array(`${name}_norm/${suffix}`).values;
      const layer: ConvLayer = {
        kind: 'conv',
        name,
        kernelSize,
        inChannels,
        outChannels,
        weights: kernel.values,
        stride: strides?.[0] ?? 1,
        gamma: norm('gamma'),
        beta: norm('beta'),
        movingMean: norm('moving_mean'),
        movingVariance: norm('moving_variance'),
        epsilon: epsilons.get(`${name}_norm`) ?? 0,
      };
      return [layer];
    }
    if (kind === 'Dense') {
      const kernel = array(`${name}/kernel`);
      const [inFeatures = 0, outFeatures = 0] = kernel.shape;
      const bias = array(`${name}/bias`).values;
      const layer: DenseLayer = {
        kind: 'dense',
        name,
        inFeatures,
        outFeatures,
        weights: kernel.values,
        bias,
      };
      return [layer];
    }
    return [];
  });
  return { labels: model.userDefinedMetadata.labels, layers };
}
