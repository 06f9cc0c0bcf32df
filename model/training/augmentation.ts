/** Small random changes of a batch that leave every class what it is, done on the native kernels. */
import { IMAGE_PIXELS, IMAGE_SIDE } from '../types.js';
import type { Kernels, Tensor } from '../network/kernels.js';
import type { Random } from './random.js';
import { AUGMENTATION } from './settings.js';

/** Pixels 0 to 255 (one image after the other) to a tensor N × 64 × 64 × 1 of 0 to 1. */
export function toImages(kernels: Kernels, pixels: Uint8Array): Tensor {
  return kernels.multiply(toFloats(kernels, pixels), kernels.upload([], Float32Array.of(1 / 255)));
}

/** The same with random shift, rotation, zoom, contrast and brightness. */
export function toAugmentedImages(kernels: Kernels, pixels: Uint8Array, random: Random): Tensor {
  const count = pixels.length / IMAGE_PIXELS;
  const transforms = new Float32Array(count * 8);
  const factors = new Float32Array(count);
  const offsets = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    transforms.set(randomTransform(random), index * 8);
    const toned = random.next() < AUGMENTATION.toneShare;
    const contrast = toned ? 1 + around(random, AUGMENTATION.contrast) : 1;
    const brightness = toned ? around(random, AUGMENTATION.brightness) : 0;
    factors[index] = contrast / 255;
    offsets[index] = brightness + (1 - contrast) / 2;
  }
  const warped = kernels.warp(toFloats(kernels, pixels), kernels.upload([count, 8], transforms), IMAGE_SIDE);
  const scaled = kernels.multiply(warped, kernels.upload([count, 1, 1, 1], factors));
  return kernels.clip(kernels.add(scaled, kernels.upload([count, 1, 1, 1], offsets)), 0, 1);
}

/** Output to input coordinates: mirror, rotation and zoom about the middle of the image, then shift. */
function randomTransform(random: Random): readonly number[] {
  const turned = random.next() < AUGMENTATION.turnShare;
  const angle = turned ? (around(random, AUGMENTATION.rotationDegrees) * Math.PI) / 180 : 0;
  const zoom = turned ? (1 + AUGMENTATION.zoom) ** around(random, 1) : 1;
  const side = random.next() < AUGMENTATION.mirrorShare ? -1 : 1;
  const cos = Math.cos(angle) / zoom;
  const sin = Math.sin(angle) / zoom;
  const middle = (IMAGE_SIDE - 1) / 2;
  const range = 2 * AUGMENTATION.shiftPixels + 1;
  const shiftX = random.below(range) - AUGMENTATION.shiftPixels;
  const shiftY = random.below(range) - AUGMENTATION.shiftPixels;
  return [
    side * cos,
    -sin,
    middle - side * cos * middle + sin * middle + shiftX,
    side * sin,
    cos,
    middle - side * sin * middle - cos * middle + shiftY,
    0,
    0,
  ];
}

function around(random: Random, range: number): number {
  return random.between(-range, range);
}

function toFloats(kernels: Kernels, pixels: Uint8Array): Tensor {
  const shape = [pixels.length / IMAGE_PIXELS, IMAGE_SIDE, IMAGE_SIDE, 1];
  return kernels.toFloat(kernels.upload(shape, pixels));
}
