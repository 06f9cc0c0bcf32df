/** A 64×64 greyscale canvas in floating point: paints shapes in a pose, then makes the picture of a scanner of it. */
import { IMAGE_PIXELS, IMAGE_SIDE } from '../types.js';
import type { Random } from '../training/random.js';
import type { Shape } from './shapes.js';

/** How the subject lies in the picture. */
export interface Pose {
  /** Radians, clockwise. */
  readonly rotation: number;
  readonly scaleX: number;
  readonly scaleY: number;
  /** In half pictures. */
  readonly shiftX: number;
  readonly shiftY: number;
}

export interface Paint {
  /** Adds the brightness instead of replacing what is there, as in a projection. */
  readonly add?: boolean;
  /** Width of the border's transition in half pictures; 0.035 (about a pixel) where not given. */
  readonly softness?: number;
  readonly opacity?: number;
  /** Multiplies the brightness at a place, for tissue that is not even. */
  readonly texture?: (x: number, y: number) => number;
}

export class Canvas {
  readonly values: Float32Array;
  readonly #pose: Pose;
  readonly #cos: number;
  readonly #sin: number;

  constructor(pose: Pose, background: number) {
    this.values = new Float32Array(IMAGE_PIXELS).fill(background);
    this.#pose = pose;
    this.#cos = Math.cos(pose.rotation);
    this.#sin = Math.sin(pose.rotation);
  }

  /** @param brightness 0 black to 1 white; may go beyond until the picture is finished */
  paint(shape: Shape, brightness: number, paint: Paint = {}): void {
    const { add = false, softness = 0.035, opacity = 1, texture } = paint;
    const { left, top, right, bottom } = this.#pixelBox(shape, softness);
    const { scaleX, scaleY, shiftX, shiftY } = this.#pose;
    // Written without intermediate objects: this loop is nearly all of the generator's time.
    for (let row = top; row <= bottom; row += 1) {
      const v = ((row + 0.5) / IMAGE_SIDE) * 2 - 1 - shiftY;
      for (let column = left; column <= right; column += 1) {
        const u = ((column + 0.5) / IMAGE_SIDE) * 2 - 1 - shiftX;
        // From the pixel to the subject's own coordinates.
        const x = (u * this.#cos + v * this.#sin) / scaleX;
        const y = (v * this.#cos - u * this.#sin) / scaleY;
        const cover = 0.5 - shape.distance(x, y) / softness;
        if (cover <= 0) continue;
        const weight = Math.min(1, cover) * opacity;
        const index = row * IMAGE_SIDE + column;
        const before = this.values[index] ?? 0;
        const value = texture ? brightness * texture(x, y) : brightness;
        this.values[index] = add ? before + weight * value : before + weight * (value - before);
      }
    }
  }

  #pixelBox(
    { bounds }: Shape,
    softness: number,
  ): { left: number; top: number; right: number; bottom: number } {
    const { scaleX, scaleY, shiftX, shiftY } = this.#pose;
    const box = { left: IMAGE_SIDE, top: IMAGE_SIDE, right: -1, bottom: -1 };
    for (const x of [bounds.left - softness, bounds.right + softness]) {
      for (const y of [bounds.top - softness, bounds.bottom + softness]) {
        const u = x * scaleX * this.#cos - y * scaleY * this.#sin + shiftX;
        const v = x * scaleX * this.#sin + y * scaleY * this.#cos + shiftY;
        const [column, row] = [((u + 1) * IMAGE_SIDE) / 2, ((v + 1) * IMAGE_SIDE) / 2];
        box.left = Math.min(box.left, Math.floor(column) - 1);
        box.right = Math.max(box.right, Math.ceil(column) + 1);
        box.top = Math.min(box.top, Math.floor(row) - 1);
        box.bottom = Math.max(box.bottom, Math.ceil(row) + 1);
      }
    }
    const inside = (value: number): number => Math.min(IMAGE_SIDE - 1, Math.max(0, value));
    return {
      left: inside(box.left),
      right: inside(box.right),
      top: inside(box.top),
      bottom: inside(box.bottom),
    };
  }
}

/** What the scanner adds: its sharpness, its tone curve and its noise. */
export interface Scanner {
  readonly contrast: number;
  readonly brightness: number;
  readonly gamma: number;
  /** Standard deviation of the noise, 0 to 1. */
  readonly noise: number;
  /** 0 sharp to 1 a mean over the neighbours. */
  readonly blur: number;
}

/** @returns `IMAGE_PIXELS` bytes */
export function expose(canvas: Canvas, scanner: Scanner, random: Random): Uint8Array {
  const sharp = canvas.values;
  const pixels = new Uint8Array(IMAGE_PIXELS);
  for (let index = 0; index < IMAGE_PIXELS; index += 1) {
    const blurred = neighbourhood(sharp, index);
    const value = (sharp[index] ?? 0) * (1 - scanner.blur) + blurred * scanner.blur;
    const toned = Math.min(1, Math.max(0, value)) ** scanner.gamma * scanner.contrast + scanner.brightness;
    const noisy = toned + random.normal() * scanner.noise * (0.4 + 0.6 * Math.max(0, toned));
    pixels[index] = Math.round(Math.min(1, Math.max(0, noisy)) * 255);
  }
  return pixels;
}

/** Weighted mean of a pixel and its eight neighbours (binomial 1-2-1). */
function neighbourhood(values: Float32Array, index: number): number {
  const [row, column] = [Math.floor(index / IMAGE_SIDE), index % IMAGE_SIDE];
  let sum = 0;
  for (let dy = -1; dy <= 1; dy += 1) {
    for (let dx = -1; dx <= 1; dx += 1) {
      const y = Math.min(IMAGE_SIDE - 1, Math.max(0, row + dy));
      const x = Math.min(IMAGE_SIDE - 1, Math.max(0, column + dx));
      sum += (values[y * IMAGE_SIDE + x] ?? 0) * (2 - Math.abs(dx)) * (2 - Math.abs(dy));
    }
  }
  return sum / 16;
}
