/** The one preprocessing: bytes of a file to the pixels that training, evaluation and serving all use. */
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { ModelError } from './errors.js';
import { readImageHeader, type ImageHeader } from './image-header.js';
import { IMAGE_PIXELS, IMAGE_SIDE, type DecodedImage } from './types.js';

export { PREPROCESS_VERSION } from './preprocess-version.js';

// Files come from anyone: everything but the two decoders that are needed is out of reach, so that no other
// format's decoder can be attacked, whatever a file claims to be.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] });
sharp.cache(false);
// One thread for each image; images run side by side instead.
sharp.concurrency(1);

export interface PreprocessLimits {
  readonly maxBytes: number;
  /** Width times height of the stored image. */
  readonly maxPixels: number;
  /** Time for one decode; 20 s where not given. */
  readonly timeoutMs?: number;
  /** Decodes at a time; the number of cores where not given. */
  readonly concurrency?: number;
}

export interface Preprocessor {
  /** @throws ModelError with one of the `IMAGE_…` codes */
  readonly toModelInput: (bytes: Uint8Array) => Promise<DecodedImage>;
}

/**
 * Makes the decoder that every part of the system uses.
 *
 * The rules: upright by EXIF orientation; transparency on black, the background of radiographs and slices; CMYK and
 * colour profiles converted; colour to luma (BT.601 with Pillow's integers); 16-bit greyscale shifted to 8 bits from
 * its effective depth; a 64×64 image kept as it is, any other fitted into 64×64 with the rest black, so that
 * proportions are kept.
 */
export function createPreprocessor(limits: PreprocessLimits): Preprocessor {
  const slots = pLimit(limits.concurrency ?? availableParallelism());
  const timeoutMs = limits.timeoutMs ?? 20_000;
  return {
    async toModelInput(bytes) {
      if (bytes.length > limits.maxBytes) {
        throw new ModelError(
          'IMAGE_TOO_LARGE',
          `The file has ${bytes.length} bytes; at most ${limits.maxBytes} are accepted.`,
        );
      }
      const header = readImageHeader(bytes);
      if (header.width * header.height > limits.maxPixels) {
        throw new ModelError(
          'IMAGE_TOO_LARGE',
          `The image has ${header.width} × ${header.height} pixels; at most ${limits.maxPixels} pixels are accepted.`,
        );
      }
      return new Promise((resolve, reject) => {
        // libvips cannot be stopped inside a single small output, so a late decode keeps its place until it ends:
        // the caller is answered in time, and late ones cannot pile up.
        void slots(async () => {
          const timer = setTimeout(() => {
            reject(new ModelError('IMAGE_TIMEOUT', `Decoding the image took longer than ${timeoutMs} ms.`));
          }, timeoutMs);
          try {
            resolve(await decode(bytes, header, limits.maxPixels));
          } catch (cause) {
            const kind = header.format === 'jpeg' ? 'JPEG' : 'PNG';
            reject(new ModelError('IMAGE_UNREADABLE', `The ${kind} image is cut off or damaged.`, { cause }));
          } finally {
            clearTimeout(timer);
          }
        });
      });
    },
  };
}

async function decode(bytes: Uint8Array, header: ImageHeader, maxPixels: number): Promise<DecodedImage> {
  const grey = header.channels <= 2;
  const input = {
    failOn: 'error',
    limitInputPixels: maxPixels,
    // The values of a greyscale image are intensities: a viewer's tone curve does not belong to them.
    ignoreIcc: grey,
  } as const;
  const upright = header.mayBeRotated ? await uprightSize(bytes, input) : header;
  const size = { width: upright.width, height: upright.height };
  if (grey && header.depth === 16) return { ...size, pixels: await decodeDeepGrey(bytes, input) };
  const { data, info } = await fitted(sharp(bytes, input))
    .toColourspace(grey ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { ...size, pixels: info.channels === 1 ? plain(data) : luma(data, info.channels) };
}

function fitted(image: Sharp): Sharp {
  return image
    .autoOrient()
    .flatten({ background: '#000000' })
    .resize(IMAGE_SIDE, IMAGE_SIDE, { fit: 'contain', background: '#000000', kernel: 'lanczos3' });
}

async function uprightSize(
  bytes: Uint8Array,
  input: SharpOptions,
): Promise<{ width: number; height: number }> {
  const { autoOrient } = await sharp(bytes, input).metadata();
  return { width: autoOrient.width, height: autoOrient.height };
}

/** Depths of the detectors whose values are stored in 16 bits. */
const DETECTOR_DEPTHS = [8, 10, 12, 14];

/**
 * 16-bit greyscale. Detectors store 10 to 14 bits in 16, which a plain shift by 8 would make almost black. So the
 * shift starts from the smallest of the usual depths that holds the largest value; a full-range file is shifted by 8.
 */
async function decodeDeepGrey(bytes: Uint8Array, input: SharpOptions): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes, input)
    .autoOrient()
    .flatten({ background: '#000000' })
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  const depth = DETECTOR_DEPTHS.find((bits) => largest < 2 ** bits) ?? 16;
  const shifted = new Uint8Array(info.width * info.height);
  for (let i = 0; i < shifted.length; i += 1) {
    shifted[i] = (values[i * info.channels] ?? 0) >> (depth - 8);
  }
  const raw = { width: info.width, height: info.height, channels: 1 } as const;
  const small = await fitted(sharp(shifted, { raw, limitInputPixels: false }))
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  return plain(small);
}

/** Copies out of the decoder's memory, so that no larger buffer stays alive behind a small image. */
function plain(data: Uint8Array): Uint8Array {
  return new Uint8Array(data);
}

/** ITU-R BT.601 luma with the integer weights of Pillow's `convert('L')`; exact for R = G = B. */
function luma(data: Uint8Array, channels: number): Uint8Array {
  const pixels = new Uint8Array(IMAGE_PIXELS);
  for (let i = 0, at = 0; i < IMAGE_PIXELS; i += 1, at += channels) {
    const [red, green, blue] = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
    pixels[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return pixels;
}
