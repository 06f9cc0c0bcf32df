/** The preprocessing: fixed pixels for fixed files, and fair treatment of odd ones. */
import { expect } from 'chai';
import sharp, { type Sharp } from 'sharp';
import { sha256Of } from '../../../model/labels.js';
import { createPreprocessor, PREPROCESS_VERSION } from '../../../model/preprocess.js';
import { IMAGE_PIXELS } from '../../../model/types.js';
import { colour, grey, picture } from './pictures.js';

const { toModelInput } = createPreprocessor({ maxBytes: 2_000_000, maxPixels: 4_000_000 });

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
