// The networks of words and numbers, run in the page: what Python's `models/sequences` computes.

import type { RowsNetwork } from "./formats";
import type { Tensor } from "../lib/source";

export type Weights = (name: string) => Tensor;
type Vector = Float64Array;

/** What a network gave on its way: the state behind every word or step, layer by layer. */
export interface Passed {
  /** layer -> step -> U numbers */
  states: Vector[][];
  /** Of a sentence's class, of a row, of a window; of the next word behind the last word. */
  outputs: Vector;
  /** layer -> gate ("cell" and "candidate" among them) -> step -> U numbers; none of other layers. */
  gates: Gates[];
  /** layer -> head -> word -> how much it attends to each word; none without attention. */
  attention: number[][][][];
}
export type Gates = Record<string, Vector[]>;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** erf to 1e-7 absolute (Abramowitz and Stegun, 7.1.26, is 1.5e-7): a series near 0, else a fraction. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 60; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}
const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** W x + b, with W (rows, columns) and perhaps no b. */
function linear(weight: Tensor, x: ArrayLike<number>, bias?: Tensor): Vector {
  const [rows, columns] = weight.shape;
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = bias ? bias.data[i] : 0;
    for (let j = 0; j < columns; j++) sum += weight.data[i * columns + j] * x[j];
    out[i] = sum;
  }
  return out;
}

function row(table: Tensor, i: number): Vector {
  const width = table.shape[1];
  return Float64Array.from(table.data.subarray(i * width, (i + 1) * width));
}

const plus = (a: Vector, b: Vector): Vector => a.map((value, i) => value + b[i]);

const GATES: Record<string, string[]> = {
  lstm: ["input", "forget", "candidate", "output", "cell"],
  gru: ["reset", "update", "candidate"],
  rnn: [],
};

/** Stacked recurrent layers over a sequence: layer -> step -> state. */
export function recurrent(weights: Weights, cell: string, layers: number, inputs: Vector[]): Vector[][] {
  return recurrentSteps(weights, cell, layers, inputs).states;
}

/** The same with every gate. */
export function recurrentSteps(
  weights: Weights,
  cell: string,
  layers: number,
  inputs: Vector[],
): { states: Vector[][]; gates: Gates[] } {
  const found: Vector[][] = [];
  const gates: Gates[] = [];
  let below = inputs;
  for (let k = 0; k < layers; k++) {
    const names = GATES[cell];
    const passed: Gates = Object.fromEntries(names.map((name) => [name, []]));
    const [wi, wh] = [weights(`rnn.weight_ih_l${k}`), weights(`rnn.weight_hh_l${k}`)];
    const [bi, bh] = [weights(`rnn.bias_ih_l${k}`), weights(`rnn.bias_hh_l${k}`)];
    const U = wh.shape[1];
    let state: Vector = new Float64Array(U);
    let memory: Vector = new Float64Array(U);
    below = below.map((x) => {
      const read = linear(wi, x, bi);
      const held = linear(wh, state, bh);
      const next = new Float64Array(U);
      const kept = new Float64Array(U);
      const now = names.map(() => new Float64Array(U));
      for (let u = 0; u < U; u++) {
        const at = (gate: number): number => read[gate * U + u] + held[gate * U + u];
        if (cell === "lstm") {
          const [i, f, g, o] = [sigmoid(at(0)), sigmoid(at(1)), Math.tanh(at(2)), sigmoid(at(3))];
          kept[u] = f * memory[u] + i * g;
          next[u] = o * Math.tanh(kept[u]);
          [i, f, g, o, kept[u]].forEach((value, n) => (now[n][u] = value));
        } else if (cell === "gru") {
          const [r, z] = [sigmoid(at(0)), sigmoid(at(1))];
          const n = Math.tanh(read[2 * U + u] + r * held[2 * U + u]);
          next[u] = (1 - z) * n + z * state[u];
          [r, z, n].forEach((value, k) => (now[k][u] = value));
        } else next[u] = Math.tanh(at(0));
      }
      memory = kept;
      state = next;
      names.forEach((name, n) => passed[name].push(now[n]));
      return next;
    });
    found.push(below);
    gates.push(passed);
  }
  return { states: found, gates };
}

function readout(states: Vector[], how: string): Vector {
  if (how === "last") return states[states.length - 1];
  const out = new Float64Array(states[0].length).fill(how === "max" ? -Infinity : 0);
  for (const state of states)
    for (let u = 0; u < out.length; u++)
      out[u] = how === "max" ? Math.max(out[u], state[u]) : out[u] + state[u] / states.length;
  return out;
}

function layerNorm(x: Vector, weight: Tensor, bias: Tensor): Vector {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
  const over = 1 / Math.sqrt(variance + 1e-5);
  return x.map((value, i) => (value - mean) * over * weight.data[i] + bias.data[i]);
}

function softmaxed(scores: number[]): number[] {
  const top = Math.max(...scores);
  const raised = scores.map((score) => Math.exp(score - top));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((value) => value / sum);
}

/** A block of the encoder; `causal` words see only those before them. */
function block(weights: Weights, k: number, heads: number, causal: boolean, tokens: Vector[]): { tokens: Vector[]; attention: number[][][] } {
  const attention: number[][][] = Array.from({ length: heads }, () => []);
  const of = (name: string): Tensor => weights(`blocks.${k}.${name}`);
  const E = tokens[0].length;
  const width = E / heads;
  const parted = tokens.map((x) =>
    linear(
      of("attention.query_key_value.weight"),
      layerNorm(x, of("attention_norm.weight"), of("attention_norm.bias")),
      of("attention.query_key_value.bias"),
    ),
  );
  const out = tokens.map((x, t) => {
    const taken = new Float64Array(E);
    const seen = causal ? parted.slice(0, t + 1) : parted;
    for (let h = 0; h < heads; h++) {
      const from = h * width;
      const shares = softmaxed(
        seen.map((other) => {
          let sum = 0;
          for (let i = 0; i < width; i++) sum += parted[t][from + i] * other[E + from + i];
          return sum / Math.sqrt(width);
        }),
      );
      attention[h].push(shares);
      seen.forEach((other, s) => {
        for (let i = 0; i < width; i++) taken[from + i] += shares[s] * other[2 * E + from + i];
      });
    }
    const attended = plus(x, linear(of("attention.out.weight"), taken, of("attention.out.bias")));
    const normed = layerNorm(attended, of("dense_norm.weight"), of("dense_norm.bias"));
    const raised = linear(of("dense.weight"), normed, of("dense.bias")).map(gelu);
    return plus(attended, linear(of("back.weight"), raised, of("back.bias")));
  });
  return { tokens: out, attention };
}

/** A sentence through `text-rnn` or `text-transformer`. */
export function readWords(network: RowsNetwork, weights: Weights, ids: number[]): Passed {
  const { shape } = network;
  const words = ids.map((id) => row(weights("embedding.weight"), id));
  const every = network.task === "next-word";
  const layers = Number(shape.layers);
  let states: Vector[][];
  let top: Vector[];
  let gates: Gates[] = [];
  const attention: number[][][][] = [];
  if (network.name === "text-rnn") {
    ({ states, gates } = recurrentSteps(weights, String(shape.cell), layers, words));
    top = states[states.length - 1];
  } else {
    let tokens = words.map((x, t) => plus(x, row(weights("places.weight"), t)));
    states = [];
    for (let k = 0; k < layers; k++) {
      const passed = block(weights, k, Number(shape.heads), every, tokens);
      tokens = passed.tokens;
      states.push(tokens);
      attention.push(passed.attention);
    }
    top = tokens.map((x) => layerNorm(x, weights("norm.weight"), weights("norm.bias")));
  }
  const how = every ? "last" : network.name === "text-rnn" ? String(shape.readout) : "mean";
  const outputs = linear(weights("head.weight"), readout(top, how), weights("head.bias"));
  return { states, outputs, gates, attention };
}

/** A row through `table-mlp`. */
export function readRow(network: RowsNetwork, weights: Weights, inputs: ArrayLike<number>): Vector {
  let now: ArrayLike<number> = inputs;
  for (let k = 0; k < Number(network.shape.layers); k++) {
    const name = `layers.${3 * k}`;
    now = linear(weights(`${name}.weight`), now, weights(`${name}.bias`)).map(gelu);
  }
  const past = linear(weights("straight.weight"), inputs);
  return plus(past, linear(weights("head.weight"), now, weights("head.bias")));
}

/** A window through `series-lstm`: the next value, scaled. */
export function readWindow(network: RowsNetwork, weights: Weights, window: number[][]): Passed {
  const inputs = window.map((step) => Float64Array.from(step));
  const { shape } = network;
  const { states, gates } = recurrentSteps(weights, String(shape.cell), Number(shape.layers), inputs);
  const top = states[states.length - 1];
  const moved = linear(weights("head.weight"), top[top.length - 1], weights("head.bias"));
  return { states, gates, attention: [], outputs: moved.map((value) => value + window[window.length - 1][0]) };
}

export function softmax(logits: ArrayLike<number>): number[] {
  return softmaxed(Array.from(logits));
}

/** The words of a text as Python's `words_of` parts them. */
export function wordsOf(text: string): string[] {
  const word = /[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{Nd}+|[^\p{L}\p{M}\p{N}_\s]/gu;
  return text.toLowerCase().replaceAll("’", "'").match(word) ?? [];
}
