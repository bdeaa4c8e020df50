import { expect, it } from "vitest";
import { strongestPlace } from "../lib/arithmetic";
import type { Atlas, Layer, Sample } from "../lib/formats";
import type { Tensor } from "../lib/source";
import { columnsOf, linksInto, MOST_COLUMNS, pathOf, weightLinks } from "./columns";

const held = new Map<string, Tensor>();
const files = { tensor: (ref: { name: string } | null | undefined) => (ref && held.get(ref.name)) || null };
const ref = (name: string) => ({ file: "", name });

function layer(name: string, kind: string, inputs: string[], shape: number[], weight: number[][] = []): Layer {
  if (weight.length) held.set(`${name}.w`, { shape: [weight.length, weight[0].length], data: Float32Array.from(weight.flat()) });
  return { name, kind, title: name, inputs, shape, window: null, weight: weight.length ? ref(`${name}.w`) : null } as unknown as Layer;
}
/** Unit u of a layer is u + 1 at its last place, and 0 elsewhere, unless it is told otherwise. */
function built(layers: Layer[], strongest: Record<string, number> = {}): { atlas: Atlas; sample: Sample } {
  for (const { name, shape } of layers) {
    const each = (shape[1] ?? 1) * (shape[2] ?? 1);
    const data = new Float32Array(shape[0] * each);
    for (let u = 0; u < shape[0]; u++) data[(u + 1) * each - 1] = u === strongest[name] ? 100 : u + 1;
    held.set(name, { shape, data });
  }
  const activations = Object.fromEntries(layers.map(({ name }) => [name, ref(name)]));
  return { atlas: { layers } as unknown as Atlas, sample: { activations } as unknown as Sample };
}
const NONE = new Set<string>();

it("stands layers beside each other up to the logits, and folds norms and flattening", () => {
  const { atlas, sample } = built([
    layer("c", "conv", ["input"], [4, 6, 6]), layer("n", "batch_norm", ["c"], [4, 6, 6]), layer("r", "activation", ["n"], [4, 6, 6]),
    layer("p", "max_pool", ["r"], [4, 3, 3]), layer("f", "flatten", ["p"], [36]), layer("d", "dense", ["f"], [5]), layer("out", "dense", ["d"], [2]),
  ], { p: 0, c: 2 });
  const columns = columnsOf(atlas, sample, files, 2, NONE, NONE);
  expect(columns.map(({ layer: { name } }) => name)).toEqual(["c", "r", "p", "d"]);
  expect(columns.map(({ reads }) => reads)).toEqual([
    [{ column: -1, via: "weights" }], [{ column: 0, via: "alike" }], [{ column: 1, via: "alike" }], [{ column: 2, via: "weights" }],
  ]);
  // The pooled maps choose for the columns that they follow, each unit beside its namesake.
  expect(columns.map(({ units }) => units)).toEqual([[0, 3], [0, 3], [0, 3], [3, 4]]);
  expect(columnsOf(atlas, sample, files, 2, NONE, new Set(["c"]))[0].units).toEqual([0, 1, 2, 3]);
});

it("draws a skip from where it starts", () => {
  const { atlas, sample } = built([
    layer("a", "conv", ["input"], [2, 4, 4]), layer("b", "conv", ["a"], [2, 4, 4]), layer("s", "add", ["b", "a"], [2, 4, 4]), layer("out", "dense", ["s"], [2]),
  ]);
  expect(columnsOf(atlas, sample, files, 8, NONE, NONE)[2].reads).toEqual([{ column: 1, via: "alike" }, { column: 0, via: "alike" }]);
});

it("folds a deep network into runs of one size, each of which opens", () => {
  const deep = Array.from({ length: 2 * MOST_COLUMNS }, (_, i) => {
    const side = i < MOST_COLUMNS ? 8 : 4;
    return layer(`l${i}`, "conv", [i ? `l${i - 1}` : "input"], [2, side, side]);
  });
  const { atlas, sample } = built([...deep, layer("out", "dense", [deep.at(-1)!.name], [2])]);
  const columns = columnsOf(atlas, sample, files, 8, NONE, NONE);
  expect(columns.map(({ block }) => block.length)).toEqual([MOST_COLUMNS, MOST_COLUMNS]);
  expect(columns[1].reads).toEqual([{ column: 0, via: "several" }]);
  const opened = columnsOf(atlas, sample, files, 8, new Set(["l0"]), NONE);
  expect(opened).toHaveLength(MOST_COLUMNS + 1);
  expect(opened.at(-1)!.block).toHaveLength(MOST_COLUMNS);
});

it("measures a link by the norm of its kernel, with the sign of its sum, within its own group", () => {
  const weight = { shape: [2, 2, 1, 2], data: Float32Array.from([3, 4, -1, 0, 0, 0, -6, -8]) };
  const links = weightLinks(weight, 1, [0, 1], [0, 1], 2);
  expect(links.map(({ from, to, weight: w }) => [from, to, w])).toEqual([[0, 0, 5], [1, 0, -1], [1, 1, -10], [0, 1, 0]]);
  expect(links[0].share).toBeCloseTo(0.5, 6);
  const grouped = { shape: [4, 1, 1, 1], data: Float32Array.from([1, 2, 3, 4]) };
  expect(weightLinks(grouped, 2, [0, 1], [0, 3], 2).map(({ from, to }) => [from, to])).toEqual([[0, 0], [1, 1]]);
});

it("follows the drawn links both ways", () => {
  const { atlas, sample } = built([
    layer("a", "dense", ["input"], [2], [[1], [1]]), layer("b", "dense", ["a"], [2], [[1, 0.5], [0, 1]]), layer("r", "activation", ["b"], [2]), layer("out", "dense", ["r"], [2]),
  ]);
  const columns = columnsOf(atlas, sample, files, 8, NONE, NONE);
  const links = columns.map((_, c) => linksInto(columns, c, files));
  expect(pathOf(columns, links, 2, 0)).toEqual(new Set(["2/0", "1/0", "0/0", "0/1"]));
  expect(pathOf(columns, links, 0, 1)).toContain("2/1");
});

it("looks where a unit responds most", () => {
  expect(strongestPlace({ shape: [2, 2, 3], data: Float32Array.from([9, 0, 0, 0, 0, 0, 1, 2, 3, 8, 5, 6]) }, 1)).toEqual([1, 0]);
  expect(strongestPlace({ shape: [3], data: Float32Array.from([1, 2, 3]) }, 1)).toBeNull();
});
