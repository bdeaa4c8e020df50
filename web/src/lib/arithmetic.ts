// What a layer computes, done again in plain numbers, so that the page can show every term.

import type { Input, Layer, Window } from "./formats";
import type { Tensor } from "./source";

export interface Term {
  channel: number;
  dy: number;
  dx: number;
  value: number;
  weight: number;
  inside: boolean;
}

/** Pixels, red first, as the network takes them. */
export function normalised(pixels: Tensor, { mean, std, bgr }: Input): Tensor {
  const [C, H, W] = pixels.shape;
  const data = new Float32Array(C * H * W);
  for (let c = 0; c < C; c++) {
    const to = bgr ? C - 1 - c : c;
    for (let i = 0; i < H * W; i++) data[to * H * W + i] = (pixels.data[c * H * W + i] / 255 - mean[c]) / std[c];
  }
  return { shape: pixels.shape, data };
}

/** The products of one output pixel of a convolution; outside the map the value is 0. */
export function convolutionTerms(
  input: Tensor,
  weight: Tensor,
  options: Window,
  unit: number,
  y: number,
  x: number,
): Term[] {
  const [C, H, W] = input.shape;
  const [U, perGroup, kh, kw] = weight.shape;
  const first = Math.floor(unit / (U / options.groups)) * perGroup;
  const terms: Term[] = [];
  for (let c = 0; c < perGroup; c++)
    for (let dy = 0; dy < kh; dy++)
      for (let dx = 0; dx < kw; dx++) {
        const row = y * options.stride[0] - options.padding[0] + dy * options.dilation[0];
        const column = x * options.stride[1] - options.padding[1] + dx * options.dilation[1];
        const inside = row >= 0 && row < H && column >= 0 && column < W && first + c < C;
        terms.push({
          channel: first + c,
          dy,
          dx,
          value: inside ? input.data[((first + c) * H + row) * W + column] : 0,
          weight: weight.data[((unit * perGroup + c) * kh + dy) * kw + dx],
          inside,
        });
      }
  return terms;
}

export function sumOf(terms: { value: number; weight: number }[]): number {
  return terms.reduce((total, term) => total + term.value * term.weight, 0);
}

export interface Contribution {
  index: number;
  amount: number;
  value?: number;
  weight?: number;
}

/** How much each input channel adds to one output pixel of a convolution. */
export function byChannel(terms: Term[]): Contribution[] {
  const sums = new Map<number, number>();
  for (const term of terms)
    sums.set(term.channel, (sums.get(term.channel) ?? 0) + term.value * term.weight);
  return [...sums].map(([index, amount]) => ({ index, amount }));
}

/** How much each input adds to one unit of a dense layer. */
export function denseContributions(input: Tensor, weight: Tensor, unit: number): Contribution[] {
  const n = weight.shape[1];
  return Array.from({ length: n }, (_, i) => {
    const value = input.data[i];
    const w = weight.data[unit * n + i];
    return { index: i, amount: value * w, value, weight: w };
  });
}

/** The strongest contributions, and what all the others add together. */
export function strongest(all: Contribution[], n: number): { top: Contribution[]; rest: number } {
  const sorted = [...all].sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
  const rest = sorted.slice(n).reduce((total, c) => total + c.amount, 0);
  return { top: sorted.slice(0, n), rest };
}

export interface WindowCell {
  y: number;
  x: number;
  value: number;
}

/** The values that a pooling looks at for one output pixel; a mean over space looks at all. */
export function poolingWindow(layer: Layer, input: Tensor, unit: number, y: number, x: number): WindowCell[] {
  const [, H, W] = input.shape;
  const whole: Window = {
    kernel_size: [H, W],
    stride: [H, W],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
  };
  const options = { ...whole, ...layer.window };
  const cells: WindowCell[] = [];
  for (let dy = 0; dy < options.kernel_size[0]; dy++)
    for (let dx = 0; dx < options.kernel_size[1]; dx++) {
      const row = y * options.stride[0] - options.padding[0] + dy * options.dilation[0];
      const column = x * options.stride[1] - options.padding[1] + dx * options.dilation[1];
      if (row < 0 || row >= H || column < 0 || column >= W) continue;
      cells.push({ y: row, x: column, value: input.data[(unit * H + row) * W + column] });
    }
  return cells;
}

export function planeOf(tensor: Tensor, unit: number): { data: ArrayLike<number>; height: number; width: number } {
  if (tensor.shape.length === 1) return { data: tensor.data, height: 1, width: tensor.shape[0] };
  const [, H, W] = tensor.shape;
  return { data: tensor.data.subarray(unit * H * W, (unit + 1) * H * W), height: H, width: W };
}

const scales = new WeakMap<Tensor["data"], number>();

/** The largest magnitude, worked out once: what was put out does not change. */
export function largest({ data }: Tensor): number {
  const known = scales.get(data);
  if (known !== undefined) return known;
  let found = 0;
  for (let i = 0; i < data.length; i++) {
    const size = data[i] < 0 ? -data[i] : data[i];
    if (size > found) found = size;
  }
  scales.set(data, found);
  return found;
}

/** The share of values that are exactly zero. */
export function zeroShare(tensor: Tensor): number {
  let n = 0;
  for (const value of tensor.data) if (value === 0) n++;
  return n / tensor.data.length;
}

/** Units in the order of how strongly this picture drives them. */
export function byStrength(tensor: Tensor): number[] {
  const U = tensor.shape[0];
  const each = tensor.data.length / U;
  const peak = Array.from({ length: U }, (_, u) => {
    let found = -Infinity;
    for (let i = u * each; i < (u + 1) * each; i++) if (tensor.data[i] > found) found = tensor.data[i];
    return found;
  });
  return peak.map((_, u) => u).sort((a, b) => peak[b] - peak[a]);
}

/** Where a unit responds most: a place worth looking at. */
export function strongestPlace(tensor: Tensor, unit: number): [number, number] | null {
  if (tensor.shape.length !== 3) return null;
  const [, H, W] = tensor.shape;
  let best = unit * H * W;
  for (let i = best; i < (unit + 1) * H * W; i++) if (tensor.data[i] > tensor.data[best]) best = i;
  best -= unit * H * W;
  return [Math.floor(best / W), best % W];
}

/** Where a unit's number is smallest. */
export function weakestPlace(tensor: Tensor, unit: number): [number, number] | null {
  return strongestPlace({ ...tensor, data: tensor.data.map((value) => -value) }, unit);
}

/** The unit whose numbers reach furthest to both sides of zero: an activation function keeps some of them and changes others. */
export function tellingUnit(tensor: Tensor): number {
  const U = tensor.shape[0];
  const each = tensor.data.length / U;
  let best = { unit: byStrength(tensor)[0], reach: 0 };
  for (let unit = 0; unit < U; unit++) {
    let [low, high] = [0, 0];
    for (let i = unit * each; i < (unit + 1) * each; i++) {
      low = Math.min(low, tensor.data[i]);
      high = Math.max(high, tensor.data[i]);
    }
    const reach = Math.min(-low, high);
    if (reach > best.reach) best = { unit, reach };
  }
  return best.unit;
}
