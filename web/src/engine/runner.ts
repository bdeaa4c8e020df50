// Runs a network, and after an edit computes again only what the edit reaches.

import { normalised } from "../lib/arithmetic";
import type { Tensor } from "../lib/source";
import type { Operation, Outputs, Program, Silenced } from "./network";
import { activated, convolution, dense, pooled, scaled, softmax, spatialMean, sumOfAll } from "./operations";

export interface Rerun extends Outputs {
  /** The layers that were computed now; all others put out what they did before. */
  renewed: string[];
}

export class Runner {
  private pixels: Tensor | null = null;
  /** Layer -> the units that were held there. */
  private held = new Map<string, Silenced[]>();
  private readonly outputs = new Map<string, Tensor>();

  constructor(private readonly program: Program) {}

  /** Run on one picture, some units replaced by a value: bit by bit what a run from the beginning gives. */
  run(pixels: Tensor, silenced: Silenced[] = []): Rerun {
    const held = new Map<string, Silenced[]>();
    for (const one of silenced) held.set(one.layer, [...(held.get(one.layer) ?? []), one]);
    const stale = new Set<string>();
    if (!this.pixels || !samePixels(this.pixels, pixels)) {
      this.outputs.set("input", normalised(pixels, this.program.input));
      stale.add("input");
    }
    const renewed: string[] = [];
    for (const op of this.program.operations) {
      if (!op.inputs.some((name) => stale.has(name)) && sameUnits(this.held.get(op.layer), held.get(op.layer))) continue;
      this.outputs.set(op.layer, silence(computed(op, op.inputs.map((name) => this.outputs.get(name)!)), held.get(op.layer)));
      stale.add(op.layer);
      renewed.push(op.layer);
    }
    [this.pixels, this.held] = [pixels, held];
    const last = this.program.operations.at(-1);
    const activations = new Map(this.outputs);
    activations.delete("input");
    return { activations, renewed, ...answer(last ? Array.from(this.outputs.get(last.layer)!.data) : [], last?.operation ?? "", this.program.output) };
  }
}

/** What a layer puts out for its inputs. */
export function computed(op: Operation, inputs: Tensor[]): Tensor {
  const [first] = inputs;
  switch (op.operation) {
    case "conv":
      return convolution(first, op.weight!, op.bias, op.window!, op.shape);
    case "dense":
      return dense(first, op.weight!, op.bias);
    case "scale":
      return scaled(first, op.scale!, op.shift!);
    case "max_pool":
    case "avg_pool":
      return pooled(first, op.window!, op.shape, op.operation);
    case "mean":
      return spatialMean(first, op.shape);
    case "flatten":
    case "copy":
      return { shape: op.shape, data: first.data };
    case "add":
      return sumOfAll(inputs);
    case "softmax":
      return { shape: op.shape, data: softmax(first.data) };
    default:
      return activated(first, op.operation, op.slope);
  }
}

const samePixels = (a: Tensor, b: Tensor): boolean => a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i]);

const sameUnits = (a: Silenced[] = [], b: Silenced[] = []): boolean =>
  a.length === b.length && a.every(({ unit, value }, i) => unit === b[i].unit && value === b[i].value);

/** A layer's output with some units' maps replaced; its numbers may be those of the layer before, which stay. */
function silence({ shape, data: before }: Tensor, held: Silenced[] | undefined): Tensor {
  if (!held) return { shape, data: before };
  const data = before.slice();
  const each = data.length / shape[0];
  for (const { unit, value } of held) data.fill(value, unit * each, (unit + 1) * each);
  return { shape, data };
}

/** Logits and probabilities from the last layer's values, which may be probabilities already. */
function answer(values: number[], operation: string, output: Program["output"]): { logits: number[]; probs: number[] } {
  if (operation === "softmax") return { logits: values.map(Math.log), probs: values };
  if (output === "softmax") return { logits: values, probs: Array.from(softmax(values)) };
  const [value] = values;
  const p = operation === "sigmoid" ? value : 1 / (1 + Math.exp(-value));
  return { logits: [operation === "sigmoid" ? Math.log(p / (1 - p)) : value], probs: [1 - p, p] };
}
