/** A slice through both breasts as magnetic resonance shows it: bright fat, grey glands, a dark chest below. */
import type { Random } from '../training/random.js';
import { Canvas, expose } from './canvas.js';
import { pose, scanner, swings, tissue } from './chance.js';
import { below, blob, ellipse, joined, overlap, rod, swell, without } from './shapes.js';

export function drawBreasts(random: Random): Uint8Array {
  const canvas = new Canvas(pose(random, { degrees: 6, scale: 0.14, shift: 0.07 }), random.between(0, 0.03));
  const wall = random.between(0.04, 0.16);
  const thorax = blob({ x: 0, y: wall + 0.62 }, random.between(0.76, 0.86), 0.62, swings(random, 0.02));
  const apart = random.between(0.4, 0.47);
  const length = random.between(0.22, 0.44);
  const width = random.between(0.27, 0.33);
  const lean = random.between(-0.03, 0.08);
  const breasts = ([-1, 1] as const).map((side) => {
    const base = { x: side * apart, y: wall + 0.12 };
    const tip = {
      x: side * (apart + lean),
      y: wall - length * random.between(0.9, 1.08),
    };
    return rod(base, tip, width * 1.1, width * random.between(0.62, 0.95));
  });
  const [left, right] = breasts;
  if (!left || !right) throw new Error('There are two breasts.');
  const fat = random.between(0.74, 0.92);
  const skin = joined(joined(left, right, 0.06), thorax, 0.22);
  const outside = swell(skin, 0);
  canvas.paint(outside, fat, { texture: tissue(random, 0.06) });
  for (const breast of breasts) glands(random, canvas, swell(breast, -0.06), fat);
  chestInside(random, canvas, wall);
  canvas.paint(without(outside, swell(outside, -0.025)), 0.55);
  return expose(canvas, scanner(random), random);
}

/** Glands spread from the nipple; how many differs from person to person, so that some breasts are nearly all fat. */
function glands(random: Random, canvas: Canvas, within: ReturnType<typeof rod>, fat: number): void {
  const { left, right, top, bottom } = within.bounds;
  const middle = (left + right) / 2;
  const density = random.next();
  const grain = tissue(random, 0.3, 30);
  const core = blob(
    { x: middle, y: top + (bottom - top) * 0.36 },
    (right - left) * (0.1 + 0.26 * density),
    (bottom - top) * (0.14 + 0.16 * density),
    swings(random, 0.25, 5),
  );
  canvas.paint(overlap(core, within), fat * 0.5, { texture: grain, opacity: 0.85 });
  for (let k = 0; k < 6; k += 1) {
    const to = {
      x: middle + random.between(-0.4, 0.4) * (right - left),
      y: top + (bottom - top) * random.between(0.25, 0.65),
    };
    const strand = rod({ x: middle, y: top + 0.02 }, to, 0.022, 0.012);
    canvas.paint(overlap(strand, within), fat * random.between(0.35, 0.65));
  }
}

function chestInside(random: Random, canvas: Canvas, wall: number): void {
  const top = wall + 0.14;
  const cut = below({ x: 0, y: top - 0.02 });
  const muscle = overlap(ellipse({ x: 0, y: wall + 0.72 }, 0.7, 0.6), cut);
  canvas.paint(muscle, random.between(0.28, 0.38), { texture: tissue(random, 0.2) });
  const cavity = ellipse({ x: 0, y: wall + 0.78 }, 0.6, 0.53);
  canvas.paint(cavity, 0.14, { texture: tissue(random, 0.3) });
  for (const side of [-1, 1]) {
    canvas.paint(ellipse({ x: side * 0.34, y: wall + 0.7 }, 0.2, 0.34, side * 0.15), 0.04);
    // Cut ribs in the wall, dark with a bright core.
    for (let k = 0; k < 3; k += 1) {
      const angle = -0.4 - 0.42 * k;
      const at = { x: side * Math.cos(angle) * 0.65, y: wall + 0.75 + Math.sin(angle) * 0.565 };
      canvas.paint(ellipse(at, 0.06, 0.03, side * (angle + 1.5)), 0.12);
    }
  }
  const heart = blob({ x: 0.06, y: wall + 0.52 }, 0.2, 0.16, swings(random, 0.15));
  canvas.paint(heart, random.between(0.18, 0.45), { texture: tissue(random, 0.35, 20) });
  canvas.paint(rod({ x: -0.05, y: top + 0.06 }, { x: 0.05, y: top + 0.06 }, 0.03), 0.4);
}
