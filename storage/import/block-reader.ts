/** Random access to a file in blocks: an archive of many thousand small files is read in few large pieces. */
import { open, type FileHandle } from 'node:fs/promises';
import yauzl from 'yauzl';

const BLOCK_BYTES = 1 << 18;
/** One for the archive's directory and one for its content, and one more each for what lies across two. */
const BLOCKS_KEPT = 4;

export class BlockReader extends yauzl.RandomAccessReader {
  readonly #file: FileHandle;
  readonly sizeBytes: number;
  /** By number, least recently used first. */
  readonly #blocks = new Map<number, Buffer>();

  private constructor(file: FileHandle, sizeBytes: number) {
    super();
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  static async open(path: string): Promise<BlockReader> {
    const file = await open(path, 'r');
    try {
      return new BlockReader(file, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @throws Error when the file ends before */
  async bytes(position: number, length: number): Promise<Buffer> {
    if (position < 0 || position + length > this.sizeBytes) throw new Error('the archive ends too early');
    const into = Buffer.allocUnsafe(length);
    for (let at = 0; at < length;) {
      const number = Math.floor((position + at) / BLOCK_BYTES);
      const block = this.#blocks.get(number) ?? (await this.#load(number));
      const start = position + at - number * BLOCK_BYTES;
      const copied = block.copy(into, at, start, Math.min(block.length, start + length - at));
      if (copied === 0) throw new Error('the archive ends too early');
      at += copied;
    }
    return into;
  }

  async #load(number: number): Promise<Buffer> {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    const { bytesRead } = await this.#file.read(block, 0, BLOCK_BYTES, number * BLOCK_BYTES);
    const loaded = block.subarray(0, bytesRead);
    this.#blocks.set(number, loaded);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > BLOCKS_KEPT && oldest !== undefined) this.#blocks.delete(oldest);
    return loaded;
  }

  /** For the library. */
  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.bytes(position, length).then(
      (bytes) => {
        bytes.copy(buffer, offset);
        callback(null);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  /** For the library. */
  override close(callback: (error: Error | null) => void): void {
    this.#file.close().then(
      () => {
        callback(null);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }
}
