/** A chest radiograph from the front: projections add up, so denser is brighter. */
import type { Random } from '../training/random.js';
import { Canvas, expose } from './canvas.js';
import { pose, scanner, swings, tissue } from './chance.js';
import { blob, ellipse, joined, outline, overlap, rod, type Shape } from './shapes.js';

export function drawChestFilm(random: Random): Uint8Array {
  const canvas = new Canvas(pose(random, { degrees: 6, scale: 0.13, shift: 0.08 }), random.between(0, 0.06));
  const soft = { softness: 0.07 };
  const chest = joined(
    blob({ x: 0, y: 0.35 }, 0.84, 1.15, swings(random, 0.02)),
    joined(
      rod({ x: -0.55, y: -0.42 }, { x: -1.1, y: 0.2 }, 0.3),
      rod({ x: 0.55, y: -0.42 }, { x: 1.1, y: 0.2 }, 0.3),
      0.3,
    ),
    0.3,
  );
  canvas.paint(joined(chest, rod({ x: 0, y: -0.9 }, { x: 0, y: -1.5 }, 0.24), 0.3), 0.52, soft);
  const inflation = random.between(0.85, 1.08);
  const floor = 0.5 * inflation;
  const lungs = ([-1, 1] as const).map((side) => lung(random, side, inflation));
  for (const shape of lungs) {
    canvas.paint(shape, random.between(0.14, 0.24), { softness: 0.09, texture: tissue(random, 0.18, 20) });
  }
  belly(random, canvas, floor);
  for (const shape of lungs) hilum(random, canvas, shape);
  spineShadow(random, canvas);
  heart(random, canvas, floor);
  ribCage(random, canvas, inflation);
  for (const side of [-1, 1]) {
    const inner = { x: side * 0.09, y: -0.62 };
    const outer = { x: side * 0.68, y: -0.8 + random.between(-0.06, 0.06) };
    canvas.paint(rod(inner, outer, 0.038, 0.03), 0.22, { add: true });
    canvas.paint(ellipse({ x: side * 0.84, y: -0.68 }, 0.12, 0.13), 0.16, { add: true });
  }
  return expose(canvas, scanner(random), random);
}

/** Narrow at the top, wide and cut by the diaphragm at the bottom. */
function lung(random: Random, side: -1 | 1, inflation: number): Shape {
  const top = { x: side * 0.3, y: -0.52 };
  const bottom = { x: side * 0.43, y: 0.32 * inflation };
  const field = rod(top, bottom, random.between(0.17, 0.21), random.between(0.28, 0.32));
  return joined(field, ellipse({ x: side * 0.52, y: 0.42 * inflation }, 0.19, 0.24), 0.2);
}

/** Domes of the diaphragm with all that lies below, the right one (left in the picture) higher. */
function belly(random: Random, canvas: Canvas, floor: number): void {
  const bright = random.between(0.72, 0.85);
  for (const [side, lift] of [
    [-1, 0.05],
    [1, 0],
  ] as const) {
    const dome = ellipse({ x: side * 0.38, y: floor - lift + 0.5 }, 0.46, 0.52);
    canvas.paint(dome, bright, { softness: 0.06 });
  }
  canvas.paint(ellipse({ x: 0, y: floor + 0.66 }, 0.8, 0.5), bright, { softness: 0.1 });
  if (random.next() < 0.5) {
    const bubble = blob({ x: 0.42, y: floor + 0.13 }, 0.12, 0.07, swings(random, 0.1));
    canvas.paint(bubble, -0.25, { add: true, softness: 0.08 });
  }
}

function hilum(random: Random, canvas: Canvas, within: Shape): void {
  const { left, right } = within.bounds;
  const side = left + right > 0 ? 1 : -1;
  for (let k = 0; k < 7; k += 1) {
    const from = { x: side * random.between(0.13, 0.2), y: random.between(-0.15, 0.12) };
    const angle = random.between(-1.1, 1.1);
    const length = random.between(0.15, 0.38);
    const to = { x: from.x + side * Math.cos(angle) * length, y: from.y + Math.sin(angle) * length };
    canvas.paint(rod(from, to, 0.03, 0.008), random.between(0.08, 0.16), { add: true, softness: 0.05 });
  }
}

function spineShadow(random: Random, canvas: Canvas): void {
  canvas.paint(rod({ x: 0, y: -1.2 }, { x: 0, y: 1.2 }, 0.11, 0.15), 0.66, { softness: 0.09, opacity: 0.9 });
  const discs = random.between(0.15, 0.18);
  for (let y = -1; y < 1; y += discs) {
    canvas.paint(rod({ x: -0.06, y }, { x: 0.06, y }, 0.018), -0.07, { add: true, softness: 0.05 });
  }
  // The windpipe is a dark band down to where it divides.
  canvas.paint(rod({ x: 0, y: -1.1 }, { x: 0.01, y: -0.3 }, 0.04), -0.18, { add: true, softness: 0.05 });
}

function heart(random: Random, canvas: Canvas, floor: number): void {
  const size = random.between(0.85, 1.15);
  const middle = { x: 0.12, y: floor - 0.2 };
  const ventricles = blob(middle, 0.31 * size, 0.24 * size, swings(random, 0.06), 0.55);
  const outflow = rod({ x: 0.05, y: -0.22 }, { x: 0.02, y: floor - 0.25 }, 0.12, 0.18);
  canvas.paint(joined(ventricles, outflow, 0.15), random.between(0.74, 0.84), { softness: 0.07 });
  canvas.paint(ellipse({ x: 0.1, y: -0.28 }, 0.08, 0.09), 0.12, { add: true, softness: 0.06 });
}

/** Each rib is an arc of an ellipse; the parts in front run the other way and are fainter. */
function ribCage(random: Random, canvas: Canvas, inflation: number): void {
  const bright = random.between(0.1, 0.17);
  const spacing = 0.135 * inflation;
  for (let k = 0; k < 9; k += 1) {
    const y = -0.72 + k * spacing;
    const reach = 0.36 + 0.3 * Math.sin(((k + 1.5) / 11) * Math.PI * 0.85);
    for (const side of [-1, 1]) {
      const arc = ellipse({ x: side * 0.06, y: y + 0.2 }, reach, 0.2, side * 0.25);
      const upper = ellipse({ x: side * (reach * 0.55), y: y + 0.05 }, reach * 0.72, 0.2);
      const rib = overlap(outline(arc, 0.017), upper);
      const half = rod({ x: side * 0.1, y: y - 0.3 }, { x: side * 0.1, y: y + 0.6 }, 0.001);
      const sideOnly: Shape = { bounds: half.bounds, distance: (x) => 0.08 - side * x };
      canvas.paint(overlap(rib, sideOnly), bright, { add: true });
      if (k > 3) continue;
      const front = rod({ x: side * 0.62, y: y + 0.34 }, { x: side * 0.22, y: y + 0.6 }, 0.014);
      canvas.paint(front, bright * 0.45, { add: true, softness: 0.05 });
    }
  }
}
