/** Plane shapes as signed distances: negative inside, in units of half the picture, x to the right, y down. */

export interface Shape {
  /** Negative inside; near the border close to the true distance. */
  distance(x: number, y: number): number;
  /** Box outside of which the distance is positive. */
  readonly bounds: Bounds;
}

interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function ellipse(centre: Point, radiusX: number, radiusY: number, angle = 0): Shape {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const small = Math.min(radiusX, radiusY);
  const reach = Math.max(radiusX, radiusY);
  return {
    bounds: boxAround(centre, reach, reach),
    distance(x, y) {
      const dx = x - centre.x;
      const dy = y - centre.y;
      return (length((dx * cos + dy * sin) / radiusX, (dy * cos - dx * sin) / radiusY) - 1) * small;
    },
  };
}

/** An ellipse whose border swings: `swings[k]` is the amplitude and phase of the harmonic k + 2. */
export function blob(
  centre: Point,
  radiusX: number,
  radiusY: number,
  swings: readonly { readonly amplitude: number; readonly phase: number }[],
  angle = 0,
): Shape {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const small = Math.min(radiusX, radiusY);
  const reach = Math.max(radiusX, radiusY) * (1 + swings.reduce((sum, { amplitude }) => sum + amplitude, 0));
  return {
    bounds: boxAround(centre, reach, reach),
    distance(x, y) {
      const dx = x - centre.x;
      const dy = y - centre.y;
      const u = (dx * cos + dy * sin) / radiusX;
      const v = (dy * cos - dx * sin) / radiusY;
      const around = Math.atan2(v, u);
      let border = 1;
      let harmonic = 2;
      for (const { amplitude, phase } of swings) {
        border += amplitude * Math.cos(harmonic * around + phase);
        harmonic += 1;
      }
      return (length(u, v) - border) * small;
    },
  };
}

/** A line with round ends whose radius changes from one end to the other. */
export function rod(from: Point, to: Point, radiusFrom: number, radiusTo = radiusFrom): Shape {
  const [lengthX, lengthY] = [to.x - from.x, to.y - from.y];
  const squared = Math.max(lengthX ** 2 + lengthY ** 2, 1e-9);
  const reach = Math.max(radiusFrom, radiusTo);
  return {
    bounds: {
      left: Math.min(from.x, to.x) - reach,
      right: Math.max(from.x, to.x) + reach,
      top: Math.min(from.y, to.y) - reach,
      bottom: Math.max(from.y, to.y) + reach,
    },
    distance(x, y) {
      const along = ((x - from.x) * lengthX + (y - from.y) * lengthY) / squared;
      const t = Math.min(1, Math.max(0, along));
      const radius = radiusFrom + (radiusTo - radiusFrom) * t;
      return length(x - from.x - t * lengthX, y - from.y - t * lengthY) - radius;
    },
  };
}

/** A stroke along the border of another shape. */
export function outline(shape: Shape, halfWidth: number): Shape {
  return {
    bounds: grown(shape.bounds, halfWidth),
    distance: (x, y) => Math.abs(shape.distance(x, y)) - halfWidth,
  };
}

/** The same shape, larger by a margin on every side; smaller where it is negative. */
export function swell(shape: Shape, margin: number): Shape {
  return { bounds: grown(shape.bounds, margin), distance: (x, y) => shape.distance(x, y) - margin };
}

export function overlap(one: Shape, other: Shape): Shape {
  return { bounds: one.bounds, distance: (x, y) => Math.max(one.distance(x, y), other.distance(x, y)) };
}

export function without(shape: Shape, hole: Shape): Shape {
  return { bounds: shape.bounds, distance: (x, y) => Math.max(shape.distance(x, y), -hole.distance(x, y)) };
}

/** Both shapes with a rounded joint between them (polynomial smooth minimum, Quilez). */
export function joined(one: Shape, other: Shape, roundness: number): Shape {
  return {
    bounds: grown(
      {
        left: Math.min(one.bounds.left, other.bounds.left),
        right: Math.max(one.bounds.right, other.bounds.right),
        top: Math.min(one.bounds.top, other.bounds.top),
        bottom: Math.max(one.bounds.bottom, other.bounds.bottom),
      },
      roundness / 4,
    ),
    distance(x, y) {
      const a = one.distance(x, y);
      const b = other.distance(x, y);
      const mix = Math.max(roundness - Math.abs(a - b), 0) / roundness;
      return Math.min(a, b) - (mix * mix * roundness) / 4;
    },
  };
}

/** Everything below a line through a point, for cutting. */
export function below(point: Point, slope = 0): Shape {
  const norm = Math.hypot(1, slope);
  return {
    bounds: { left: -9, right: 9, top: -9, bottom: 9 },
    distance: (x, y) => (point.y + slope * (x - point.x) - y) / norm,
  };
}

/** `Math.hypot` guards against overflow, which costs ten times the time and cannot happen here. */
function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

function boxAround({ x, y }: Point, reachX: number, reachY: number): Bounds {
  return { left: x - reachX, right: x + reachX, top: y - reachY, bottom: y + reachY };
}

function grown({ left, right, top, bottom }: Bounds, margin: number): Bounds {
  return { left: left - margin, right: right + margin, top: top - margin, bottom: bottom + margin };
}
