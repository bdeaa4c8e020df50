// What one layer computes from its inputs: plain loops over typed arrays, maps as (C, H, W).

import type { Window } from "../lib/formats";
import type { Tensor } from "../lib/source";

/** A tensor of zeros. */
export function zeros(shape: number[]): Tensor & { data: Float32Array } {
  return { shape, data: new Float32Array(shape.reduce((product, side) => product * side, 1)) };
}

/** The output places o of 0..n-1 for which `o * stride + offset` lies within 0..side-1, as [from, to). */
function inside(n: number, stride: number, offset: number, side: number): [number, number] {
  const from = offset >= 0 ? 0 : Math.ceil(-offset / stride);
  const to = Math.floor((side - 1 - offset) / stride) + 1;
  return [Math.min(from, n), Math.max(Math.min(to, n), Math.min(from, n))];
}

/** A convolution with zeros around its input. Weights are (U, C / groups, kh, kw). */
export function convolution(input: Tensor, weight: Tensor, bias: Tensor | null, window: Window, shape: number[]): Tensor {
  const out = zeros(shape);
  const [, H, W] = input.shape;
  const [U, each, kh, kw] = weight.shape;
  const [, OH, OW] = shape;
  const [sy, sx] = window.stride;
  const source = input.data;
  const target = out.data;
  const across = window.dilation[1];
  // For each column of the kernel the outputs that it reaches inside the map.
  const columns = Array.from({ length: kw }, (_, kx) => inside(OW, sx, kx * across - window.padding[1], W));
  const [left, right] = kw === 3 ? common(columns) : [0, 0];
  for (let u = 0; u < U; u++) {
    const first = Math.floor(u / (U / window.groups)) * each;
    const plane = u * OH * OW;
    if (bias) target.fill(bias.data[u], plane, plane + OH * OW);
    for (let c = 0; c < each; c++)
      for (let ky = 0; ky < kh; ky++) {
        const dy = ky * window.dilation[0] - window.padding[0];
        const [top, bottom] = inside(OH, sy, dy, H);
        const kernel = ((u * each + c) * kh + ky) * kw;
        // Where a row of three weights lies inside the map its three products are added at once.
        const [w0, w1, w2] = [weight.data[kernel], weight.data[kernel + 1], weight.data[kernel + 2]];
        for (let y = top; y < bottom; y++) {
          const line = ((first + c) * H + y * sy + dy) * W - window.padding[1];
          const row = plane + y * OW;
          for (let x = left, from = line + left * sx; x < right; x++, from += sx)
            target[row + x] += w0 * source[from] + w1 * source[from + across] + w2 * source[from + 2 * across];
          for (let kx = 0; kx < kw; kx++) {
            const w = weight.data[kernel + kx];
            const [begin, end] = columns[kx];
            const at = line + kx * across;
            if (left < right) {
              for (let x = begin; x < left; x++) target[row + x] += w * source[at + x * sx];
              for (let x = right; x < end; x++) target[row + x] += w * source[at + x * sx];
            } else for (let x = begin; x < end; x++) target[row + x] += w * source[at + x * sx];
          }
        }
      }
  }
  return out;
}

/** Where all of some ranges are. */
function common(ranges: readonly (readonly [number, number])[]): [number, number] {
  return [Math.max(...ranges.map(([begin]) => begin)), Math.min(...ranges.map(([, end]) => end))];
}

/** A fully-connected layer. Weights are (U, features). */
export function dense(input: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [U, n] = weight.shape;
  const out = zeros([U]);
  for (let u = 0; u < U; u++) {
    let sum = bias ? bias.data[u] : 0;
    const row = u * n;
    for (let i = 0; i < n; i++) sum += weight.data[row + i] * input.data[i];
    out.data[u] = sum;
  }
  return out;
}

/** Each channel times a number, plus another: a batch norm in use. */
export function scaled(input: Tensor, scale: Tensor, shift: Tensor): Tensor {
  const out = zeros(input.shape);
  const each = input.data.length / input.shape[0];
  for (let i = 0; i < out.data.length; i++) {
    const channel = Math.floor(i / each);
    out.data[i] = input.data[i] * scale.data[channel] + shift.data[channel];
  }
  return out;
}

/** The largest value of each window, or their mean; zeros around the map count towards a mean. */
export function pooled(input: Tensor, window: Window, shape: number[], kind: "max_pool" | "avg_pool"): Tensor {
  const out = zeros(shape);
  const [C, H, W] = input.shape;
  const [, OH, OW] = shape;
  const [kh, kw] = window.kernel_size;
  const largest = kind === "max_pool";
  for (let c = 0; c < C; c++)
    for (let y = 0; y < OH; y++)
      for (let x = 0; x < OW; x++) {
        let found = largest ? -Infinity : 0;
        for (let ky = 0; ky < kh; ky++) {
          const row = y * window.stride[0] - window.padding[0] + ky * window.dilation[0];
          if (row < 0 || row >= H) continue;
          for (let kx = 0; kx < kw; kx++) {
            const column = x * window.stride[1] - window.padding[1] + kx * window.dilation[1];
            if (column < 0 || column >= W) continue;
            const value = input.data[(c * H + row) * W + column];
            found = largest ? Math.max(found, value) : found + value;
          }
        }
        out.data[(c * OH + y) * OW + x] = largest ? found : found / (kh * kw);
      }
  return out;
}

/** The mean of each map. */
export function spatialMean(input: Tensor, shape: number[]): Tensor {
  const out = zeros(shape);
  const each = input.data.length / input.shape[0];
  for (let c = 0; c < input.shape[0]; c++) {
    let sum = 0;
    for (let i = c * each; i < (c + 1) * each; i++) sum += input.data[i];
    out.data[c] = sum / each;
  }
  return out;
}

export function sumOfAll(inputs: Tensor[]): Tensor {
  const out = zeros(inputs[0].shape);
  for (const input of inputs) for (let i = 0; i < out.data.length; i++) out.data[i] += input.data[i];
  return out;
}

export function softmax(values: ArrayLike<number>): Float32Array {
  const top = Math.max(...Array.from(values));
  const powers = Float32Array.from(values, (value) => Math.exp(value - top));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
/** log(1 + e^x), without overflow. */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The error function, to 1.2e-7: Numerical Recipes, 3rd edition, section 6.2.2 (Chebyshev form of erfc). */
export function erf(x: number): number {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
  ];
  const series = terms.reduceRight((sum, term) => term + t * sum, 0);
  const complement = t * Math.exp(-x * x + series);
  return x >= 0 ? 1 - complement : complement - 1;
}

/** Activations of one number, by the names that an atlas gives them; `slope` is that of "leaky_relu" and "elu". */
export const FUNCTIONS: Record<string, (x: number, slope: number) => number> = {
  relu: (x) => (x > 0 ? x : 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  tanh: Math.tanh,
  sigmoid: logistic,
  silu: (x) => x * logistic(x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  elu: (x, slope) => (x > 0 ? x : slope * Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  hardsigmoid: (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  hardswish: (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  mish: (x) => x * Math.tanh(softplus(x)),
};

export function activated(input: Tensor, name: string, slope: number): Tensor {
  const out = zeros(input.shape);
  const call = FUNCTIONS[name];
  for (let i = 0; i < out.data.length; i++) out.data[i] = call(input.data[i], slope);
  return out;
}
