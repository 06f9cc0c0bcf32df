/** Reads the first bytes of a file: what it is, how large, how deep, whether it moves. No decoding. */
import { ModelError } from './errors.js';

export interface ImageHeader {
  readonly format: 'jpeg' | 'png';
  /** As stored, before any orientation is applied, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Bits of one channel. */
  readonly depth: number;
  /** Channels as stored; 4 in a JPEG means CMYK. A palette counts as 3. */
  readonly channels: number;
  /** True where an EXIF block may ask for a rotation. */
  readonly mayBeRotated: boolean;
}

const ACCEPTED = 'JPEG and PNG images are accepted';

/** Marks by which other kinds of file are named in the message of `IMAGE_UNSUPPORTED`. */
const OTHER_KINDS: readonly { readonly name: string; readonly at: number; readonly mark: string }[] = [
  { name: 'a GIF image', at: 0, mark: 'GIF8' },
  { name: 'a WebP image', at: 8, mark: 'WEBP' },
  { name: 'a TIFF image', at: 0, mark: 'II*\0' },
  { name: 'a TIFF image', at: 0, mark: 'MM\0*' },
  { name: 'a BMP image', at: 0, mark: 'BM' },
  { name: 'a PDF document', at: 0, mark: '%PDF' },
  { name: 'a DICOM file', at: 128, mark: 'DICM' },
  { name: 'an AVIF image', at: 4, mark: 'ftypavif' },
  { name: 'a HEIC image', at: 4, mark: 'ftyphei' },
  { name: 'a HEIC image', at: 4, mark: 'ftypmif1' },
  { name: 'a video', at: 4, mark: 'ftyp' },
  { name: 'a JPEG 2000 image', at: 0, mark: '\0\0\0\x0cjP  ' },
  { name: 'a JPEG 2000 image', at: 0, mark: '\xffO\xffQ' },
  { name: 'a JPEG XL image', at: 0, mark: '\0\0\0\x0cJXL ' },
  { name: 'a JPEG XL image', at: 0, mark: '\xff\x0a' },
  { name: 'a Photoshop file', at: 0, mark: '8BPS' },
  { name: 'an icon', at: 0, mark: '\0\0\x01\0' },
  { name: 'a gzip archive', at: 0, mark: '\x1f\x8b' },
  { name: 'a zip archive', at: 0, mark: 'PK\x03\x04' },
];

function holds(bytes: Uint8Array, at: number, mark: string): boolean {
  if (bytes.length < at + mark.length) return false;
  for (let i = 0; i < mark.length; i += 1) if (bytes[at + i] !== mark.charCodeAt(i)) return false;
  return true;
}

function kindOf(bytes: Uint8Array): string {
  const known = OTHER_KINDS.find(({ at, mark }) => holds(bytes, at, mark));
  if (known) return known.name;
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1').trimStart().toLowerCase();
  if (start.includes('<svg')) return 'an SVG drawing';
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) return 'a web page';
  return start.startsWith('<?xml') ? 'an XML document' : 'something else than an image';
}

function unreadable(kind: string): ModelError {
  return new ModelError('IMAGE_UNREADABLE', `The ${kind} image is cut off or damaged within its header.`);
}

/**
 * @throws ModelError `IMAGE_EMPTY`, `IMAGE_UNSUPPORTED`, `IMAGE_ANIMATED` or `IMAGE_UNREADABLE`
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  if (bytes.length === 0) throw new ModelError('IMAGE_EMPTY', 'The file is empty.');
  if (holds(bytes, 0, '\xff\xd8\xff')) return readJpegHeader(bytes);
  if (holds(bytes, 0, '\x89PNG\r\n\x1a\n')) return readPngHeader(bytes);
  throw new ModelError('IMAGE_UNSUPPORTED', `The file seems to be ${kindOf(bytes)}; ${ACCEPTED}.`);
}

/** ITU-T T.81, annex B: segments up to the first start of frame. */
function readJpegHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let mayBeRotated = false;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (view.getUint8(at) !== 0xff) throw unreadable('JPEG');
    const marker = view.getUint8(at + 1);
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      // Fill bytes and markers without a length.
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (length < 2 || at + 2 + length > bytes.length) throw unreadable('JPEG');
    if (marker === 0xe1 && holds(bytes, at + 4, 'Exif')) mayBeRotated = true;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      if (length < 8) throw unreadable('JPEG');
      const depth = view.getUint8(at + 4);
      if (marker > 0xc2 || depth !== 8) {
        const what =
          depth !== 8 ? `with ${depth} bits per channel` : 'with lossless, hierarchical or arithmetic coding';
        throw new ModelError(
          'IMAGE_UNSUPPORTED',
          `The file is a JPEG image ${what}; 8-bit baseline and progressive JPEG and PNG images are accepted.`,
        );
      }
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      if (width === 0 || height === 0) throw unreadable('JPEG');
      return { format: 'jpeg', width, height, depth, channels: view.getUint8(at + 9), mayBeRotated };
    }
    // Start of scan or end of image without a frame before it.
    if (marker === 0xda || marker === 0xd9) throw unreadable('JPEG');
    at += 2 + length;
  }
  throw unreadable('JPEG');
}

const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** PNG specification, third edition: chunks up to the first `IDAT`; `acTL` before it makes the file animated. */
function readPngHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || !holds(bytes, 12, 'IHDR')) throw unreadable('PNG');
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const colourType = view.getUint8(25);
  const channels = PNG_CHANNELS[colourType];
  if (width === 0 || height === 0 || channels === undefined) throw unreadable('PNG');
  const depth = colourType === 3 ? 8 : view.getUint8(24);
  let mayBeRotated = false;
  let at = 33;
  while (at + 8 <= bytes.length && !holds(bytes, at + 4, 'IDAT')) {
    if (holds(bytes, at + 4, 'acTL')) {
      throw new ModelError(
        'IMAGE_ANIMATED',
        'The PNG image is animated and holds more than one picture; a still image is needed.',
      );
    }
    if (holds(bytes, at + 4, 'eXIf')) mayBeRotated = true;
    at += 12 + view.getUint32(at);
  }
  return { format: 'png', width, height, depth, channels, mayBeRotated };
}
