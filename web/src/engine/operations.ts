// What one layer computes from its inputs: plain loops over typed arrays, maps as (C, H, W).

import type { Window } from "../lib/formats";
import type { Tensor } from "../lib/source";

/** A tensor of zeros. */
export function zeros(shape: number[]): Tensor & { data: Float32Array } {
  return { shape, data: new Float32Array(shape.reduce((product, side) => product * side, 1)) };
}

/** As many units and products at a time as a processor keeps in its registers. */
const UNITS = 4;
const PRODUCTS = 3;

/** A convolution with zeros around its input. Weights are (U, C / groups, kh, kw). */
export function convolution(input: Tensor, weight: Tensor, bias: Tensor | null, window: Window, shape: number[]): Tensor {
  const out = zeros(shape);
  const source = padded(input, window.padding);
  const [, H, W] = source.shape;
  const [U, each, kh, kw] = weight.shape;
  const [, OH, OW] = shape;
  const [sy, sx] = window.stride;
  const products = each * kh * kw;
  // Where each weight of a unit reads, from the corner of its first channel on.
  const reads = new Int32Array(Math.ceil(products / PRODUCTS) * PRODUCTS);
  for (let k = 0; k < products; k++) {
    const [c, y, x] = [Math.floor(k / (kh * kw)), Math.floor(k / kw) % kh, k % kw];
    reads[k] = (c * H + y * window.dilation[0]) * W + x * window.dilation[1];
  }
  const weights = new Float64Array(UNITS * reads.length);
  const sums = Array.from({ length: UNITS }, () => new Float64Array(OW));
  const group = U / window.groups;
  for (let first = 0; first < U; first += Math.min(UNITS, group - (first % group))) {
    const n = Math.min(UNITS, group - (first % group));
    weights.fill(0); // missing units and products count nothing
    for (let u = 0; u < n; u++)
      for (let k = 0; k < products; k++)
        weights[(Math.floor(k / PRODUCTS) * UNITS + u) * PRODUCTS + (k % PRODUCTS)] = weight.data[(first + u) * products + k];
    const channel = Math.floor(first / group) * each;
    for (let y = 0; y < OH; y++) {
      for (let u = 0; u < n; u++) sums[u].fill(bias ? bias.data[first + u] : 0);
      addProducts(sums, weights, reads, source.data, (channel * H + y * sy) * W, sx);
      for (let u = 0; u < n; u++) out.data.set(sums[u], ((first + u) * OH + y) * OW);
    }
  }
  return out;
}

/** A row of places of four units: to every sum three products at a time. */
function addProducts([s, t, u, v]: Float64Array[], weights: Float64Array, reads: Int32Array, source: Float64Array, corner: number, step: number): void {
  const n = s.length;
  for (let k = 0, at = 0; k < reads.length; k += PRODUCTS, at += UNITS * PRODUCTS) {
    const [a, b, c] = [corner + reads[k], corner + reads[k + 1], corner + reads[k + 2]];
    const [s0, s1, s2] = [weights[at], weights[at + 1], weights[at + 2]];
    const [t0, t1, t2] = [weights[at + 3], weights[at + 4], weights[at + 5]];
    const [u0, u1, u2] = [weights[at + 6], weights[at + 7], weights[at + 8]];
    const [v0, v1, v2] = [weights[at + 9], weights[at + 10], weights[at + 11]];
    for (let x = 0, from = 0; x < n; x++, from += step) {
      const i = source[a + from];
      const j = source[b + from];
      const l = source[c + from];
      s[x] += s0 * i + s1 * j + s2 * l;
      t[x] += t0 * i + t1 * j + t2 * l;
      u[x] += u0 * i + u1 * j + u2 * l;
      v[x] += v0 * i + v1 * j + v2 * l;
    }
  }
}

/** Maps with zeros around them, in the precision that they are summed in. */
function padded({ shape: [C, H, W], data }: Tensor, [down, across]: readonly number[]): { shape: number[]; data: Float64Array } {
  const shape = [C, H + 2 * down, W + 2 * across];
  const out = new Float64Array(shape[0] * shape[1] * shape[2]);
  for (let row = 0; row < C * H; row++)
    out.set(data.subarray(row * W, (row + 1) * W), (Math.floor(row / H) * shape[1] + down + (row % H)) * shape[2] + across);
  return { shape, data: out };
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
