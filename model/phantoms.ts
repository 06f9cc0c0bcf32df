/** Demo data: drawings that look like the six classes, made from a seed. They are not medical images. */
import sharp from 'sharp';
import { drawBreasts } from './phantoms/breast.js';
import { drawChestFilm } from './phantoms/chest-film.js';
import { drawHand } from './phantoms/hand.js';
import { drawHead } from './phantoms/head.js';
import { drawAbdomen, drawChestSlice } from './phantoms/trunk.js';
import { Random } from './training/random.js';
import { IMAGE_SIDE, type Labels } from './types.js';

const ARTISTS = {
  AbdomenCT: drawAbdomen,
  BreastMRI: drawBreasts,
  CXR: drawChestFilm,
  ChestCT: drawChestSlice,
  Hand: drawHand,
  HeadCT: drawHead,
} as const;

export type PhantomLabel = keyof typeof ARTISTS;

/** The classes of the demo data, in the order of the base data. */
export const PHANTOM_LABELS = Object.keys(ARTISTS) as PhantomLabel[] satisfies Labels;

/**
 * Draws one phantom.
 * @param seed whole number; the same seed and label give the same pixels
 * @returns `IMAGE_PIXELS` bytes
 */
export function drawPhantom(label: PhantomLabel, seed: number): Uint8Array {
  return ARTISTS[label](new Random(seed, PHANTOM_LABELS.indexOf(label)));
}

export interface PhantomFile {
  /** Says that it is a phantom, wherever the name is shown. */
  readonly name: string;
  readonly label: PhantomLabel;
  readonly png: Uint8Array;
}

/** Greyscale PNG files of phantoms, class by class; `perClass` of each, different for each seed. */
export async function* phantomSet(perClass: number, seed: number): AsyncIterable<PhantomFile> {
  for (const label of PHANTOM_LABELS) {
    for (let index = 0; index < perClass; index += 1) {
      const pixels = drawPhantom(label, seed * 1_000_003 + index);
      const png = await sharp(pixels, { raw: { width: IMAGE_SIDE, height: IMAGE_SIDE, channels: 1 } })
        .toColourspace('b-w')
        .png({ compressionLevel: 6, adaptiveFiltering: false })
        .toBuffer();
      const number = String(index).padStart(6, '0');
      yield { name: `${label}/phantom-${seed}-${number}.png`, label, png };
    }
  }
}
