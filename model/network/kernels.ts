/** TensorFlow's native kernels that the network needs, as methods on tensors that live until their scope ends. */
import type { NativeBinding, OpAttribute } from './binding.js';

declare const tensor: unique symbol;
/** A tensor of the native library. */
export type Tensor = number & { readonly [tensor]: true };

/** What a batch normalisation in training mode leaves for its gradient. */
export interface NormReserve {
  readonly first: Tensor;
  readonly second: Tensor;
  readonly third: Tensor;
}

/** Every method makes new tensors; inside `scope` they are freed at its end. Shapes are N × height × width × C. */
export class Kernels {
  #made: number[] | null = null;

  constructor(private readonly binding: NativeBinding) {}

  /** Runs `work` and frees every tensor made meanwhile. */
  scope<T>(work: () => T): T {
    const outer = this.#made;
    const made: number[] = [];
    this.#made = made;
    try {
      return work();
    } finally {
      for (const id of made) this.binding.deleteTensor(id);
      this.#made = outer;
    }
  }

  /** Shares memory with `values`: they must not change while the tensor lives. */
  upload(shape: readonly number[], values: Float32Array | Int32Array | Uint8Array): Tensor {
    const { TF_FLOAT, TF_INT32, TF_UINT8 } = this.binding;
    const dtype =
      values instanceof Float32Array ? TF_FLOAT : values instanceof Int32Array ? TF_INT32 : TF_UINT8;
    return this.#keep(this.binding.createTensor(shape, dtype, values));
  }

  read(source: Tensor): Float32Array {
    const values = this.binding.tensorDataSync(source);
    if (!(values instanceof Float32Array)) throw new TypeError('Only float tensors are read back.');
    return values;
  }

  /** `uint8` to `float32`. */
  toFloat(source: Tensor): Tensor {
    const { TF_UINT8, TF_FLOAT } = this.binding;
    const attributes = [
      this.#type('SrcT', TF_UINT8),
      this.#type('DstT', TF_FLOAT),
      this.#bool('Truncate', false),
    ];
    return this.#run('Cast', attributes, [source]);
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    return this.#run('Mul', [this.#float()], [a, b]);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.#run('AddV2', [this.#float()], [a, b]);
  }

  clip(source: Tensor, low: number, high: number): Tensor {
    return this.#run('ClipByValue', [this.#float()], [source, this.#scalar(low), this.#scalar(high)]);
  }

  /**
   * Resamples each image along its own plane transformation (8 values an image: output to input coordinates, as
   * TensorFlow's `ImageProjectiveTransformV3` has them); outside it repeats the border.
   */
  warp(images: Tensor, transforms: Tensor, side: number): Tensor {
    const size = this.upload([2], Int32Array.of(side, side));
    const attributes = [
      this.#type('dtype', this.binding.TF_FLOAT),
      this.#text('interpolation', 'BILINEAR'),
      this.#text('fill_mode', 'NEAREST'),
    ];
    return this.#run('ImageProjectiveTransformV3', attributes, [images, transforms, size, this.#scalar(0)]);
  }

  conv(input: Tensor, filter: Tensor, stride: number): Tensor {
    return this.#run('Conv2D', this.#convAttributes(stride), [input, filter]);
  }

  convFilterGradient(
    input: Tensor,
    filterShape: readonly number[],
    gradient: Tensor,
    stride: number,
  ): Tensor {
    const shape = this.upload([4], Int32Array.from(filterShape));
    return this.#run('Conv2DBackpropFilter', this.#convAttributes(stride), [input, shape, gradient]);
  }

  convInputGradient(inputShape: readonly number[], filter: Tensor, gradient: Tensor, stride: number): Tensor {
    const shape = this.upload([4], Int32Array.from(inputShape));
    return this.#run('Conv2DBackpropInput', this.#convAttributes(stride), [shape, filter, gradient]);
  }

  /**
   * Batch normalisation with the statistics of the batch. `variance` is the unbiased estimate, which belongs into
   * moving averages; normalisation itself uses the biased one, as everywhere.
   */
  normTraining(
    input: Tensor,
    gamma: Tensor,
    beta: Tensor,
    epsilon: number,
  ): { output: Tensor; mean: Tensor; variance: Tensor; reserve: NormReserve } {
    const none = this.upload([0], new Float32Array(0));
    const [output, mean, variance, first, second, third] = this.#runMany(
      'FusedBatchNormV3',
      this.#normAttributes(epsilon, true),
      [input, gamma, beta, none, none],
      6,
    );
    return {
      output: present(output),
      mean: present(mean),
      variance: present(variance),
      reserve: { first: present(first), second: present(second), third: present(third) },
    };
  }

  /** Batch normalisation with given statistics. */
  normInference(
    input: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: number,
  ): Tensor {
    const inputs = [input, gamma, beta, mean, variance];
    return present(this.#runMany('FusedBatchNormV3', this.#normAttributes(epsilon, false), inputs, 6)[0]);
  }

  /** With `training` false, `reserve` holds the given statistics (mean, variance, and anything as third). */
  normGradient(
    gradient: Tensor,
    input: Tensor,
    gamma: Tensor,
    reserve: NormReserve,
    epsilon: number,
    training: boolean,
  ): { input: Tensor; gamma: Tensor; beta: Tensor } {
    const inputs = [gradient, input, gamma, reserve.first, reserve.second, reserve.third];
    const outputs = this.#runMany('FusedBatchNormGradV3', this.#normAttributes(epsilon, training), inputs, 5);
    return { input: present(outputs[0]), gamma: present(outputs[1]), beta: present(outputs[2]) };
  }

  relu(input: Tensor): Tensor {
    return this.#run('Relu', [this.#float()], [input]);
  }

  reluGradient(gradient: Tensor, output: Tensor): Tensor {
    return this.#run('ReluGrad', [this.#float()], [gradient, output]);
  }

  /** N × side × side × C to N × C. */
  globalAverage(input: Tensor): Tensor {
    const axes = this.upload([2], Int32Array.of(1, 2));
    const attributes = [
      this.#float(),
      this.#type('Tidx', this.binding.TF_INT32),
      this.#bool('keep_dims', false),
    ];
    return this.#run('Mean', attributes, [input, axes]);
  }

  /** N × C to N × side × side × C. */
  globalAverageGradient(gradient: Tensor, batch: number, side: number, channels: number): Tensor {
    const grid = this.reshape(gradient, [batch, 1, 1, channels]);
    const shape = this.upload([4], Int32Array.of(batch, side, side, channels));
    const attributes = [
      this.#float(),
      this.#ints('ksize', [1, side, side, 1]),
      this.#ints('strides', [1, side, side, 1]),
      this.#text('padding', 'VALID'),
      this.#text('data_format', 'NHWC'),
    ];
    return this.#run('AvgPoolGrad', attributes, [shape, grid]);
  }

  reshape(input: Tensor, shape: readonly number[]): Tensor {
    const attributes = [this.#float(), this.#type('Tshape', this.binding.TF_INT32)];
    return this.#run('Reshape', attributes, [input, this.upload([shape.length], Int32Array.from(shape))]);
  }

  matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
    const attributes = [
      this.#float(),
      this.#bool('transpose_a', transposeA),
      this.#bool('transpose_b', transposeB),
    ];
    return this.#run('MatMul', attributes, [a, b]);
  }

  sumRows(input: Tensor): Tensor {
    const attributes = [
      this.#float(),
      this.#type('Tidx', this.binding.TF_INT32),
      this.#bool('keep_dims', false),
    ];
    return this.#run('Sum', attributes, [input, this.upload([1], Int32Array.of(0))]);
  }

  softmax(logits: Tensor): Tensor {
    return this.#run('Softmax', [this.#float()], [logits]);
  }

  /** Cross-entropy of each row and its gradient with respect to the logits. */
  crossEntropy(logits: Tensor, targets: Tensor): { loss: Tensor; gradient: Tensor } {
    const outputs = this.#runMany('SoftmaxCrossEntropyWithLogits', [this.#float()], [logits, targets], 2);
    return { loss: present(outputs[0]), gradient: present(outputs[1]) };
  }

  #convAttributes(stride: number): OpAttribute[] {
    return [
      this.#float(),
      this.#ints('strides', [1, stride, stride, 1]),
      this.#text('padding', 'SAME'),
      this.#text('data_format', 'NHWC'),
      this.#ints('dilations', [1, 1, 1, 1]),
    ];
  }

  #normAttributes(epsilon: number, training: boolean): OpAttribute[] {
    return [
      this.#float(),
      this.#type('U', this.binding.TF_FLOAT),
      { name: 'epsilon', type: this.binding.TF_ATTR_FLOAT, value: epsilon },
      this.#text('data_format', 'NHWC'),
      this.#bool('is_training', training),
    ];
  }

  #scalar(value: number): Tensor {
    return this.upload([], Float32Array.of(value));
  }

  #float(): OpAttribute {
    return this.#type('T', this.binding.TF_FLOAT);
  }

  #type(name: string, value: number): OpAttribute {
    return { name, type: this.binding.TF_ATTR_TYPE, value };
  }

  #bool(name: string, value: boolean): OpAttribute {
    return { name, type: this.binding.TF_ATTR_BOOL, value };
  }

  #text(name: string, value: string): OpAttribute {
    return { name, type: this.binding.TF_ATTR_STRING, value };
  }

  #ints(name: string, value: readonly number[]): OpAttribute {
    return { name, type: this.binding.TF_ATTR_INT, value };
  }

  #run(name: string, attributes: readonly OpAttribute[], inputs: readonly Tensor[]): Tensor {
    return present(this.#runMany(name, attributes, inputs, 1)[0]);
  }

  #runMany(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly Tensor[],
    count: number,
  ): Tensor[] {
    return this.binding.executeOp(name, attributes, inputs, count).map((output) => this.#keep(output.id));
  }

  #keep(id: number): Tensor {
    this.#made?.push(id);
    return id as Tensor;
  }
}

function present(output: Tensor | undefined): Tensor {
  if (output === undefined) throw new Error('TensorFlow returned fewer outputs than asked for.');
  return output;
}
