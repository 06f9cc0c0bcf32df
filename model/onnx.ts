/** Writes a trained network as an ONNX file that computes exactly the same, and reads back what such a file says. */
import { checkLabels } from './labels.js';
import { ModelError } from './errors.js';
import { checkNetwork, foldBatchNorm } from './network/weights.js';
import type { ConvLayer, DenseLayer, TrainedNetwork } from './network/weights.js';
import {
  ATTRIBUTE_INT,
  ATTRIBUTE_INTS,
  ELEMENT_FLOAT,
  decodeOnnx,
  encodeOnnx,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './onnx-schema.js';
import { PREPROCESS_DESCRIPTION, PREPROCESS_VERSION } from './preprocess-version.js';
import { IMAGE_SIDE, type Labels } from './types.js';

/** Name of the graph's input: `float32`, N × 64 × 64 × 1, values 0 to 255. */
export const ONNX_INPUT = 'image';
/** Name of the graph's output: `float32`, N × classes, rows that add up to 1. */
export const ONNX_OUTPUT = 'probabilities';

// Old enough for every ONNX Runtime of the last years, new enough for all that the graph needs.
const OPSET = 13;
const IR_VERSION = 8;

/**
 * Writes the network with a symbolic batch size. Batch normalisation is folded into the convolutions and the division
 * by 255 is the first step of the graph, so a reader has to know nothing but the pixels.
 * @param metadata goes into the file's own properties beside `labels`, `preprocessing` and `preprocessVersion`
 * @throws ModelError `MODEL_UNREADABLE` when the network does not fit together
 */
export function exportOnnx(
  network: TrainedNetwork,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  checkNetwork(network);
  const graph = new GraphWriter();
  graph.initializer('full_scale', [], new Float32Array([255]));
  graph.node('Div', 'scale', [ONNX_INPUT, 'full_scale'], 'scaled');
  graph.node('Transpose', 'channels_first', ['scaled'], 'planes', [ints('perm', [0, 3, 1, 2])]);
  let last = 'planes';
  let side = IMAGE_SIDE;
  for (const layer of network.layers) {
    if (layer.kind === 'conv') {
      last = writeConv(graph, layer, last, side);
      side = Math.ceil(side / layer.stride);
    } else {
      last = writeHead(graph, layer, last);
    }
  }
  const properties = {
    ...metadata,
    labels: JSON.stringify(network.labels),
    preprocessing: PREPROCESS_DESCRIPTION,
    preprocessVersion: PREPROCESS_VERSION,
  };
  return encodeOnnx({
    irVersion: IR_VERSION,
    producerName: 'medloop',
    producerVersion: '1',
    docString: `Classifier of ${IMAGE_SIDE}x${IMAGE_SIDE} greyscale medical images.`,
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(properties).map(([key, value]) => ({ key, value })),
    graph: {
      name: 'classifier',
      node: graph.nodes,
      initializer: graph.initializers,
      input: [tensorValue(ONNX_INPUT, [IMAGE_SIDE, IMAGE_SIDE, 1])],
      output: [tensorValue(ONNX_OUTPUT, [network.labels.length])],
    },
  });
}

class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];

  node(
    opType: string,
    name: string,
    input: string[],
    output: string,
    attribute: OnnxAttribute[] = [],
  ): string {
    this.nodes.push({ opType, name, input, output: [output], attribute });
    return output;
  }

  initializer(name: string, dims: number[], values: Float32Array): string {
    const rawData = new Uint8Array(values.length * 4);
    const view = new DataView(rawData.buffer);
    values.forEach((value, index) => {
      view.setFloat32(index * 4, value, true);
    });
    this.initializers.push({ name, dims, dataType: ELEMENT_FLOAT, rawData });
    return name;
  }
}

function writeConv(graph: GraphWriter, layer: ConvLayer, input: string, side: number): string {
  const { name, kernelSize, stride, inChannels, outChannels } = layer;
  const folded = foldBatchNorm(layer);
  const weights = graph.initializer(
    `${name}_weights`,
    [outChannels, inChannels, kernelSize, kernelSize],
    kernelsFirst(folded.weights, kernelSize, inChannels, outChannels),
  );
  const bias = graph.initializer(`${name}_bias`, [outChannels], folded.bias);
  // TensorFlow's `SAME`, spelt out: an odd row or column goes to the bottom and the right.
  const padding = Math.max(0, (Math.ceil(side / stride) - 1) * stride + kernelSize - side);
  const before = Math.floor(padding / 2);
  const after = padding - before;
  const convolved = graph.node('Conv', name, [input, weights, bias], `${name}_out`, [
    ints('kernel_shape', [kernelSize, kernelSize]),
    ints('strides', [stride, stride]),
    ints('pads', [before, before, after, after]),
  ]);
  return graph.node('Relu', `${name}_relu`, [convolved], `${name}_active`);
}

/** Average over positions, dense layer, softmax. */
function writeHead(graph: GraphWriter, layer: DenseLayer, input: string): string {
  const pooled = graph.node('GlobalAveragePool', 'pool', [input], 'pooled');
  const features = graph.node('Flatten', 'flatten', [pooled], 'features', [int('axis', 1)]);
  const weights = graph.initializer(
    `${layer.name}_weights`,
    [layer.inFeatures, layer.outFeatures],
    layer.weights,
  );
  const bias = graph.initializer(`${layer.name}_bias`, [layer.outFeatures], layer.bias);
  const logits = graph.node('Gemm', layer.name, [features, weights, bias], 'logits');
  return graph.node('Softmax', 'softmax', [logits], ONNX_OUTPUT, [int('axis', 1)]);
}

/** Height × width × in × out to ONNX's out × in × height × width. */
function kernelsFirst(weights: Float32Array, size: number, inputs: number, outputs: number): Float32Array {
  const turned = new Float32Array(weights.length);
  const area = size * size;
  for (let position = 0; position < area; position += 1) {
    for (let input = 0; input < inputs; input += 1) {
      for (let output = 0; output < outputs; output += 1) {
        turned[(output * inputs + input) * area + position] =
          weights[(position * inputs + input) * outputs + output] ?? 0;
      }
    }
  }
  return turned;
}

function int(name: string, i: number): OnnxAttribute {
  return { name, type: ATTRIBUTE_INT, i };
}

function ints(name: string, values: readonly number[]): OnnxAttribute {
  return { name, type: ATTRIBUTE_INTS, ints: values };
}

function tensorValue(name: string, shape: readonly number[]): OnnxValue {
  const dim = [{ dimParam: 'batch' }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name, type: { tensorType: { elemType: ELEMENT_FLOAT, shape: { dim } } } };
}

/**
 * What an ONNX file says about itself.
 * @throws ModelError `MODEL_UNREADABLE` when the bytes are no ONNX model or name no classes
 */
export function readOnnxMetadata(bytes: Uint8Array): {
  labels: Labels;
  properties: Readonly<Record<string, string>>;
} {
  let properties: Record<string, string>;
  let listed: unknown;
  try {
    const entries = decodeOnnx(bytes).metadataProps ?? [];
    properties = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    listed = JSON.parse(properties.labels ?? 'null');
  } catch (cause) {
    throw new ModelError('MODEL_UNREADABLE', 'The model file is no ONNX model with a class list.', { cause });
  }
  const checked = checkLabels(listed);
  if ('problem' in checked) {
    throw new ModelError(
      'MODEL_UNREADABLE',
      `The class list of the model cannot be used: ${checked.problem}.`,
    );
  }
  return { labels: checked.labels, properties };
}
