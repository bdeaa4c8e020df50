// What a place of a map can see of the picture.

import type { Atlas, Layer } from "./formats";

export interface Box {
  y: number;
  x: number;
  h: number;
  w: number;
}

/** The part of the picture behind one place of a layer's map, cut to what the network reads; null where that is all of it. */
export function boxOf(atlas: Atlas, layer: Layer, at: readonly [number, number]): Box | null {
  const field = layer.receptive_field;
  if (!field) return null;
  const [top, left, high, wide] = field.within_px ?? [0, 0, atlas.input.height, atlas.input.width];
  const span = (axis: 0 | 1, low: number, side: number): [number, number] => {
    const start = field.start_px[axis] + at[axis] * field.stride_px[axis];
    const from = Math.max(low, Math.min(low + side - 1, start));
    return [from, Math.max(1, Math.min(low + side, start + field.size_px[axis]) - from)];
  };
  const [y, h] = span(0, top, high);
  const [x, w] = span(1, left, wide);
  return { y, x, h, w };
}
