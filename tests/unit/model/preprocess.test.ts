/** The preprocessing: fixed pixels for fixed files, fair treatment of odd ones, a code for each that is refused. */
import { expect } from 'chai';
import sharp, { type Sharp } from 'sharp';
import { ModelError, type ModelErrorCode } from '../../../model/errors.js';
import { sha256Of } from '../../../model/labels.js';
import { createPreprocessor, PREPROCESS_VERSION } from '../../../model/preprocess.js';
import { IMAGE_PIXELS } from '../../../model/types.js';

const LIMITS = { maxBytes: 2_000_000, maxPixels: 4_000_000 };
const { toModelInput } = createPreprocessor(LIMITS);

/** A picture from a formula; `value` gets the place from 0 to 1 and the channel. */
function picture(
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4,
  value: (x: number, y: number, channel: number) => number,
): Sharp {
  const raw = new Uint8Array(width * height * channels);
  for (let i = 0; i < raw.length; i += 1) {
    const at = Math.floor(i / channels);
    raw[i] = value((at % width) / width, Math.floor(at / width) / height, i % channels);
  }
  const image = sharp(raw, { raw: { width, height, channels } });
  return channels <= 2 ? image.toColourspace('b-w') : image;
}

const grey = (width = 64, height = 64): Sharp => picture(width, height, 1, (x, y) => x * 200 + y * 55);
const colour = (width = 64, height = 64): Sharp =>
  picture(width, height, 3, (x, y, channel) => [x * 255, y * 255, 128][channel]!);
/** Bright in the upper left quarter only, so that every turn shows. */
const quarter = (width: number, height: number): Sharp =>
  picture(width, height, 1, (x, y) => (x < 0.5 && y < 0.5 ? 240 : 40));

/** 16-bit greyscale, a ramp from left to right up to `largest`. */
async function deep(largest: number, width = 64): Promise<Buffer> {
  const raw = Uint16Array.from({ length: width * width }, (_, i) =>
    Math.round(((i % width) / (width - 1)) * largest),
  );
  return sharp(raw, { raw: { width, height: width, channels: 1, depth: 'ushort' } as never })
    .toColourspace('grey16')
    .png()
    .toBuffer();
}

function mean(pixels: Uint8Array, left = 0, top = 0, width = 64, height = 64): number {
  let sum = 0;
  for (let y = top; y < top + height; y += 1) {
    for (let x = left; x < left + width; x += 1) sum += pixels[y * 64 + x]!;
  }
  return sum / (width * height);
}

async function expectCode(bytes: Uint8Array, code: ModelErrorCode, ...words: string[]): Promise<void> {
  try {
    await toModelInput(bytes);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    expect(error.code).to.equal(code);
    for (const word of words) expect(error.message).to.include(word);
    return;
  }
  throw new Error(`It was accepted instead of refused with ${code}.`);
}

describe('The preprocessing', () => {
  it('passes a 64×64 greyscale image through, bit for bit', async () => {
    const raw = await grey().raw().toBuffer();
    const decoded = await toModelInput(await grey().png().toBuffer());
    expect(decoded).to.include({ width: 64, height: 64 });
    expect(Buffer.compare(raw, decoded.pixels)).to.equal(0);
  });

  it('gives fixed files fixed pixels: a change here asks for a new version of the preprocessing', async () => {
    const files: Record<string, Buffer> = {
      'grey PNG': await grey().png().toBuffer(),
      'grey PNG of 1 bit': await grey().png({ palette: true, colours: 2 }).toBuffer(),
      'colour PNG': await colour().png().toBuffer(),
      'colour PNG with a palette': await colour().png({ palette: true, colours: 32, dither: 0 }).toBuffer(),
      'large colour PNG': await colour(320, 200).png().toBuffer(),
      'tall grey PNG': await grey(90, 250).png().toBuffer(),
      'tiny PNG': await colour(3, 2).png().toBuffer(),
      'transparent PNG': await picture(64, 64, 4, (x, _, c) => (c === 3 ? x * 255 : 200))
        .png()
        .toBuffer(),
      '16-bit PNG': await deep(65535),
      'grey JPEG': await grey().jpeg({ quality: 90 }).toBuffer(),
      'colour JPEG': await colour().jpeg({ quality: 80 }).toBuffer(),
      'progressive JPEG': await colour(300, 300).jpeg({ progressive: true }).toBuffer(),
      'turned JPEG': await quarter(120, 80).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
      'CMYK JPEG': await colour(100, 100).toColourspace('cmyk').jpeg().toBuffer(),
    };
    const expected = process.arch === 'x64' ? { ...GOLDEN_DIGESTS, ...GOLDEN_DIGESTS_X64 } : GOLDEN_DIGESTS;
    const digests: Record<string, string> = {};
    for (const name of Object.keys(expected)) {
      digests[name] = sha256Of((await toModelInput(files[name]!)).pixels).slice(0, 16);
    }
    expect(digests).to.deep.equal(expected);
    expect(PREPROCESS_VERSION).to.equal('1');
  });

  it('turns colour to luma with the weights of BT.601', async () => {
    for (const [red, green, blue, expected] of [
      [255, 0, 0, 76],
      [0, 255, 0, 150],
      [0, 0, 255, 29],
      [255, 255, 255, 255],
      [123, 123, 123, 123],
    ] as const) {
      const { pixels } = await toModelInput(
        await picture(64, 64, 3, (_x, _y, channel) => [red, green, blue][channel]!)
          .png()
          .toBuffer(),
      );
      expect([Math.min(...pixels), Math.max(...pixels)]).to.deep.equal([expected, expected]);
    }
  });

  it('keeps proportions: the rest is black and the size is that of the original', async () => {
    const wide = await toModelInput(
      await picture(200, 100, 1, () => 200)
        .png()
        .toBuffer(),
    );
    expect(wide).to.include({ width: 200, height: 100 });
    expect([mean(wide.pixels, 0, 0, 64, 16), mean(wide.pixels, 0, 48, 64, 16)]).to.deep.equal([0, 0]);
    expect(mean(wide.pixels, 0, 16, 64, 32)).to.equal(200);
    const tall = await toModelInput(
      await picture(100, 400, 1, () => 200)
        .png()
        .toBuffer(),
    );
    expect([mean(tall.pixels, 0, 0, 24, 64), mean(tall.pixels, 40, 0, 24, 64)]).to.deep.equal([0, 0]);
    expect(mean(tall.pixels, 24, 0, 16, 64)).to.equal(200);
  });

  it('takes images of any shape, down to one pixel and one line', async () => {
    for (const [width, height] of [
      [1, 1],
      [5000, 1],
      [1, 5000],
      [63, 65],
    ] as const) {
      const decoded = await toModelInput(await grey(width, height).png().toBuffer());
      expect(decoded).to.include({ width, height });
      expect(decoded.pixels).to.have.length(IMAGE_PIXELS);
    }
  });

  it('sets an image upright by its EXIF orientation, and gives the upright size', async () => {
    for (const [orientation, width, height, bright] of [
      [1, 120, 80, 'upper left'],
      [2, 120, 80, 'upper right'],
      [3, 120, 80, 'lower right'],
      [6, 80, 120, 'upper right'],
      [8, 80, 120, 'lower left'],
    ] as const) {
      const bytes = await quarter(120, 80).withMetadata({ orientation }).jpeg().toBuffer();
      const { pixels, ...size } = await toModelInput(bytes);
      expect(size, `orientation ${orientation}`).to.deep.equal({ width, height });
      const corners = {
        'upper left': mean(pixels, 20, 20, 8, 8),
        'upper right': mean(pixels, 36, 20, 8, 8),
        'lower left': mean(pixels, 20, 36, 8, 8),
        'lower right': mean(pixels, 36, 36, 8, 8),
      };
      const [brightest] = Object.entries(corners).sort(([, one], [, other]) => other - one)[0]!;
      expect(brightest, `orientation ${orientation}`).to.equal(bright);
    }
  });

  it('turns a 64×64 image too', async () => {
    const bytes = await quarter(64, 64).withMetadata({ orientation: 3 }).jpeg().toBuffer();
    const { pixels } = await toModelInput(bytes);
    expect(mean(pixels, 36, 36, 24, 24)).to.be.above(mean(pixels, 4, 4, 24, 24) + 100);
  });

  it('lays transparency on black', async () => {
    const half = (channels: 2 | 4): Sharp =>
      picture(64, 64, channels, (x, _, channel) => (channel === channels - 1 ? (x < 0.5 ? 0 : 255) : 200));
    for (const channels of [2, 4] as const) {
      const { pixels } = await toModelInput(await half(channels).png().toBuffer());
      expect(mean(pixels, 0, 0, 32, 64)).to.equal(0);
      expect(mean(pixels, 32, 0, 32, 64)).to.equal(200);
    }
  });

  it('converts CMYK close to what the same picture gives in RGB', async () => {
    const ours = await toModelInput(await colour(100, 100).toColourspace('cmyk').jpeg().toBuffer());
    const plain = await toModelInput(await colour(100, 100).jpeg().toBuffer());
    expect(mean(ours.pixels)).to.be.closeTo(mean(plain.pixels), 20);
  });

  it('scales 16 bits to 8, also where only 10, 12 or 14 of them are used', async () => {
    for (const largest of [65535, 16383, 4095, 1023, 255]) {
      const { pixels } = await toModelInput(await deep(largest));
      expect([pixels[0], pixels[63]], `up to ${largest}`).to.deep.equal([0, 255]);
      expect(mean(pixels)).to.be.closeTo(127.5, 1);
    }
    const dim = await toModelInput(await deep(20_000));
    expect(dim.pixels[63], 'dim, but of full depth').to.equal(20_000 >> 8);
    expect(await toModelInput(await deep(4095, 200))).to.include({ width: 200, height: 200 });
  });

  it('takes a JPEG with bytes of another kind behind its end, and leaves them aside', async () => {
    const clean = await grey().jpeg().toBuffer();
    const tailed = Buffer.concat([clean, Buffer.from('PK\x03\x04<script>')]);
    expect((await toModelInput(tailed)).pixels).to.deep.equal((await toModelInput(clean)).pixels);
  });

  it('decodes many at once as it decodes each alone', async () => {
    const files = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        grey(64 + i * 9, 100)
          .png()
          .toBuffer(),
      ),
    );
    const together = await Promise.all(files.map(toModelInput));
    for (const [index, file] of files.entries()) {
      expect((await toModelInput(file)).pixels).to.deep.equal(together[index]!.pixels);
    }
  });
});

describe('The preprocessing refuses', () => {
  it('an empty file', () => expectCode(new Uint8Array(0), 'IMAGE_EMPTY'));

  it('too many bytes, before it looks at them', () =>
    expectCode(new Uint8Array(LIMITS.maxBytes + 1), 'IMAGE_TOO_LARGE', '2000001', '2000000'));

  it('too many pixels, from the header alone', async () => {
    const bomb = Buffer.from(await grey().png().toBuffer());
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await expectCode(bomb, 'IMAGE_TOO_LARGE', '60000 × 60000');
    await expectCode(await grey(2001, 2000).jpeg().toBuffer(), 'IMAGE_TOO_LARGE', '2001 × 2000');
    expect(await toModelInput(await grey(2000, 2000).jpeg().toBuffer())).to.include({ width: 2000 });
  });

  it('other kinds of image, and names them', async () => {
    const moving = sharp(new Uint8Array(64 * 128 * 3), {
      raw: { width: 64, height: 128, channels: 3, pageHeight: 64 },
    });
    await expectCode(await colour().gif().toBuffer(), 'IMAGE_UNSUPPORTED', 'GIF', 'JPEG and PNG');
    await expectCode(await moving.gif().toBuffer(), 'IMAGE_UNSUPPORTED', 'GIF');
    await expectCode(await colour().webp().toBuffer(), 'IMAGE_UNSUPPORTED', 'WebP');
    await expectCode(await colour().tiff().toBuffer(), 'IMAGE_UNSUPPORTED', 'TIFF');
    await expectCode(await colour().avif().toBuffer(), 'IMAGE_UNSUPPORTED', 'AVIF');
  });

  it('files that are no images, and names them', async () => {
    for (const [start, name] of [
      ['BM\x36\x00', 'BMP'],
      ['%PDF-1.7', 'PDF'],
      ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'SVG'],
      ['<?xml version="1.0"?><svg/>', 'SVG'],
      ['\n<!DOCTYPE html><p>', 'web page'],
      ['PK\x03\x04', 'zip'],
      ['MZ', 'something else'],
      ['\0'.repeat(64), 'something else'],
    ] as const) {
      await expectCode(Buffer.from(start, 'latin1'), 'IMAGE_UNSUPPORTED', name);
    }
    const dicom = Buffer.alloc(200);
    dicom.write('DICM', 128);
    await expectCode(dicom, 'IMAGE_UNSUPPORTED', 'DICOM');
  });

  it('a JPEG of a coding that it does not read, and says which', async () => {
    const bytes = Buffer.from(await grey().jpeg().toBuffer());
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    const lossless = Buffer.from(bytes);
    lossless[frame + 1] = 0xc3;
    await expectCode(lossless, 'IMAGE_UNSUPPORTED', 'lossless');
    bytes[frame + 4] = 12;
    await expectCode(bytes, 'IMAGE_UNSUPPORTED', '12 bits');
  });

  it('an animated PNG', async () => {
    const png = await grey().png().toBuffer();
    // Signature and IHDR take 33 bytes; the animation control chunk stands before the first IDAT.
    const control = Buffer.alloc(20);
    control.writeUInt32BE(8, 0);
    control.write('acTL', 4);
    control.writeUInt32BE(2, 8);
    const animated = Buffer.concat([png.subarray(0, 33), control, png.subarray(33)]);
    await expectCode(animated, 'IMAGE_ANIMATED', 'animated');
  });

  it('files that are cut off anywhere', async () => {
    const jpeg = await colour(200, 200).jpeg().toBuffer();
    const png = await colour(200, 200).png().toBuffer();
    for (const share of [0.05, 0.3, 0.6, 0.95]) {
      await expectCode(jpeg.subarray(0, jpeg.length * share), 'IMAGE_UNREADABLE', 'JPEG');
      await expectCode(png.subarray(0, png.length * share), 'IMAGE_UNREADABLE', 'PNG');
    }
    for (const length of [3, 4, 20]) {
      await expectCode(jpeg.subarray(0, length), 'IMAGE_UNREADABLE', 'JPEG');
    }
    await expectCode(png.subarray(0, 8), 'IMAGE_UNREADABLE', 'PNG');
  });

  it('files with a damaged header or damaged data', async () => {
    const png = Buffer.from(await colour(100, 100).png().toBuffer());
    const flipped = Buffer.from(png);
    flipped[flipped.length - 30]! ^= 0xff;
    await expectCode(flipped, 'IMAGE_UNREADABLE', 'PNG');
    png.writeUInt32BE(0, 16);
    await expectCode(png, 'IMAGE_UNREADABLE', 'PNG');
    const noFrame = Buffer.from([0xff, 0xd8, 0xff, 0xda, 0x00, 0x04, 0, 0, 0xff, 0xd9]);
    await expectCode(noFrame, 'IMAGE_UNREADABLE', 'JPEG');
  });

  it('to wait for a decode that takes too long', async () => {
    const impatient = createPreprocessor({ maxBytes: 1e9, maxPixels: 1e9, timeoutMs: 1, concurrency: 1 });
    const large = await picture(6000, 4000, 3, (x, y, channel) => (x * y * 255 + channel * 40) % 256)
      .jpeg({ progressive: true })
      .toBuffer();
    const first = await impatient.toModelInput(large).catch((error: unknown) => error);
    expect(first).to.be.instanceOf(ModelError).with.property('code', 'IMAGE_TIMEOUT');
    const patient = createPreprocessor({ maxBytes: 1e9, maxPixels: 1e9 });
    expect(await patient.toModelInput(large)).to.include({ width: 6000, height: 4000 });
  });

  it('and goes on afterwards: a refused file frees its place', async () => {
    const single = createPreprocessor({ ...LIMITS, concurrency: 1 });
    const jpeg = await grey().jpeg().toBuffer();
    const cut = jpeg.subarray(0, jpeg.length / 2);
    const results = await Promise.allSettled([cut, cut, jpeg].map((bytes) => single.toModelInput(bytes)));
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'fulfilled']);
  });
});

/** First 16 digits of the SHA-256 of the pixels. */
const GOLDEN_DIGESTS: Record<string, string> = {
  'grey PNG': '7564c301fc32f821',
  'grey PNG of 1 bit': 'a84a968652de4f38',
  'colour PNG': '96d5102a2ba64dde',
  'colour PNG with a palette': '650386fd2ef9508a',
  'transparent PNG': '3d055f685c397b6c',
  '16-bit PNG': '4ecdb09d59c7984e',
  'grey JPEG': '65bca89c6e4c0391',
  'colour JPEG': '19d12fbaea2ae800',
};

/** The same for files that are resized or converted by a profile, where processors may differ in the last bit. */
const GOLDEN_DIGESTS_X64: Record<string, string> = {
  'large colour PNG': '363eb35970b6092d',
  'tall grey PNG': 'ef1df4c471dba23d',
  'tiny PNG': 'd4e4a06a418adeb2',
  'progressive JPEG': '533ac49e36ccadef',
  'turned JPEG': '4edd059be3b8d4a0',
  'CMYK JPEG': '163381be47276a46',
};
