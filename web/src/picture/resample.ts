// Resizing as Pillow does it, so that the page's network receives what Python's does.

export type Interpolation = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** One channel of a picture. */
export interface Plane {
  data: Float32Array;
  width: number;
  height: number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Filters with half their width; Pillow's `bicubic` has a = -0.5. */
const FILTERS: Record<Exclude<Interpolation, "nearest">, { support: number; at: (x: number) => number }> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, at: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))) },
  bicubic: {
    support: 2,
    at: (x) => {
      const d = Math.abs(x);
      if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
      return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

interface Taps {
  from: number;
  weights: number[];
}

/** What each of `to` places along a side takes from `length` places, the side's part [start, end) alone. */
function taps(start: number, end: number, length: number, to: number, interpolation: Interpolation): Taps[] {
  const scale = (end - start) / to;
  return Array.from({ length: to }, (_, i) => {
    const middle = start + (i + 0.5) * scale;
    if (interpolation === "nearest") return { from: Math.min(length - 1, Math.floor(middle)), weights: [1] };
    const { support, at } = FILTERS[interpolation];
    const wide = Math.max(1, scale); // made smaller, a picture is smoothed first
    const from = Math.max(0, Math.floor(middle - support * wide + 0.5));
    const stop = Math.min(length, Math.floor(middle + support * wide + 0.5));
    const weights = Array.from({ length: stop - from }, (_, k) => at((from + k - middle + 0.5) / wide));
    const total = weights.reduce((sum, w) => sum + w, 0);
    return { from, weights: weights.map((w) => w / total) };
  });
}

const byte = (value: number) => Math.min(255, Math.max(0, Math.round(value)));

/** A part [left, top, right, bottom) of a plane, resized; values are rounded to bytes after each direction. */
export function resample(plane: Plane, box: [number, number, number, number], width: number, height: number, interpolation: Interpolation): Plane {
  const [left, top, right, bottom] = box;
  const across = taps(left, right, plane.width, width, interpolation);
  const down = taps(top, bottom, plane.height, height, interpolation);
  const middle = new Float32Array(width * plane.height);
  for (let y = 0; y < plane.height; y++)
    across.forEach(({ from, weights }, x) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * plane.data[y * plane.width + from + k];
      middle[y * width + x] = byte(sum);
    });
  const data = new Float32Array(width * height);
  down.forEach(({ from, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * middle[(from + k) * width + x];
      data[y * width + x] = byte(sum);
    }
  });
  return { data, width, height };
}
