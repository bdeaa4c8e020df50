import { expect, it } from "vitest";
import type { Atlas, Layer } from "../lib/formats";
import { Files, type Tensor } from "../lib/source";
import { derive } from "./derived";

const layer = (name: string, operation: string, inputs: string[], shape: number[], more = {}): Layer =>
  ({ name, inputs, shape, window: null, weight: null, bias: null, forward: { operation, slope: null, scale: null, shift: null, ...more } }) as unknown as Layer;
const tensor = (...data: number[]): Tensor => ({ shape: [1, 1, data.length], data: Float32Array.from(data) });

it("computes what is null from what was recorded, and leaves the rest", () => {
  globalThis.document = { getElementById: () => null } as unknown as Document;
  const files = new Files();
  const refs = files.hold("arrays", new Map([["pixels", { shape: [1, 1, 2], data: Uint8Array.of(0, 255) }], ["c", tensor(-1, 2)], ["scale", tensor(3)], ["shift", tensor(0.5)]]));
  const sample = { id: "a", pixels: refs.pixels, activations: { c: refs.c, n: null, r: null, a: null, f: null, d: refs.c } };
  const atlas = {
    input: { channels: 1, height: 1, width: 2, mean: [0.5], std: [0.5] },
    samples: [sample],
    layers: [
      layer("c", "conv", ["input"], [1, 1, 2]),
      layer("n", "scale", ["c"], [1, 1, 2], { scale: refs.scale, shift: refs.shift }),
      layer("r", "relu", ["n"], [1, 1, 2]),
      layer("a", "add", ["r", "input"], [1, 1, 2]),
      layer("left out", "gelu", ["a"], [1, 1, 2]),
      layer("f", "flatten", ["a"], [2]),
      layer("d", "dense", ["f"], [2]),
    ],
  } as unknown as Atlas;
  derive(atlas, files);
  const found = Object.entries(atlas.samples[0].activations).map(([name, ref]) => [name, Array.from(files.tensor(ref)!.data)]);
  // The picture is -1 and 1, normalised.
  expect(Object.fromEntries(found)).toEqual({ c: [-1, 2], n: [-2.5, 6.5], r: [0, 6.5], a: [-1, 7.5], f: [-1, 7.5], d: [-1, 2] });
  const before = atlas.samples[0].activations;
  derive(atlas, files);
  expect(atlas.samples[0].activations).toBe(before); // an atlas with all its activations
});
