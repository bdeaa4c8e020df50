import { describe, expect, it } from "vitest";
import { BEGINNING, fromText, toText } from "./address";
import { drawnParams, examplesOf, REACH, SETS, type SetName } from "./examples";
import { backward, forward, FUNCTIONS, lossOf, overAll, stepped, type FunctionName, type Network } from "./perceptron";

const networkOf = (activation: FunctionName, units = 3): Network => ({ units, activation, params: drawnParams(units, 7).map((w) => w + 0.1) });
const names = Object.keys(FUNCTIONS) as FunctionName[];
const sets = Object.keys(SETS) as SetName[];

describe("gradients", () => {
  it.each(names)("are those of finite differences, by every weight and bias (%s)", (activation) => {
    const network = networkOf(activation);
    const examples = examplesOf("xor", 3).slice(0, 11);
    const { gradient } = overAll(network, examples);
    const h = 1e-6;
    for (const place of network.params.keys()) {
      const moved = (by: number): number => {
        const params = network.params.map((value, i) => (i === place ? value + by : value));
        return overAll({ ...network, params }, examples).loss;
      };
      expect(gradient[place]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 6);
    }
  });
  it.each(names)("by a hidden unit's sum are its bias's (%s)", (activation) => {
    const network = networkOf(activation);
    const one = backward(network, { x: [0.4, -1.2], label: 1 });
    one.z.forEach((value, u) => expect(value).toBe(one.params[3 * u + 2]));
    expect(one.logit).toBeCloseTo(one.pass.prob - 1, 12);
  });
});

it("computes by hand what a single unit does", () => {
  const network: Network = { units: 1, activation: "relu", params: [2, -1, 0.5, 3, -1] };
  expect(forward(network, [1, 1])).toEqual({ z: [1.5], a: [1.5], logit: 3.5, prob: 1 / (1 + Math.exp(-3.5)) });
  expect(forward(network, [-1, 1]).a).toEqual([0]);
  expect(lossOf(3.5, 0)).toBeCloseTo(-Math.log(1 - 1 / (1 + Math.exp(-3.5))), 12);
});

it("keeps the loss of a very wrong answer finite", () => {
  expect(lossOf(1000, 0)).toBe(1000);
  expect(lossOf(-1000, 1)).toBe(1000);
  expect(lossOf(1000, 1)).toBe(0);
});

it.each([
  ["blobs", "linear", 1],
  ["circle", "tanh", 4],
  ["xor", "tanh", 4],
] as [SetName, FunctionName, number][])("learns %s with %s and %i units", (set, activation, units) => {
  const examples = examplesOf(set, 1);
  let network: Network = { units, activation, params: drawnParams(units, 1) };
  for (let step = 0; step < 1500; step++)
    network = { ...network, params: stepped(network.params, overAll(network, examples).gradient, 0.3) };
  expect(overAll(network, examples).accuracy).toBeGreaterThan(0.95);
});

it("cannot learn XOR where every unit is linear", () => {
  const examples = examplesOf("xor", 1);
  let network: Network = { units: 4, activation: "linear", params: drawnParams(4, 1) };
  for (let step = 0; step < 800; step++)
    network = { ...network, params: stepped(network.params, overAll(network, examples).gradient, 0.1) };
  expect(overAll(network, examples).accuracy).toBeLessThan(0.8);
});

it.each(sets)("draws %s alike for one seed, in two even classes, within reach", (set) => {
  expect(examplesOf(set, 5)).toEqual(examplesOf(set, 5));
  expect(examplesOf(set, 5)).not.toEqual(examplesOf(set, 6));
  const examples = examplesOf(set, 5);
  expect(examples.filter(({ label }) => label === 1)).toHaveLength(examples.length / 2);
  for (const { x } of examples) for (const value of x) expect(Math.abs(value)).toBeLessThanOrEqual(REACH);
});

describe("the address", () => {
  it("brings back what it was written from", () => {
    const state = { ...BEGINNING, set: "spiral" as const, units: 2, steps: 12, params: [1, -0.5, 0, 1e-4, 2, 3, -1, 0.25, 9] };
    expect(fromText(toText(state))).toEqual(state);
    expect(fromText(toText(BEGINNING))).toEqual(BEGINNING);
  });
  it.each(["", "set=moon&units=0&rate=7&seed=-1", "units=9", "params=1_2", "params=1_x_3&units=1", "activation=__proto__"])(
    "falls back where it says nothing that fits: %s",
    (text) => expect(fromText(text)).toEqual({ ...BEGINNING, units: /units=1$/.test(text) ? 1 : BEGINNING.units }),
  );
});
