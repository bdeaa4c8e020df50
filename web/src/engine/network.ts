// The network of an atlas as the page runs it: its operations in order, with the weights in the report.

import type { Atlas, Forward, Input, Layer, Sample, Window } from "../lib/formats";
import type { Files, Tensor } from "../lib/source";
import { FUNCTIONS } from "./operations";

/** More multiply-adds than this take a page seconds for one picture. */
export const MOST_MULTIPLY_ADDS = 200e6;
const STRUCTURE = new Set(["conv", "dense", "scale", "max_pool", "avg_pool", "mean", "flatten", "copy", "add", "softmax"]);

/** One layer, with everything that computing it takes. */
export interface Operation {
  layer: string;
  operation: string;
  inputs: string[];
  shape: number[];
  window: Window | null;
  slope: number;
  weight: Tensor | null;
  bias: Tensor | null;
  scale: Tensor | null;
  shift: Tensor | null;
}

export interface Program {
  operations: Operation[];
  input: Input;
  /** Whether K logits become probabilities together, or one logit alone. */
  output: "sigmoid" | "softmax";
}

/** A unit whose map is replaced by one value everywhere: its mean, where it is ablated. */
export interface Silenced {
  layer: string;
  unit: number;
  value: number;
}

export interface Outputs {
  activations: Map<string, Tensor>;
  logits: number[];
  probs: number[];
}

/** The program of an atlas's network, or one sentence on why the page cannot run it. */
export function programOf(atlas: Atlas, files: Files): Program | string {
  const cost = atlas.model.multiply_adds;
  if (cost > MOST_MULTIPLY_ADDS)
    return `This network takes ${Math.round(cost / 1e6).toLocaleString("en")} million multiply-adds per image, more than a page computes.`;
  const operations: Operation[] = [];
  for (const layer of atlas.layers) {
    const { forward } = layer;
    const known = forward && (STRUCTURE.has(forward.operation) || forward.operation in FUNCTIONS);
    if (!known) return `The page does not compute ${layer.title} (${layer.name}), or its weights are not in this report.`;
    operations.push(operationOf(layer, forward, files));
  }
  return { operations, input: atlas.input, output: atlas.model.output };
}

export function operationOf({ name, inputs, shape, window, weight, bias }: Layer, { operation, slope, scale, shift }: Forward, files: Files): Operation {
  return {
    layer: name,
    operation,
    inputs,
    shape,
    window,
    slope: slope ?? 0,
    weight: files.tensor(weight),
    bias: files.tensor(bias),
    scale: files.tensor(scale),
    shift: files.tensor(shift),
  };
}

/** How far the page's numbers are from the recorded ones. */
export interface Agreement {
  pictures: number;
  /** The largest difference of a probability. */
  probability: number;
  /** The largest difference of a logit. */
  logit: number;
  /** The largest difference of an activation, over the largest activation of its layer. */
  activation: number;
}

/** Compare one picture's outputs with what was recorded of it. */
export function difference(outputs: Outputs, sample: Sample, files: Files): Agreement {
  const gaps = (a: number[], b: number[]): number => worst(a.map((value, i) => Math.abs(value - b[i])));
  const shares = Object.entries(sample.activations).map(([layer, ref]) => {
    const recorded = files.tensor(ref)!.data;
    const own = outputs.activations.get(layer)!.data;
    let top = 0;
    let gap = 0;
    for (let i = 0; i < recorded.length; i++) {
      top = Math.max(top, Math.abs(recorded[i]));
      gap = Math.max(gap, Math.abs(recorded[i] - own[i]));
    }
    return top > 0 ? gap / top : gap;
  });
  return {
    pictures: 1,
    probability: gaps(sample.probs, outputs.probs),
    logit: gaps(sample.logits, outputs.logits),
    activation: worst(shares),
  };
}

/** The largest; what is no number is the largest of all, for no comparison finds it. */
const worst = (values: number[]): number => (values.some(Number.isNaN) ? Infinity : Math.max(0, ...values));

export function together(found: Agreement[]): Agreement {
  const of = (key: keyof Agreement): number => worst(found.map((each) => each[key]));
  return { pictures: found.length, probability: of("probability"), logit: of("logit"), activation: of("activation") };
}

/** Whether the page's numbers are the network's own: weights of half precision explain no more than this. */
export function agrees({ probability, activation }: Agreement): boolean {
  return probability <= 0.005 && activation <= 0.01;
}
