/** The two uses the trainer has for NumPy's `.npy` format: rows of images in, a float matrix out. */
import { readSync } from 'node:fs';
import { ModelError } from '../errors.js';
import { IMAGE_SIDE } from '../types.js';

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/** What stands before the first row of an images file. */
export interface ImagesHeader {
  readonly rows: number;
  /** Offset of the first row in bytes. */
  readonly dataOffset: number;
}

/**
 * Reads the header of a `uint8` array of shape rows × 64 × 64 in C order (format versions 1 to 3).
 * @throws ModelError DATASET_INVALID naming `path` and what is wrong
 */
export function readImagesHeader(descriptor: number, path: string): ImagesHeader {
  const invalid = (problem: string): ModelError => new ModelError('DATASET_INVALID', `${path}: ${problem}.`);
  const start = Buffer.alloc(12);
  readSync(descriptor, start, 0, 12, 0);
  if (!start.subarray(0, 6).equals(MAGIC)) throw invalid('not a .npy file');
  const wide = start.readUInt8(6) >= 2;
  const textOffset = wide ? 12 : 10;
  const textLength = wide ? start.readUInt32LE(8) : start.readUInt16LE(8);
  if (textLength > 65_536) throw invalid('the .npy header is too long');
  const bytes = Buffer.alloc(textLength);
  if (readSync(descriptor, bytes, 0, textLength, textOffset) !== textLength) throw invalid('cut off');
  const text = bytes.toString('latin1');
  const shape = /'shape':\s*\((\d+),\s*(\d+),\s*(\d+),?\s*\)/.exec(text);
  if (!/'descr':\s*'\|u1'/.test(text) || !/'fortran_order':\s*False/.test(text) || shape === null) {
    throw invalid(`expected uint8 rows of images in C order, found ${text.trim()}`);
  }
  if (Number(shape[2]) !== IMAGE_SIDE || Number(shape[3]) !== IMAGE_SIDE) {
    throw invalid(
      `the images are ${shape[2] ?? ''} × ${shape[3] ?? ''} instead of ${IMAGE_SIDE} × ${IMAGE_SIDE}`,
    );
  }
  return { rows: Number(shape[1]), dataOffset: textOffset + textLength };
}

/** A `.npy` file (version 1.0) of `float32`, rows × columns. */
export function encodeFloatMatrix(values: Float32Array, columns: number): Uint8Array {
  const shape = `(${values.length / columns}, ${columns})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // The format asks for data that start at a multiple of 64 bytes.
  const total = Math.ceil((MAGIC.length + 4 + text.length + 1) / 64) * 64;
  const head = Buffer.alloc(total, ' ');
  MAGIC.copy(head);
  head.writeUInt8(1, 6);
  head.writeUInt8(0, 7);
  head.writeUInt16LE(total - 10, 8);
  head.write(text, 10, 'latin1');
  head.write('\n', total - 1, 'latin1');
  return Buffer.concat([head, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}
