// What a place of a map can see of the picture.

import { layerNamed } from "../lib/atlas";
import type { Atlas } from "../lib/formats";
import type { Site } from "./explain";

export interface Box {
  y: number;
  x: number;
  h: number;
  w: number;
}

/** The part of the picture behind one place, cut to the picture; null where that is all of it. */
export function fieldOf(atlas: Atlas, { layer, at }: Site): Box | null {
  const field = layerNamed(atlas, layer)?.receptive_field;
  if (!field || !at) return null;
  const span = (axis: 0 | 1, side: number): [number, number] => {
    const start = field.start_px[axis] + at[axis] * field.stride_px[axis];
    const from = Math.max(0, Math.min(side - 1, start));
    return [from, Math.max(1, Math.min(side, start + field.size_px[axis]) - from)];
  };
  const [y, h] = span(0, atlas.input.height);
  const [x, w] = span(1, atlas.input.width);
  return { y, x, h, w };
}
