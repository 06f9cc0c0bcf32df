/** Chance that all subjects share: borders that swing, uneven tissue, poses and scanners. */
import type { Random } from '../training/random.js';
import type { Pose, Scanner } from './canvas.js';

/** Harmonics for `blob`, each smaller than the one before. */
export function swings(
  random: Random,
  strength: number,
  harmonics = 3,
): { amplitude: number; phase: number }[] {
  return Array.from({ length: harmonics }, (_, k) => ({
    amplitude: (strength * random.between(0.3, 1)) / (k + 1),
    phase: random.between(0, 2 * Math.PI),
  }));
}

/** Tissue as a sum of a few waves around 1. */
export function tissue(random: Random, strength: number, finest = 14): (x: number, y: number) => number {
  const waves = Array.from({ length: 5 }, () => {
    const [frequency, angle] = [random.between(3, finest), random.between(0, Math.PI)];
    return {
      u: frequency * Math.cos(angle),
      v: frequency * Math.sin(angle),
      phase: random.between(0, 2 * Math.PI),
    };
  });
  return (x, y) => {
    let sum = 0;
    for (const { u, v, phase } of waves) sum += Math.sin(u * x + v * y + phase);
    return 1 + (strength * sum) / 3;
  };
}

/** Share of the pictures with a careless pose, and of those with a poor exposure: the demo must not be too easy. */
const CARELESS = 0.15;
const POOR = 0.12;

export function pose(random: Random, limits: { degrees: number; scale: number; shift: number }): Pose {
  const wide = random.next() < CARELESS ? 2.4 : 1;
  const scale = random.between(1 - limits.scale * wide, 1 + limits.scale * wide * 0.6);
  const squeeze = random.between(0.94, 1.06);
  return {
    rotation: (random.between(-1, 1) * limits.degrees * wide * Math.PI) / 180,
    scaleX: scale * squeeze,
    scaleY: scale / squeeze,
    shiftX: random.between(-1, 1) * limits.shift * wide,
    shiftY: random.between(-1, 1) * limits.shift * wide,
  };
}

export function scanner(random: Random): Scanner {
  const poor = random.next() < POOR;
  const contrast = poor ? random.between(0.25, 0.5) : random.between(0.72, 1.05);
  return {
    contrast,
    brightness: random.between(-0.03, 0.08) + (1 - contrast) * random.between(0, poor ? 0.8 : 0.3),
    gamma: random.between(0.8, 1.3),
    // Most pictures are clean, a few are not.
    noise: poor ? random.between(0.06, 0.15) : 0.012 + 0.08 * random.next() ** 3,
    blur: random.between(0, 0.9),
  };
}
