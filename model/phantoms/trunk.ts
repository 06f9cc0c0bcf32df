/** Slices through the trunk as a CT shows them: abdomen and chest. */
import type { Random } from '../training/random.js';
import { Canvas, expose } from './canvas.js';
import { pose, scanner, swings, tissue } from './chance.js';
import { below, blob, ellipse, outline, overlap, rod, swell, without, type Shape } from './shapes.js';

interface Trunk {
  readonly canvas: Canvas;
  readonly cavity: Shape;
  readonly radiusX: number;
  readonly radiusY: number;
}

/** Skin, fat, the wall with its muscles, and the table below. */
function trunk(random: Random, radiusX: number, radiusY: number, fat: number): Trunk {
  const canvas = new Canvas(pose(random, { degrees: 8, scale: 0.15, shift: 0.07 }), 0.02);
  const skin = blob({ x: 0, y: 0 }, radiusX, radiusY, swings(random, 0.025));
  const cavity = swell(skin, -fat);
  if (random.next() < 0.7) {
    const table = ellipse({ x: 0, y: -0.35 }, 1.25, random.between(1.18, 1.3));
    canvas.paint(overlap(outline(table, 0.016), below({ x: 0, y: 0.55 })), random.between(0.25, 0.5));
  }
  canvas.paint(skin, 0.27, { texture: tissue(random, 0.08) });
  canvas.paint(swell(skin, -0.02), 0.22, { texture: tissue(random, 0.1) });
  return { canvas, cavity, radiusX, radiusY };
}

/** Cut ribs along the wall: short bright dashes. */
function ribs(random: Random, { canvas, radiusX, radiusY }: Trunk, inset: number, count: number): void {
  for (let k = 0; k < count; k += 1) {
    const side = k % 2 === 0 ? 1 : -1;
    const along =
      -0.62 + (1.35 * Math.floor(k / 2)) / Math.max(1, count / 2 - 1) + random.between(-0.08, 0.08);
    const [angle, length] = [along * 1.2, random.between(0.05, 0.12)];
    const on = (a: number): { x: number; y: number } => ({
      x: side * Math.cos(a) * (radiusX - inset),
      y: Math.sin(a) * (radiusY - inset),
    });
    canvas.paint(rod(on(angle - length), on(angle + length), 0.024), random.between(0.8, 1));
  }
}

function spine(random: Random, canvas: Canvas, y: number, size: number): void {
  const bone = random.between(0.85, 1);
  canvas.paint(rod({ x: 0, y: y + size }, { x: 0, y: y + size * 2.3 }, size * 0.22, size * 0.12), bone);
  for (const side of [-1, 1]) {
    const root = { x: side * size * 0.5, y: y + size * 0.9 };
    canvas.paint(rod(root, { x: side * size * 1.7, y: y + size * 1.25 }, size * 0.24, size * 0.14), bone);
  }
  canvas.paint(ellipse({ x: 0, y: y + size * 0.95 }, size * 0.62, size * 0.5), bone);
  canvas.paint(ellipse({ x: 0, y: y + size * 0.95 }, size * 0.34, size * 0.28), 0.4);
  canvas.paint(ellipse({ x: 0, y }, size, size * 0.82), bone, { texture: tissue(random, 0.08) });
  canvas.paint(ellipse({ x: 0, y }, size * 0.62, size * 0.48), bone * 0.8);
}

function backMuscles(random: Random, canvas: Canvas, y: number): void {
  for (const side of [-1, 1]) {
    canvas.paint(ellipse({ x: side * 0.2, y }, 0.15, 0.11, side * 0.3), random.between(0.44, 0.52));
  }
}

export function drawAbdomen(random: Random): Uint8Array {
  const radiusX = random.between(0.8, 0.9);
  const radiusY = random.between(0.56, 0.68);
  const body = trunk(random, radiusX, radiusY, random.between(0.07, 0.15));
  const { canvas, cavity } = body;
  canvas.paint(cavity, 0.48);
  canvas.paint(swell(cavity, -0.05), 0.3, { texture: tissue(random, 0.15) });
  const inner = swell(cavity, -0.06);
  const back = radiusY * 0.5;
  backMuscles(random, canvas, back + 0.1);
  bowel(random, canvas, inner);
  const upper = random.next();
  // Higher slices show much liver, lower ones only its tip.
  const liver = blob(
    { x: -radiusX * 0.42, y: -radiusY * 0.12 },
    radiusX * (0.22 + 0.24 * upper),
    radiusY * (0.4 + 0.25 * upper),
    swings(random, 0.12),
    0.3,
  );
  const vessels = tissue(random, 0.1, 24);
  canvas.paint(overlap(liver, inner), random.between(0.6, 0.72), { texture: vessels });
  const spleen = blob({ x: radiusX * 0.62, y: radiusY * 0.1 }, 0.11, 0.2, swings(random, 0.1), -0.3);
  if (upper > 0.3) canvas.paint(overlap(spleen, inner), random.between(0.6, 0.7));
  if (upper > 0.75) lungBases(random, canvas, inner, radiusX);
  for (const side of [-1, 1]) {
    const centre = { x: side * random.between(0.35, 0.42), y: back + random.between(-0.12, -0.02) };
    const kidney = ellipse(centre, 0.1, random.between(0.12, 0.15), side * -0.45);
    const hilum = ellipse({ x: centre.x - side * 0.08, y: centre.y - 0.02 }, 0.07, 0.045);
    canvas.paint(without(kidney, hilum), random.between(0.78, 0.92));
  }
  spine(random, canvas, back, random.between(0.12, 0.15));
  canvas.paint(ellipse({ x: 0.06, y: back - 0.2 }, 0.05, 0.05), random.between(0.68, 0.85));
  canvas.paint(ellipse({ x: -0.08, y: back - 0.2 }, 0.06, 0.042), random.between(0.6, 0.75));
  if (upper > 0.55) ribs(random, body, 0.13, 8);
  return expose(canvas, scanner(random), random);
}

/** The highest slices of the abdomen still cut the lowest tips of the lungs, as low slices of the chest cut the liver. */
function lungBases(random: Random, canvas: Canvas, inner: Shape, radiusX: number): void {
  for (const side of [-1, 1]) {
    const size = random.between(0.1, 0.22);
    const at = { x: side * radiusX * random.between(0.5, 0.62), y: random.between(0.1, 0.25) };
    const base = blob(at, size, size * 1.3, swings(random, 0.1), side * -0.5);
    canvas.paint(overlap(base, inner), random.between(0.05, 0.12), { texture: tissue(random, 0.4) });
  }
}

/** Loops of bowel in front: some with contrast agent, some with gas. */
function bowel(random: Random, canvas: Canvas, inner: Shape): void {
  const loops = 5 + random.below(6);
  for (let k = 0; k < loops; k += 1) {
    const centre = { x: random.between(-0.35, 0.62), y: random.between(-0.42, 0.05) };
    const size = random.between(0.05, 0.11);
    const loop = blob(
      centre,
      size * random.between(1, 1.7),
      size,
      swings(random, 0.15),
      random.between(0, 3),
    );
    canvas.paint(overlap(loop, inner), 0.55);
    const filling = random.next();
    if (filling < 0.3) canvas.paint(overlap(swell(loop, -0.025), inner), 0.05);
    else if (filling < 0.5) canvas.paint(overlap(swell(loop, -0.025), inner), 0.95);
  }
}

export function drawChestSlice(random: Random): Uint8Array {
  const radiusX = random.between(0.84, 0.94);
  const radiusY = random.between(0.56, 0.66);
  const body = trunk(random, radiusX, radiusY, random.between(0.05, 0.1));
  const { canvas, cavity } = body;
  canvas.paint(cavity, 0.46, { texture: tissue(random, 0.1) });
  const back = radiusY * 0.5;
  // Near the diaphragm the lungs are small and the dome of the liver comes in.
  const low = random.next() < 0.2;
  const inner = swell(cavity, -0.1);
  for (const side of [-1, 1]) {
    const reach = low ? random.between(0.55, 0.7) : random.between(0.92, 1.05);
    const lung = blob(
      { x: side * radiusX * (low ? 0.52 : 0.46), y: low ? 0.08 : 0 },
      radiusX * 0.34 * reach,
      radiusY * 0.68 * reach,
      swings(random, 0.08),
      side * -0.2,
    );
    canvas.paint(overlap(lung, inner), random.between(0.05, 0.1), { texture: tissue(random, 0.5) });
    for (let k = 0; k < 9; k += 1) {
      const at = {
        x: side * radiusX * random.between(0.25, 0.68),
        y: radiusY * random.between(-0.45, 0.45),
      };
      const vessel = ellipse(at, random.between(0.012, 0.03), random.between(0.012, 0.03));
      canvas.paint(overlap(vessel, swell(lung, -0.03)), random.between(0.35, 0.6));
    }
  }
  heart(random, canvas, radiusY, low);
  spine(random, canvas, back, random.between(0.1, 0.125));
  canvas.paint(ellipse({ x: 0.13, y: back - 0.09 }, 0.058, 0.058), random.between(0.62, 0.8));
  backMuscles(random, canvas, back + 0.16);
  ribs(random, body, 0.1, 14);
  canvas.paint(rod({ x: -0.07, y: -radiusY + 0.1 }, { x: 0.07, y: -radiusY + 0.1 }, 0.026), 0.9);
  return expose(canvas, scanner(random), random);
}

function heart(random: Random, canvas: Canvas, radiusY: number, low: boolean): void {
  const bright = random.between(0.58, 0.68);
  const middle = { x: random.between(0.04, 0.14), y: -radiusY * 0.28 };
  const size = random.between(0.8, 1.1);
  canvas.paint(blob(middle, 0.3 * size, 0.23 * size, swings(random, 0.08), 0.45), bright);
  const chamber = { x: middle.x + 0.06, y: middle.y + 0.02 };
  canvas.paint(ellipse(chamber, 0.13 * size, 0.09 * size, 0.5), bright + random.between(0.05, 0.25));
  canvas.paint(ellipse({ x: middle.x - 0.15, y: middle.y - 0.01 }, 0.1 * size, 0.11 * size), bright + 0.1);
  if (low) canvas.paint(blob({ x: -0.34, y: 0.06 }, 0.22, 0.2, swings(random, 0.1)), bright);
}
