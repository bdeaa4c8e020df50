import { expect, it } from "vitest";
import type { Tensor } from "../lib/source";
import { drawing } from "../neuron/examples";
import type { Operation, Program, Silenced } from "./network";
import { Runner } from "./runner";

const draw = drawing(5);
const random = (...shape: number[]): Tensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * draw() - 1),
});
const picture = (): Tensor => ({ shape: [2, 6, 6], data: Uint8Array.from({ length: 72 }, () => Math.floor(256 * draw())) });
const window = (k: number, stride: number, padding: number) => ({
  kernel_size: [k, k] as [number, number], stride: [stride, stride] as [number, number],
  padding: [padding, padding] as [number, number], dilation: [1, 1] as [number, number], groups: 1,
});
const plain = { window: null, slope: 0, weight: null, bias: null, scale: null, shift: null };
// A skip around a branch, and layers that pass on the numbers that they read.
const operations: Operation[] = [
  { ...plain, layer: "c1", operation: "conv", inputs: ["input"], shape: [5, 6, 6], window: window(3, 1, 1), weight: random(5, 2, 3, 3), bias: random(5) },
  { ...plain, layer: "r1", operation: "relu", inputs: ["c1"], shape: [5, 6, 6] },
  { ...plain, layer: "c2", operation: "conv", inputs: ["r1"], shape: [5, 6, 6], window: window(3, 1, 1), weight: random(5, 5, 3, 3) },
  { ...plain, layer: "drop", operation: "copy", inputs: ["r1"], shape: [5, 6, 6] },
  { ...plain, layer: "a", operation: "add", inputs: ["c2", "drop"], shape: [5, 6, 6] },
  { ...plain, layer: "p", operation: "max_pool", inputs: ["a"], shape: [5, 3, 3], window: window(2, 2, 0) },
  { ...plain, layer: "f", operation: "flatten", inputs: ["p"], shape: [45] },
  { ...plain, layer: "d1", operation: "dense", inputs: ["f"], shape: [6], weight: random(6, 45), bias: random(6) },
  { ...plain, layer: "d2", operation: "dense", inputs: ["d1"], shape: [3], weight: random(3, 6) },
];
const program: Program = { operations, input: { channels: 2, height: 6, width: 6, mean: [0.4, 0.5], std: [0.2, 0.3], bgr: false } as Program["input"], output: "softmax" };

it("gives after any edits what a run from the beginning gives, bit by bit", () => {
  const runner = new Runner(program);
  let pixels = picture();
  let silenced: Silenced[] = [];
  for (let edit = 0; edit < 200; edit++) {
    const { layer, shape } = operations[Math.floor(draw() * operations.length)];
    const one = { layer, unit: Math.floor(draw() * shape[0]), value: draw() };
    if (draw() < 0.15) pixels = picture();
    else if (draw() < 0.3) silenced = [];
    else if (draw() < 0.4) silenced = silenced.slice(1);
    else silenced = [...silenced, one];
    const found = runner.run(pixels, silenced);
    const { renewed: _, ...fresh } = new Runner(program).run(pixels, silenced);
    expect({ activations: found.activations, logits: found.logits, probs: found.probs }).toEqual(fresh);
    for (const { layer: name, unit } of silenced) {
      const { shape: [n], data } = found.activations.get(name)!;
      const held = silenced.findLast((other) => other.layer === name && other.unit === unit)!.value;
      expect(data[unit * (data.length / n)]).toBe(Math.fround(held));
    }
  }
});

it("computes only what an edit reaches", () => {
  const runner = new Runner(program);
  const pixels = picture();
  const all = operations.map(({ layer }) => layer);
  const off = (layer: string): Silenced[] => [{ layer, unit: 1, value: 0.5 }];
  expect(runner.run(pixels).renewed).toEqual(all);
  expect(runner.run({ ...pixels, data: pixels.data.slice() }).renewed).toEqual([]);
  expect(runner.run(pixels, off("c2")).renewed).toEqual(["c2", "a", "p", "f", "d1", "d2"]);
  expect(runner.run(pixels, [...off("c2"), ...off("d1")]).renewed).toEqual(["d1", "d2"]);
  expect(runner.run(pixels, off("drop")).renewed).toEqual(["c2", "drop", "a", "p", "f", "d1", "d2"]);
  expect(runner.run(picture(), off("drop")).renewed).toEqual(all);
});
