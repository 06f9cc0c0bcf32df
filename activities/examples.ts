/** Reads the pixels of chosen examples from a data set on the local disk, and the answers that the trainer kept. */
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { readImagesHeader } from '../model/training/npy.js';
import { ModelError } from '../model/errors.js';
import { IMAGE_PIXELS } from '../model/types.js';
import type { DatasetFiles, Example } from '../model/types.js';

interface OpenPart {
  readonly handle: FileHandle;
  readonly dataOffset: number;
}

export interface ExampleReader {
  /**
   * Pixels of the examples, one after the other.
   * @throws ModelError `DATASET_INVALID` when a part is missing or cut off
   */
  read(examples: readonly Example[]): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens parts when they are first needed. */
export function createExampleReader(files: DatasetFiles): ExampleReader {
  const parts = new Map<number, Promise<OpenPart>>();

  async function openPart(index: number): Promise<OpenPart> {
    const path = files.parts[index]?.imagesPath;
    if (path === undefined) throw new ModelError('DATASET_INVALID', `The data set has no part ${index}.`);
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (cause) {
      throw new ModelError('DATASET_INVALID', `${path} cannot be opened.`, { cause });
    }
    try {
      return { handle, dataOffset: readImagesHeader(handle.fd, path).dataOffset };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  return {
    read: async (examples) => {
      const pixels = new Uint8Array(examples.length * IMAGE_PIXELS);
      for (const [position, example] of examples.entries()) {
        let part = parts.get(example.part);
        if (part === undefined) {
          part = openPart(example.part);
          parts.set(example.part, part);
        }
        const { handle, dataOffset } = await part;
        const from = dataOffset + example.row * IMAGE_PIXELS;
        const { bytesRead } = await handle.read(pixels, position * IMAGE_PIXELS, IMAGE_PIXELS, from);
        if (bytesRead !== IMAGE_PIXELS) {
          throw new ModelError('DATASET_INVALID', `Part ${example.part} has no row ${example.row}.`);
        }
      }
      return pixels;
    },
    close: async () => {
      const opened = await Promise.allSettled(parts.values());
      for (const part of opened) {
        if (part.status === 'fulfilled') await part.value.handle.close();
      }
    },
  };
}

/**
 * Values of a `.npy` file of little-endian `float32` in C order.
 * @throws ModelError `MODEL_UNREADABLE` when the file is absent or has another form
 */
export async function readFloatMatrix(path: string): Promise<Float32Array> {
  const invalid = (what: string, cause?: unknown): ModelError =>
    new ModelError('MODEL_UNREADABLE', `${path} ${what}.`, { cause });
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw invalid('cannot be read', error);
  }
  if (bytes.length < 12 || bytes.toString('latin1', 1, 6) !== 'NUMPY') throw invalid('is no .npy file');
  const wide = bytes.readUInt8(6) >= 2;
  const start = wide ? 12 + bytes.readUInt32LE(8) : 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  if (!/'descr':\s*'<f4'/.test(header) || !/'fortran_order':\s*False/.test(header)) {
    throw invalid('does not hold float32 in C order');
  }
  const shape = /'shape':\s*\((\d+),\s*(\d+),?\s*\)/.exec(header);
  const length = Number(shape?.[1]) * Number(shape?.[2]);
  if (!(bytes.length - start === length * 4)) throw invalid('is cut off');
  // Copied, because a Float32Array must start at a multiple of four bytes.
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}
