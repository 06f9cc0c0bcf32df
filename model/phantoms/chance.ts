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

export function pose(random: Random, limits: { degrees: number; scale: number; shift: number }): Pose {
  const scale = random.between(1 - limits.scale, 1 + limits.scale * 0.6);
  const squeeze = random.between(0.94, 1.06);
  return {
    rotation: (random.between(-1, 1) * limits.degrees * Math.PI) / 180,
    scaleX: scale * squeeze,
    scaleY: scale / squeeze,
    shiftX: random.between(-1, 1) * limits.shift,
    shiftY: random.between(-1, 1) * limits.shift,
  };
}

export function scanner(random: Random): Scanner {
  const contrast = random.between(0.72, 1.05);
  return {
    contrast,
    brightness: random.between(-0.03, 0.08) + (1 - contrast) * random.between(0, 0.3),
    gamma: random.between(0.8, 1.3),
    // Most pictures are clean, a few are not.
    noise: 0.015 + 0.1 * random.next() ** 3,
    blur: random.between(0, 0.9),
  };
}
