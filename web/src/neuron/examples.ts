// Points on a plane in two classes, and weights to begin with; the same for the same seed.

import { outputPlace, paramCount, type Example } from "./perceptron";

export type SetName = "blobs" | "circle" | "xor" | "spiral";
export const SETS: Record<SetName, string> = { blobs: "two blobs", circle: "circle", xor: "XOR", spiral: "spiral" };
/** Points lie within so much of the middle. */
export const REACH = 3;
const POINTS = 120;

/** Numbers from 0 to 1, by the generator "mulberry32". */
export function drawing(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

type Place = [number, number];
const PLACES: Record<SetName, (label: number, share: number, draw: () => number) => Place> = {
  blobs: (label, _, draw) => {
    const middle = label ? 1.2 : -1.2;
    return [middle + 0.55 * normal(draw), middle + 0.55 * normal(draw)];
  },
  circle: (label, _, draw) => {
    const [radius, angle] = [label ? 1.1 * Math.sqrt(draw()) : 1.8 + 0.9 * draw(), 2 * Math.PI * draw()];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  xor: (label, _, draw) => {
    const [across, down] = [0.25 + 2.4 * draw(), 0.25 + 2.4 * draw()];
    const side = draw() < 0.5 ? -1 : 1;
    return [side * across, (label ? -side : side) * down];
  },
  spiral: (label, share, draw) => {
    const [radius, angle] = [0.25 + 2.5 * share, 1.75 * 2 * Math.PI * share * 0.6 + label * Math.PI];
    return [radius * Math.sin(angle) + 0.08 * normal(draw), radius * Math.cos(angle) + 0.08 * normal(draw)];
  },
};

const within = (value: number): number => Math.max(-REACH, Math.min(REACH, value));

export function examplesOf(set: SetName, seed: number): Example[] {
  const draw = drawing(seed);
  return Array.from({ length: POINTS }, (_, i) => {
    const label = i % 2;
    const [x, y] = PLACES[set](label, i / POINTS, draw);
    return { x: [within(x), within(y)], label };
  });
}

/** Weights drawn so that each sum begins at about the size of its inputs; biases of 0. */
export function drawnParams(units: number, seed: number): number[] {
  const draw = drawing(seed ^ 0x9e3779b9);
  const params = new Array<number>(paramCount(units)).fill(0);
  for (let u = 0; u < units; u++) {
    params[3 * u] = normal(draw) / Math.SQRT2;
    params[3 * u + 1] = normal(draw) / Math.SQRT2;
    params[outputPlace(units, u)] = normal(draw) / Math.sqrt(units);
  }
  return params;
}
