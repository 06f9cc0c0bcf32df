/** A radiograph of a hand: bones bright, soft tissue faint around them, often with a marker of the side. */
import type { Random } from '../training/random.js';
import { Canvas, expose } from './canvas.js';
import { pose, scanner, swings } from './chance.js';
import { blob, ellipse, joined, rod, type Point, type Shape } from './shapes.js';

interface Finger {
  /** Bones from the wrist to the tip: metacarpal, then the phalanges. */
  readonly joints: readonly Point[];
  readonly width: number;
}

/** Root on the palm, direction in degrees from straight up, lengths of the bones, width; the thumb comes first. */
const PLAN = [
  { root: { x: -0.13, y: 0.36 }, degrees: -48, lengths: [0.27, 0.22, 0.17], width: 0.052 },
  { root: { x: -0.12, y: 0.28 }, degrees: -13, lengths: [0.36, 0.25, 0.16, 0.11], width: 0.05 },
  { root: { x: -0.03, y: 0.26 }, degrees: -2, lengths: [0.36, 0.28, 0.19, 0.12], width: 0.052 },
  { root: { x: 0.06, y: 0.28 }, degrees: 8, lengths: [0.33, 0.26, 0.18, 0.12], width: 0.049 },
  { root: { x: 0.14, y: 0.32 }, degrees: 21, lengths: [0.3, 0.2, 0.12, 0.1], width: 0.043 },
] as const;

export function drawHand(random: Random): Uint8Array {
  const mirrored = random.next() < 0.5 ? -1 : 1;
  const base = pose(random, { degrees: 14, scale: 0.18, shift: 0.09 });
  const canvas = new Canvas({ ...base, scaleX: base.scaleX * mirrored }, random.between(0.01, 0.09));
  const spread = random.between(0.65, 1.3);
  const fingers = PLAN.map((plan) => bend(random, plan, spread));
  const flesh = random.between(0.34, 0.46);
  canvas.paint(skin(fingers), flesh, { softness: 0.06 });
  wrist(random, canvas);
  for (const { joints, width } of fingers) {
    for (const [index, from] of joints.slice(0, -1).entries()) {
      const to = joints[index + 1];
      if (to) bone(random, canvas, from, to, width * (1 - 0.13 * index));
    }
  }
  if (random.next() < 0.6) marker(random, canvas);
  return expose(canvas, scanner(random), random);
}

function bend(random: Random, plan: (typeof PLAN)[number], spread: number): Finger {
  let angle = ((plan.degrees * spread + random.between(-4, 4)) * Math.PI) / 180;
  let at: Point = plan.root;
  const joints: Point[] = [at];
  for (const length of plan.lengths) {
    const reach = length * random.between(0.94, 1.06);
    at = { x: at.x + Math.sin(angle) * reach, y: at.y - Math.cos(angle) * reach };
    joints.push(at);
    angle += random.between(-0.07, 0.07);
  }
  return { joints, width: plan.width };
}

/** The outline of the soft tissue: each finger, the palm and the forearm, joined smoothly. */
function skin(fingers: readonly Finger[]): Shape {
  let whole: Shape = joined(
    ellipse({ x: 0.01, y: 0.14 }, 0.26, 0.3),
    rod({ x: 0, y: 0.4 }, { x: 0, y: 1.4 }, 0.19, 0.21),
    0.15,
  );
  for (const { joints, width } of fingers) {
    for (const [index, from] of joints.slice(0, -1).entries()) {
      const to = joints[index + 1];
      if (to) whole = joined(whole, rod(from, to, width * 1.75, width * 1.5), 0.07);
    }
  }
  return whole;
}

/** A shaft with a darker marrow and thicker ends, with a gap for the joint. */
function bone(random: Random, canvas: Canvas, from: Point, to: Point, width: number): void {
  const along = (t: number): Point => ({ x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t });
  const bright = random.between(0.78, 0.92);
  canvas.paint(rod(along(0.1), along(0.92), width * 0.56), bright);
  canvas.paint(ellipse(along(0.13), width * 0.92, width * 0.8), bright);
  canvas.paint(ellipse(along(0.89), width * 0.82, width * 0.78), bright);
  canvas.paint(rod(along(0.3), along(0.75), width * 0.22), bright * 0.78);
}

function wrist(random: Random, canvas: Canvas): void {
  for (const [x, y] of [
    [-0.13, 0.42],
    [-0.04, 0.36],
    [0.05, 0.38],
    [0.13, 0.43],
    [-0.08, 0.5],
    [0.02, 0.48],
    [0.11, 0.52],
  ] as const) {
    const at = { x: x + random.between(-0.01, 0.01), y };
    canvas.paint(blob(at, 0.048, 0.045, swings(random, 0.15)), random.between(0.66, 0.82));
  }
  const bright = random.between(0.78, 0.9);
  canvas.paint(rod({ x: -0.07, y: 0.62 }, { x: -0.09, y: 1.4 }, 0.085, 0.065), bright);
  canvas.paint(rod({ x: 0.11, y: 0.63 }, { x: 0.1, y: 1.4 }, 0.05, 0.05), bright);
}

/** A lead letter on the plate. */
function marker(random: Random, canvas: Canvas): void {
  const at = { x: random.between(0.5, 0.7) * (random.next() < 0.7 ? 1 : -1), y: random.between(0.35, 0.75) };
  canvas.paint(rod({ x: at.x, y: at.y - 0.08 }, { x: at.x, y: at.y + 0.08 }, 0.02), 1);
  canvas.paint(rod({ x: at.x, y: at.y + 0.08 }, { x: at.x + 0.08, y: at.y + 0.08 }, 0.02), 1);
  if (random.next() < 0.5) {
    canvas.paint(rod({ x: at.x, y: at.y - 0.08 }, { x: at.x + 0.08, y: at.y - 0.06 }, 0.02), 1);
    canvas.paint(rod({ x: at.x, y: at.y }, { x: at.x + 0.08, y: at.y - 0.01 }, 0.02), 1);
  }
}
