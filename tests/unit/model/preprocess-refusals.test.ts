/** Files that the preprocessing refuses: each with its code and a message that helps. */
import { expect } from 'chai';
import sharp from 'sharp';
import { ModelError, type ModelErrorCode } from '../../../model/errors.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { colour, grey, picture } from './pictures.js';

const LIMITS = { maxBytes: 2_000_000, maxPixels: 4_000_000 };
const { toModelInput } = createPreprocessor(LIMITS);

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
