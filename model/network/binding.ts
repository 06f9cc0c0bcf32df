/** Loads TensorFlow's native library through tfjs-node. The trainer only: serving answers from ONNX. */
import { ModelError } from '../errors.js';

/** One attribute of a TensorFlow operation. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[];
}

/**
 * What tfjs-node's native module offers to its own backend: eager TensorFlow operations by name on tensors that are
 * named by a number. Used directly because the layer above it costs a fifth of a training step.
 */
export interface NativeBinding {
  createTensor(
    shape: readonly number[],
    dtype: number,
    values: Float32Array | Int32Array | Uint8Array,
  ): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): { readonly id: number; readonly shape: readonly number[]; readonly dtype: number }[];
  getNumOfTensors(): number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_Version: string;
}

/**
 * Loads the native library into this process (about a second). tfjs-node does not work in worker threads.
 * @throws ModelError TENSORFLOW_MISSING saying how to get it
 */
export async function loadBinding(): Promise<NativeBinding> {
  try {
    const tf = await import('@tensorflow/tfjs-node');
    const backend: unknown = tf.backend();
    if (!isNativeBackend(backend)) throw new Error('tfjs-node did not register its native backend.');
    return backend.binding;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ModelError(
      'TENSORFLOW_MISSING',
      `The native TensorFlow library cannot be loaded (${reason.trim()}). \`npm start\` and \`npm test\` fetch it and ` +
        'link it under node_modules/@tensorflow/tfjs-node; run one of them and read what it says.',
      { cause: error },
    );
  }
}

function isNativeBackend(backend: unknown): backend is { readonly binding: NativeBinding } {
  return typeof backend === 'object' && backend !== null && 'binding' in backend;
}
