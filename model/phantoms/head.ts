/** A slice through the head as a CT shows it: a bright ring of skull, the brain, its ventricles. */
import type { Random } from '../training/random.js';
import { Canvas, expose } from './canvas.js';
import { pose, scanner, swings, tissue } from './chance.js';
import { below, blob, ellipse, joined, outline, overlap, rod, swell, type Shape } from './shapes.js';

export function drawHead(random: Random): Uint8Array {
  const canvas = new Canvas(
    pose(random, { degrees: 16, scale: 0.16, shift: 0.08 }),
    random.between(0.02, 0.08),
  );
  const head = blob(
    { x: 0, y: 0 },
    random.between(0.6, 0.7),
    random.between(0.76, 0.86),
    swings(random, 0.02),
  );
  if (random.next() < 0.6) {
    const cradle = ellipse({ x: 0, y: 0.1 }, 0.86, 0.95);
    canvas.paint(overlap(outline(cradle, 0.014), below({ x: 0, y: 0.3 })), random.between(0.2, 0.4));
  }
  canvas.paint(head, 0.3);
  const skull = swell(head, -0.035);
  canvas.paint(skull, random.between(0.92, 1.05));
  const brain = swell(skull, -random.between(0.06, 0.1));
  const grey = random.between(0.38, 0.48);
  canvas.paint(brain, grey, { texture: tissue(random, 0.06, 26) });
  // The slice's height decides what is seen.
  const height = random.next();
  if (height > 0.28) upperSlice(random, canvas, brain, grey);
  else base(random, canvas, brain);
  if (random.next() < 0.2) {
    const at = { x: random.between(-0.35, 0.35), y: random.between(-0.4, 0.4) };
    const finding = blob(at, random.between(0.05, 0.13), random.between(0.05, 0.12), swings(random, 0.2));
    canvas.paint(overlap(finding, brain), grey + (random.next() < 0.5 ? 0.25 : -0.18));
  }
  return expose(canvas, scanner(random), random);
}

/** Ventricles in the middle, the falx between the halves, furrows along the rim. */
function upperSlice(random: Random, canvas: Canvas, brain: Shape, grey: number): void {
  const white = swell(brain, -0.14);
  canvas.paint(white, grey * 0.92, { softness: 0.1, texture: tissue(random, 0.05, 20) });
  const { left, right, top, bottom } = brain.bounds;
  for (let k = 0; k < 20; k += 1) {
    const angle = (k / 20) * 2 * Math.PI + random.between(-0.1, 0.1);
    const on = (share: number): { x: number; y: number } => ({
      x: ((right - left) / 2) * share * Math.cos(angle),
      y: ((bottom - top) / 2) * share * Math.sin(angle),
    });
    const furrow = rod(on(random.between(0.74, 0.84)), on(0.97), 0.014);
    canvas.paint(overlap(furrow, brain), grey * random.between(0.6, 0.8), { opacity: 0.8 });
  }
  canvas.paint(overlap(rod({ x: 0, y: -1 }, { x: 0, y: -0.3 }, 0.012), brain), grey * 1.35);
  canvas.paint(overlap(rod({ x: 0, y: 0.35 }, { x: 0, y: 1 }, 0.012), brain), grey * 1.35);
  const size = random.between(0.75, 1.3);
  const fluid = grey * random.between(0.25, 0.5);
  for (const side of [-1, 1]) {
    const bend = { x: side * 0.06, y: -0.02 };
    const front = rod({ x: side * 0.14 * size, y: -0.27 * size }, bend, 0.05 * size, 0.035 * size);
    const rear = rod(bend, { x: side * 0.2 * size, y: 0.3 * size }, 0.035 * size, 0.055 * size);
    canvas.paint(joined(front, rear, 0.04), fluid);
    if (random.next() < 0.3) {
      canvas.paint(ellipse({ x: side * 0.17 * size, y: 0.22 * size }, 0.025, 0.025), 0.95);
    }
  }
}

/** Lower down: ridges of bone, air in the sinuses, the eyes in front. */
function base(random: Random, canvas: Canvas, brain: Shape): void {
  const bone = random.between(0.85, 1);
  for (const side of [-1, 1]) {
    const ridge = rod({ x: side * 0.52, y: 0.14 }, { x: side * 0.13, y: 0 }, 0.085, 0.05);
    canvas.paint(overlap(ridge, swell(brain, 0.04)), bone, { texture: tissue(random, 0.25, 30) });
    canvas.paint(ellipse({ x: side * 0.42, y: 0.13 }, 0.04, 0.03), 0.02);
    const wing = rod({ x: side * 0.5, y: -0.26 }, { x: side * 0.12, y: -0.2 }, 0.045, 0.06);
    canvas.paint(overlap(wing, swell(brain, 0.04)), bone);
    canvas.paint(ellipse({ x: side * 0.26, y: -0.48 }, 0.12, 0.12), 0.5);
    canvas.paint(outline(ellipse({ x: side * 0.26, y: -0.47 }, 0.16, 0.17), 0.02), bone);
  }
  canvas.paint(ellipse({ x: 0, y: -0.42 }, 0.09, 0.17), 0.03);
  canvas.paint(rod({ x: 0, y: -0.6 }, { x: 0, y: -0.26 }, 0.013), bone);
  canvas.paint(ellipse({ x: 0, y: 0.03 }, 0.1, 0.07), bone);
}
