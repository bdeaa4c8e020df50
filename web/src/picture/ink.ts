// A drawing as the pictures of a light-on-black set show theirs: one thing, scaled, in the middle.
// LeCun et al., 1998, section III A: digits fit a box of 20 x 20 in the middle of 28 x 28, by their mass.

import type { Ink } from "../lib/formats";
import type { Tensor } from "../lib/source";
import { resample, type Plane } from "./resample";

/** Of the brightest ink: what is fainter is paper. */
const FAINT_FRAC = 0.25;

export interface Drawing {
  pixels: Tensor;
  /** Whether dark on light was turned round. */
  inverted: boolean;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function border({ data, width, height }: Plane): number[] {
  const found: number[] = [];
  for (let x = 0; x < width; x++) found.push(data[x], data[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) found.push(data[y * width], data[y * width + width - 1]);
  return found;
}

/** Scale and centre what stands out from the border's brightness; null where nothing does. */
export function inked(plane: Plane, ink: Ink, height: number, width: number): Drawing | null {
  const ground = median(border(plane));
  if (plane.height === height && plane.width === width && ground <= 127)
    return { pixels: { shape: [1, height, width], data: Uint8Array.from(plane.data) }, inverted: false };
  let light = 0;
  let dark = 0;
  for (const value of plane.data) {
    light = Math.max(light, value - ground);
    dark = Math.max(dark, ground - value);
  }
  const inverted = dark > light;
  const top = Math.max(light, dark);
  if (top < 12) return null;
  const lit = plane.data.map((value) => {
    const above = inverted ? ground - value : value - ground;
    return above < FAINT_FRAC * top ? 0 : (255 * above) / top;
  });
  return { pixels: placed({ ...plane, data: lit }, ink, height, width), inverted };
}

function placed(lit: Plane, ink: Ink, H: number, W: number): Tensor {
  let [left, right, top, bottom] = [lit.width, -1, lit.height, -1];
  for (let y = 0; y < lit.height; y++)
    for (let x = 0; x < lit.width; x++) {
      if (lit.data[y * lit.width + x] === 0) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  const scale = (ink.fit_frac * Math.min(H, W)) / Math.max(right - left + 1, bottom - top + 1);
  const h = Math.max(1, Math.round((bottom - top + 1) * scale));
  const w = Math.max(1, Math.round((right - left + 1) * scale));
  const box: [number, number, number, number] = [left, top, right + 1, bottom + 1];
  const small = resample(boxed(lit, box), [0, 0, right + 1 - left, bottom + 1 - top], w, h, "lanczos");
  let [mass, my, mx, largest] = [0, 0, 0, 1];
  small.data.forEach((value, i) => {
    mass += value;
    my += value * Math.floor(i / w);
    mx += value * (i % w);
    largest = Math.max(largest, value);
  });
  const [cy, cx] = ink.by_mass && mass > 0 ? [my / mass, mx / mass] : [(h - 1) / 2, (w - 1) / 2];
  const y0 = Math.min(Math.max(Math.round((H - 1) / 2 - cy), 0), Math.max(0, H - h));
  const x0 = Math.min(Math.max(Math.round((W - 1) / 2 - cx), 0), Math.max(0, W - w));
  const data = new Uint8Array(H * W);
  for (let y = 0; y < Math.min(h, H - y0); y++)
    for (let x = 0; x < Math.min(w, W - x0); x++)
      data[(y0 + y) * W + x0 + x] = Math.round((small.data[y * w + x] * 255) / largest);
  return { shape: [1, H, W], data };
}

/** The inked box alone: nothing beside it may run into it when it is made smaller. */
function boxed(plane: Plane, [left, top, right, bottom]: [number, number, number, number]): Plane {
  const width = right - left;
  const data = new Float32Array(width * (bottom - top));
  for (let y = top; y < bottom; y++) data.set(plane.data.subarray(y * plane.width + left, y * plane.width + right), (y - top) * width);
  return { data, width, height: bottom - top };
}
