import { beforeAll, describe, expect, it } from "vitest";
import type { Operation } from "../engine/network";
import { Runner } from "../engine/runner";
import type { ArrayRef, Atlas, Layer, Sample } from "../lib/formats";
import type { Tensor } from "../lib/source";
import { drawing } from "../neuron/examples";
import { Explainer, type Explanation, type Site } from "./explain";

const draw = drawing(3);
const random = (...shape: number[]): Tensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * draw() - 1),
});
const window = (k: number, stride: number, padding: number, groups = 1, dilation = 1) => ({
  kernel_size: [k, k] as [number, number], stride: [stride, stride] as [number, number],
  padding: [padding, padding] as [number, number], dilation: [dilation, dilation] as [number, number], groups,
});
const held = new Map<string, Tensor>();
const hold = (name: string, tensor: Tensor | null): ArrayRef | null => {
  if (!tensor) return null;
  held.set(name, tensor);
  return { file: "", name };
};
const KINDS: Record<string, string> = { scale: "batch_norm", copy: "dropout", mean: "global_pool", relu: "activation" };

const plain = { window: null, slope: 0, weight: null, bias: null, scale: null, shift: null };
const OPERATIONS: Operation[] = [
  { ...plain, layer: "c1", operation: "conv", inputs: ["input"], shape: [4, 8, 8], window: window(3, 1, 1), weight: random(4, 2, 3, 3), bias: random(4) },
  { ...plain, layer: "n1", operation: "scale", inputs: ["c1"], shape: [4, 8, 8], scale: random(4), shift: random(4) },
  { ...plain, layer: "r1", operation: "relu", inputs: ["n1"], shape: [4, 8, 8] },
  { ...plain, layer: "p1", operation: "max_pool", inputs: ["r1"], shape: [4, 4, 4], window: window(2, 2, 0) },
  { ...plain, layer: "c2", operation: "conv", inputs: ["p1"], shape: [4, 4, 4], window: window(3, 1, 2, 2, 2), weight: random(4, 2, 3, 3) },
  { ...plain, layer: "a", operation: "add", inputs: ["p1", "c2"], shape: [4, 4, 4] },
  { ...plain, layer: "p2", operation: "avg_pool", inputs: ["a"], shape: [4, 2, 2], window: window(2, 2, 0) },
  { ...plain, layer: "f", operation: "flatten", inputs: ["p2"], shape: [16] },
  { ...plain, layer: "d1", operation: "dense", inputs: ["f"], shape: [5], weight: random(5, 16), bias: random(5) },
  { ...plain, layer: "r2", operation: "relu", inputs: ["d1"], shape: [5] },
  { ...plain, layer: "drop", operation: "copy", inputs: ["r2"], shape: [5] },
  { ...plain, layer: "d2", operation: "dense", inputs: ["drop"], shape: [3], weight: random(3, 5), bias: random(3) },
];

function built(operations: Operation[]): { explainer: Explainer; sample: Sample } {
  const input = { channels: 2, height: 8, width: 8, mean: [0.4, 0.5], std: [0.2, 0.3], bgr: false };
  const pixels = { shape: [2, 8, 8], data: Uint8Array.from({ length: 128 }, () => Math.floor(256 * draw())) };
  const { activations, logits, probs } = new Runner({ operations, input, output: "softmax" } as never).run(pixels);
  const layers = operations.map((op) => ({
    name: op.layer, title: op.layer, kind: KINDS[op.operation] ?? op.operation, function: null, inputs: op.inputs, shape: op.shape, window: op.window,
    weight: hold(`${op.layer}.weight`, op.weight), bias: hold(`${op.layer}.bias`, op.bias),
    forward: { operation: op.operation, slope: null, scale: hold(`${op.layer}.scale`, op.scale), shift: hold(`${op.layer}.shift`, op.shift) },
  }));
  const refs = Object.fromEntries([...activations].map(([name, tensor]) => [name, hold(`out.${name}`, tensor)!]));
  const sample = { pixels: hold("pixels", pixels), activations: refs, logits, probs } as unknown as Sample;
  const atlas = { layers: layers as unknown as Layer[], input } as unknown as Atlas;
  return { sample, explainer: new Explainer(atlas, { tensor: (ref) => (ref ? (held.get(ref.name) ?? null) : null) }, sample) };
}

describe("a decision", () => {
  let explainer: Explainer;
  let sample: Sample;
  beforeAll(() => ({ explainer, sample } = built(OPERATIONS)));

  it("is the difference of two logits, by the units of the layer before", () => {
    const found = explainer.margin(0, 2)!;
    expect(found.total).toBeCloseTo(sample.logits[0] - sample.logits[2], 5);
    expect(found.parts).toHaveLength(5);
    expect(found.parts[0].site.layer).toBe("r2");
    expect(explainer.margin(2, 0)!.total).toBeCloseTo(-found.total, 6);
  });
  it("goes on from a unit to the maps behind a flattened row, not to its single numbers", () => {
    const found = explainer.explain({ layer: "r2", unit: 3, at: null })!;
    expect(found.total).toBeCloseTo(explainer.value({ layer: "d1", unit: 3, at: null })!, 5);
    expect(found.parts.map(({ site }) => `${site.layer}/${site.unit}`).sort()).toEqual(["p2/0", "p2/1", "p2/2", "p2/3"]);
    expect(found.through.map(({ name }) => name)).toEqual(["r2"]);
  });
  const holds = (found: Explanation | null, expected: number): void => {
    expect(found!.total).toBeCloseTo(expected, 5);
    for (const part of found!.parts)
      if (part.spread) expect(Array.from(part.spread.data).reduce((a, b) => a + b, 0)).toBeCloseTo(part.amount, 5);
  };
  it.each([
    ["a mean", { layer: "p2", unit: 1, at: [1, 0] }, "p2", [1, 0]],
    ["a sum of branches", { layer: "a", unit: 2, at: [3, 1] }, "a", [3, 1]],
    ["a grouped and dilated convolution", { layer: "c2", unit: 3, at: [0, 3] }, "c2", [0, 3]],
    ["a norm", { layer: "n1", unit: 0, at: [7, 7] }, "n1", [7, 7]],
    ["a convolution at the border", { layer: "c1", unit: 1, at: [0, 0] }, "c1", [0, 0]],
  ] as [string, Site, string, [number, number]][])("adds up to %s", (_, site, layer, at) => {
    holds(explainer.explain(site), explainer.value({ layer, unit: site.unit, at })!);
  });
  it("follows a pooling to the place that it took", () => {
    const map = explainer.output("r1")!;
    const unit = [0, 1, 2, 3].find((u) => Math.max(...map.data.subarray(u * 64, u * 64 + 64)) > 0)!;
    const pooled = explainer.output("p1")!.data.subarray(unit * 16, unit * 16 + 16);
    const best = pooled.indexOf(Math.max(...pooled));
    const found = explainer.explain({ layer: "p1", unit, at: [Math.floor(best / 4), best % 4] })!;
    expect(found.total).toBeCloseTo(pooled[best], 5); // a ReLU leaves what is above zero as it is
    expect(found.parts[0].site.layer).toBe("input");
  });
  it("ends at a pixel", () => expect(explainer.explain({ layer: "input", unit: 0, at: [2, 2] })).toBeNull());
});

it("goes from a class to maps where these are averaged, and names the place that adds most", () => {
  const operations: Operation[] = [
    { ...plain, layer: "c", operation: "conv", inputs: ["input"], shape: [3, 8, 8], window: window(3, 1, 1), weight: random(3, 2, 3, 3), bias: random(3) },
    { ...plain, layer: "m", operation: "mean", inputs: ["c"], shape: [3] },
    { ...plain, layer: "d", operation: "dense", inputs: ["m"], shape: [2], weight: random(2, 3), bias: random(2) },
  ];
  const { explainer, sample } = built(operations);
  const found = explainer.margin(1, 0)!;
  expect(found.total).toBeCloseTo(sample.logits[1] - sample.logits[0], 5);
  const { site, spread, amount } = found.parts[0];
  expect(site.layer).toBe("c");
  const [y, x] = site.at!;
  const most = amount < 0 ? Math.min(...spread!.data) : Math.max(...spread!.data);
  expect(spread!.data[y * 8 + x]).toBe(most);
});
