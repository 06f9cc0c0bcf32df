/** Pictures from formulas, for the tests of this room. */
import sharp, { type Sharp } from 'sharp';

/** A picture from a formula; `value` gets the place from 0 to 1 and the channel. */
export function picture(
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

export const grey = (width = 64, height = 64): Sharp => picture(width, height, 1, (x, y) => x * 200 + y * 55);
export const colour = (width = 64, height = 64): Sharp =>
  picture(width, height, 3, (x, y, channel) => [x * 255, y * 255, 128][channel]!);
