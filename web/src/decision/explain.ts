// Why a number is what it is: the sum that it comes from, by the maps or units that were added up.
// Followed from a class's logit back, one sum after the other, this is the tree of a decision.

import { convolutionTerms, normalised, poolingWindow } from "../lib/arithmetic";
import { layerNamed } from "../lib/atlas";
import type { Atlas, Layer, Sample } from "../lib/formats";
import type { Files, Tensor } from "../lib/source";

export const PICTURE = "input";
export type Arrays = Pick<Files, "tensor">;

/** One number of a network: a place of a unit's map, or the whole output of a unit without one. */
export interface Site {
  layer: string;
  unit: number;
  at: [number, number] | null;
}

/** What one map, unit or branch adds. */
export interface Part {
  amount: number;
  /** Where the largest share of it comes from. */
  site: Site;
  /** How it spreads over the places that were read, (h, w); null where that is a single number. */
  spread: Tensor | null;
  /** Where the spread lies on the map that was read: [top, left], null where that is all of it. */
  corner: [number, number] | null;
}

export interface Explanation {
  /** The layer whose weights were added up, or that added branches. */
  layer: Layer;
  /** What stands between this sum and the number asked about, nearest to the number first. */
  through: Layer[];
  parts: Part[];
  bias: number;
  /** The bias and all parts together. */
  total: number;
}

/** What a layer computes, by the names of an atlas's operations; older atlases tell its kind alone. */
function operationOf(layer: Layer): string {
  const byKind: Record<string, string> = { batch_norm: "scale", dropout: "copy", global_pool: "mean", activation: layer.function ?? "" };
  return layer.forward?.operation ?? byKind[layer.kind] ?? layer.kind;
}

export class Explainer {
  private readonly picture: Tensor;

  constructor(
    private readonly atlas: Atlas,
    private readonly arrays: Arrays,
    private readonly sample: Sample,
  ) {
    this.picture = normalised(arrays.tensor(sample.pixels)!, atlas.input);
  }

  /** What a layer put out for this picture. */
  output(name: string): Tensor | null {
    return name === PICTURE ? this.picture : this.arrays.tensor(this.sample.activations[name]);
  }
  value({ layer, unit, at }: Site): number | null {
    const tensor = this.output(layer);
    if (!tensor) return null;
    if (!at) return tensor.data[unit];
    const [, H, W] = tensor.shape;
    return tensor.data[(unit * H + at[0]) * W + at[1]];
  }

  /** Why one logit lies above another; null where no dense layer gives them. A single logit speaks for the second class. */
  margin(first: number, second: number): Explanation | null {
    const through: Layer[] = [];
    let layer = this.atlas.layers.at(-1);
    while (layer && layer.kind !== "dense" && ["softmax", "sigmoid", "copy", "flatten"].includes(operationOf(layer))) {
      through.push(layer);
      layer = layerNamed(this.atlas, layer.inputs[0]);
    }
    const weight = this.arrays.tensor(layer?.weight);
    if (!layer || layer.kind !== "dense" || !weight) return null;
    const bias = this.arrays.tensor(layer.bias)?.data;
    const [K, n] = weight.shape;
    const single = K === 1;
    const of = (k: number, i: number): number => (single ? k * weight.data[i] : weight.data[k * n + i]);
    const row = Float64Array.from({ length: n }, (_, i) => of(first, i) - of(second, i));
    const offset = (k: number): number => (bias ? (single ? k * bias[0] : bias[k]) : 0);
    const parts = this.denseParts(row, layer.inputs[0]);
    return parts && this.summed({ layer, through, parts, bias: offset(first) - offset(second) });
  }

  /** The sum behind one number; null at a pixel, and where a layer computes something else or was left out. */
  explain(site: Site): Explanation | null {
    const through: Layer[] = [];
    let { unit, at } = site;
    let layer = layerNamed(this.atlas, site.layer);
    let [factor, shift] = [1, 0];
    while (layer) {
      const operation = operationOf(layer);
      const [source] = layer.inputs;
      if (operation === "conv" || operation === "dense" || operation === "add") {
        const found = operation === "conv" ? this.convolution(layer, unit, at!) : operation === "dense" ? this.dense(layer, unit) : this.branches(layer, unit, at);
        if (!found) return null;
        const parts = factor === 1 ? found.parts : found.parts.map((part) => scaledPart(part, factor));
        return this.summed({ layer, through, parts, bias: factor * found.bias + shift });
      }
      if (operation === "max_pool") {
        const input = this.output(source);
        if (!input || !at) return null;
        const cells = poolingWindow(layer, input, unit, ...at);
        const top = cells.reduce((best, cell) => (cell.value > best.value ? cell : best), cells[0]);
        at = [top.y, top.x];
      } else if (operation === "avg_pool" || operation === "mean") {
        const found = this.mean(layer, unit, at);
        return found && this.summed({ layer, through, parts: factor === 1 ? found : found.map((part) => scaledPart(part, factor)), bias: shift });
      } else if (operation === "scale") {
        const [scale, offset] = [this.arrays.tensor(layer.forward?.scale), this.arrays.tensor(layer.forward?.shift)];
        if (!scale || !offset) return null;
        shift += factor * offset.data[unit];
        factor *= scale.data[unit];
      } else if (operation === "flatten") {
        const [, H, W] = this.output(source)?.shape ?? [];
        if (W) [unit, at] = [Math.floor(unit / (H * W)), [Math.floor(unit / W) % H, unit % W]];
      } else if (operation !== "copy") {
        if (layer.kind !== "activation" || factor !== 1 || shift !== 0) return null; // a bend inside a sum has no parts
      }
      if (operation !== "copy" && operation !== "flatten") through.push(layer);
      layer = layerNamed(this.atlas, source);
    }
    return null;
  }

  private summed(found: Omit<Explanation, "total">): Explanation {
    const parts = [...found.parts].sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
    return { ...found, parts, total: parts.reduce((sum, { amount }) => sum + amount, found.bias) };
  }

  private dense(layer: Layer, unit: number): { parts: Part[]; bias: number } | null {
    const weight = this.arrays.tensor(layer.weight);
    if (!weight) return null;
    const [, n] = weight.shape;
    const parts = this.denseParts(weight.data.subarray(unit * n, (unit + 1) * n), layer.inputs[0]);
    return parts && { parts, bias: this.arrays.tensor(layer.bias)?.data[unit] ?? 0 };
  }

  /** A weighted sum over all that a layer put out, by its maps: not by the single numbers of a flattened row. */
  private denseParts(weights: ArrayLike<number>, source: string): Part[] | null {
    let mean = false;
    let layer = layerNamed(this.atlas, source);
    let name = source;
    while (layer && !mean && ["flatten", "copy", "mean"].includes(operationOf(layer))) {
      if (operationOf(layer) === "mean" && this.output(layer.inputs[0])) mean = true;
      else if (operationOf(layer) === "mean") break;
      name = layer.inputs[0];
      layer = layerNamed(this.atlas, name);
    }
    const tensor = this.output(name);
    if (!tensor) return null;
    const [C, H = 1, W = 1] = tensor.shape;
    const each = H * W;
    if (weights.length !== (mean ? C : C * each)) return null;
    return Array.from({ length: C }, (_, unit) => {
      const amounts = Float32Array.from({ length: each }, (_, i) => {
        const value = tensor.data[unit * each + i];
        return mean ? (weights[unit] * value) / each : weights[unit * each + i] * value;
      });
      return partOf(name, unit, { shape: [H, W], data: amounts }, tensor.shape.length === 3 ? [0, 0] : null);
    });
  }

  private convolution(layer: Layer, unit: number, [y, x]: [number, number]): { parts: Part[]; bias: number } | null {
    const input = this.output(layer.inputs[0]);
    const weight = this.arrays.tensor(layer.weight);
    if (!input || !weight || !layer.window) return null;
    const { window } = layer;
    const [, each, kh, kw] = weight.shape;
    const terms = convolutionTerms(input, weight, window, unit, y, x);
    const corner: [number, number] = [y * window.stride[0] - window.padding[0], x * window.stride[1] - window.padding[1]];
    const parts = Array.from({ length: each }, (_, c) => {
      const mine = terms.slice(c * kh * kw, (c + 1) * kh * kw);
      const amounts = Float32Array.from(mine, (term) => term.value * term.weight);
      const part = partOf(layer.inputs[0], mine[0].channel, { shape: [kh, kw], data: amounts }, corner, window.dilation);
      const [H, W] = input.shape.slice(1);
      const [row, column] = part.site.at!;
      part.site.at = [Math.max(0, Math.min(H - 1, row)), Math.max(0, Math.min(W - 1, column))];
      return part;
    });
    return { parts, bias: this.arrays.tensor(layer.bias)?.data[unit] ?? 0 };
  }

  private branches(layer: Layer, unit: number, at: [number, number] | null): { parts: Part[]; bias: number } | null {
    const parts: Part[] = [];
    for (const branch of layer.inputs) {
      const site = { layer: branch, unit, at };
      const amount = this.value(site);
      if (amount === null) return null;
      parts.push({ amount, site, spread: null, corner: null });
    }
    return { parts, bias: 0 };
  }

  /** A mean over a window or a map is a sum of one map's numbers. */
  private mean(layer: Layer, unit: number, at: [number, number] | null): Part[] | null {
    const input = this.output(layer.inputs[0]);
    if (!input || input.shape.length !== 3) return null;
    const cells = poolingWindow(layer, input, unit, ...(at ?? [0, 0]));
    const n = layer.window ? layer.window.kernel_size[0] * layer.window.kernel_size[1] : cells.length;
    const [rows, columns] = [new Set(cells.map(({ y }) => y)).size, new Set(cells.map(({ x }) => x)).size];
    const spread = { shape: [rows, columns], data: Float32Array.from(cells, ({ value }) => value / n) };
    return [partOf(layer.inputs[0], unit, spread, [cells[0].y, cells[0].x])];
  }
}

function scaledPart(part: Part, factor: number): Part {
  const spread = part.spread && { shape: part.spread.shape, data: Float32Array.from(part.spread.data, (value) => value * factor) };
  return { ...part, amount: part.amount * factor, spread };
}

/** A part from what each place adds; its site is the place that adds most in the part's own direction. */
function partOf(layer: string, unit: number, spread: Tensor, corner: [number, number] | null, dilation: [number, number] = [1, 1]): Part {
  const { data } = spread;
  const [, W] = spread.shape;
  let amount = 0;
  for (const value of data) amount += value;
  let best = 0;
  const sign = amount < 0 ? -1 : 1;
  for (let i = 1; i < data.length; i++) if (sign * data[i] > sign * data[best]) best = i;
  const at: [number, number] | null = corner && [corner[0] + Math.floor(best / W) * dilation[0], corner[1] + (best % W) * dilation[1]];
  return { amount, site: { layer, unit, at }, spread: data.length > 1 ? spread : null, corner };
}
