/**
 * NumPy's `.npy` format, version 1.0, for arrays of `uint8` images: what is written here `numpy.load` reads.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 0x01, 0x00]);
/** The header ends at a multiple of this. */
const ALIGNMENT = 64;

/** Header of a C-ordered `uint8` array. */
export function npyHeader(shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `${shape[0] ?? 0},` : shape.join(', ');
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${tuple}), }`;
  const unpadded = MAGIC.length + 2 + dictionary.length + 1;
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  const text = Buffer.from(`${dictionary}${' '.repeat(padding)}\n`, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  return Buffer.concat([MAGIC, length, text]);
}

/**
 * Reads a header.
 * @param start the first bytes of the file; 256 are enough for any file written here
 * @returns the shape and the offset of the data in bytes; null when it is no C-ordered `uint8` array
 */
export function parseNpyHeader(start: Uint8Array): { shape: number[]; offset: number } | null {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.length < MAGIC.length + 2 || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const offset = MAGIC.length + 2 + bytes.readUInt16LE(MAGIC.length);
  if (bytes.length < offset) return null;
  const text = bytes.toString('latin1', MAGIC.length + 2, offset);
  const shape = /'shape': \(([0-9, ]*)\)/.exec(text)?.[1];
  if (shape === undefined || !text.includes("'descr': '|u1'") || !text.includes("'fortran_order': False")) {
    return null;
  }
  return {
    shape: shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number),
    offset,
  };
}
