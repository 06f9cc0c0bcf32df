/**
 * The part of ONNX's message schema that is written and read here, with the field numbers of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
import protobuf from 'protobufjs';

export interface OnnxModelMessage {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly docString: string;
  readonly graph: OnnxGraph;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValue[];
  readonly output: readonly OnnxValue[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
}

export type OnnxAttribute = {
  readonly name: string;
} & (
  | { readonly type: typeof ATTRIBUTE_INT; readonly i: number }
  | { readonly type: typeof ATTRIBUTE_INTS; readonly ints: readonly number[] }
);

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: typeof ELEMENT_FLOAT;
  /** Little-endian. */
  readonly rawData: Uint8Array;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: typeof ELEMENT_FLOAT;
      readonly shape: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[];
      };
    };
  };
}

export const ELEMENT_FLOAT = 1;
export const ATTRIBUTE_INT = 2;
export const ATTRIBUTE_INTS = 7;

const one = (id: number, type: string): protobuf.IField => ({ id, type });
const many = (id: number, type: string): protobuf.IField => ({ id, type, rule: 'repeated' });
/** onnx.proto is proto2, where repeated numbers are not packed unless it says so. */
const manyLoose = (id: number, type: string): protobuf.IField => ({
  ...many(id, type),
  options: { packed: false },
});

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one(1, 'int64'),
        producerName: one(2, 'string'),
        producerVersion: one(3, 'string'),
        docString: one(6, 'string'),
        graph: one(7, 'GraphProto'),
        opsetImport: many(8, 'OperatorSetIdProto'),
        metadataProps: many(14, 'StringStringEntryProto'),
      },
    },
    OperatorSetIdProto: { fields: { domain: one(1, 'string'), version: one(2, 'int64') } },
    StringStringEntryProto: { fields: { key: one(1, 'string'), value: one(2, 'string') } },
    GraphProto: {
      fields: {
        node: many(1, 'NodeProto'),
        name: one(2, 'string'),
        initializer: many(5, 'TensorProto'),
        input: many(11, 'ValueInfoProto'),
        output: many(12, 'ValueInfoProto'),
      },
    },
    NodeProto: {
      fields: {
        input: many(1, 'string'),
        output: many(2, 'string'),
        name: one(3, 'string'),
        opType: one(4, 'string'),
        attribute: many(5, 'AttributeProto'),
      },
    },
    AttributeProto: {
      fields: {
        name: one(1, 'string'),
        i: one(3, 'int64'),
        ints: manyLoose(8, 'int64'),
        type: one(20, 'int32'),
      },
    },
    TensorProto: {
      fields: {
        dims: manyLoose(1, 'int64'),
        dataType: one(2, 'int32'),
        name: one(8, 'string'),
        rawData: one(9, 'bytes'),
      },
    },
    ValueInfoProto: { fields: { name: one(1, 'string'), type: one(2, 'TypeProto') } },
    TypeProto: { fields: { tensorType: one(1, 'TensorTypeProto') } },
    TensorTypeProto: { fields: { elemType: one(1, 'int32'), shape: one(2, 'TensorShapeProto') } },
    TensorShapeProto: { fields: { dim: many(1, 'DimensionProto') } },
    DimensionProto: { fields: { dimValue: one(1, 'int64'), dimParam: one(2, 'string') } },
  },
});

const modelType = root.lookupType('ModelProto');

export function encodeOnnx(model: OnnxModelMessage): Uint8Array {
  // The type checks here are the writer's safety net: protobufjs would silently drop a misspelt field.
  const problem = modelType.verify({ ...model });
  if (problem !== null) throw new TypeError(`Not an ONNX model: ${problem}`);
  return modelType.encode(modelType.create({ ...model })).finish();
}

/**
 * Reads a model file; fields that this schema does not name are passed over.
 * @throws Error when the bytes are no protocol buffer of this shape
 */
export function decodeOnnx(bytes: Uint8Array): Partial<OnnxModelMessage> {
  return modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true });
}
