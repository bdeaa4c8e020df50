import { describe, expect, it } from "vitest";
import type { Tensor } from "../lib/source";
import { readRow, recurrent, recurrentSteps, softmax, wordsOf } from "./networks";

const tensor = (shape: number[], values: number[]): Tensor => ({ shape, data: Float32Array.from(values) });

describe("words", () => {
  it("are parted as by Python's words_of", () => {
    expect(wordsOf("It isn't GOOD, at all.")).toEqual(["it", "isn't", "good", ",", "at", "all", "."]);
    expect(wordsOf("été 1999 co-op a_b ’s")).toEqual(["été", "1999", "co", "-", "op", "a", "b", "'", "s"]);
    expect(wordsOf("  ")).toEqual([]);
  });
});

describe("recurrent layers of one unit, by hand", () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const run = (cell: string, gates: number): number[] => {
    const ones = tensor([gates, 1], Array.from({ length: gates }, (_, i) => i + 1));
    const bias = tensor([gates], Array.from({ length: gates }, () => 0));
    const steps = recurrent((name) => (name.includes("bias") ? bias : ones), cell, 1, [
      Float64Array.of(0.5),
      Float64Array.of(-0.25),
    ]);
    return steps[0].map((state) => state[0]);
  };

  it("plain", () => {
    const first = Math.tanh(0.5);
    expect(run("rnn", 1)[1]).toBeCloseTo(Math.tanh(-0.25 + first), 12);
  });
  it("GRU", () => {
    const first = (1 - sigmoid(1)) * Math.tanh(1.5);
    const z = sigmoid(2 * (-0.25 + first));
    const n = Math.tanh(-0.75 + sigmoid(-0.25 + first) * 3 * first);
    expect(run("gru", 3)[1]).toBeCloseTo((1 - z) * n + z * first, 12);
  });
  it("LSTM", () => {
    const held = sigmoid(0.5) * Math.tanh(1.5);
    const first = sigmoid(2) * Math.tanh(held);
    const at = -0.25 + first;
    const next = sigmoid(2 * at) * held + sigmoid(at) * Math.tanh(3 * at);
    expect(run("lstm", 4)[1]).toBeCloseTo(sigmoid(4 * at) * Math.tanh(next), 12);
  });
  it("gates of an LSTM", () => {
    const ones = tensor([4, 1], [1, 2, 3, 4]);
    const none = tensor([4], [0, 0, 0, 0]);
    const { gates } = recurrentSteps((name) => (name.includes("bias") ? none : ones), "lstm", 1, [Float64Array.of(0.5)]);
    expect(gates[0].input[0][0]).toBeCloseTo(sigmoid(0.5), 12);
    expect(gates[0].forget[0][0]).toBeCloseTo(sigmoid(1), 12);
    expect(gates[0].output[0][0]).toBeCloseTo(sigmoid(2), 12);
    expect(gates[0].cell[0][0]).toBeCloseTo(sigmoid(0.5) * Math.tanh(1.5), 12);
  });
});

it("a row goes straight and through GELU", () => {
  const parts: Record<string, Tensor> = {
    "layers.0.weight": tensor([1, 1], [1]),
    "layers.0.bias": tensor([1], [0]),
    "straight.weight": tensor([1, 1], [10]),
    "head.weight": tensor([1, 1], [1]),
    "head.bias": tensor([1], [0.5]),
  };
  const network = { shape: { layers: 1 } } as unknown as Parameters<typeof readRow>[0];
  // GELU(1) = 0.8413447460685429, GELU(-3) = -0.00404969409489031
  expect(readRow(network, (name) => parts[name], [1])[0]).toBeCloseTo(11.3413447460685429, 9);
  expect(readRow(network, (name) => parts[name], [-3])[0]).toBeCloseTo(-29.5 - 0.00404969409489031, 9);
});

it("softmax sums to one", () => {
  expect(softmax([1000, 1001]).map((p) => p.toFixed(4))).toEqual(["0.2689", "0.7311"]);
});
