import { describe, expect, it } from "vitest";
import { atPlaces, matches, withPicture, SIDE, type Responses } from "./matching";
import type { Tensor } from "../lib/source";

/** Repeatable numbers, uniform in [0, 1). */
function random(seed: number): () => number {
  return () => ((seed = (seed * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32);
}
const UNITS = 6;
const HIGH = 6;
function maps(draw: () => number): Tensor {
  return { shape: [UNITS, HIGH, HIGH], data: Float32Array.from({ length: UNITS * HIGH * HIGH }, draw) };
}
/** The same units in another order, each scaled and shifted, with a little noise. */
function turned({ data }: Tensor, order: number[], draw: () => number): Tensor {
  const each = HIGH * HIGH;
  return {
    shape: [UNITS, HIGH, HIGH],
    data: Float32Array.from({ length: data.length }, (_, i) => 3 * data[order[Math.floor(i / each)] * each + (i % each)] + 0.5 + 0.05 * draw()),
  };
}

const gathered = (outputs: Tensor[]): Responses => outputs.reduce(withPicture, undefined as Responses | undefined)!;

describe("matching", () => {
  const draw = random(7);
  const pictures = Array.from({ length: 24 }, () => maps(draw));
  const order = [4, 2, 0, 5, 1, 3];
  const others = pictures.map((one) => turned(one, order, draw));

  it("finds every unit again that stands elsewhere, scaled and shifted", () => {
    const found = matches(gathered(pictures), gathered(others))!;
    for (const { unit, other, correlation } of found.pairs) {
      expect(order[other]).toBe(unit);
      expect(correlation).toBeGreaterThan(0.99);
    }
    expect(found.chance).toBeLessThan(0.4);
  });
  it("finds no more than chance between networks that have nothing in common", () => {
    const found = matches(gathered(pictures), gathered(Array.from({ length: 24 }, () => maps(draw))))!;
    const above = found.pairs.filter(({ correlation }) => correlation > found.chance + 0.1);
    expect(above).toHaveLength(0);
  });
  it("gives Pearson's correlation", () => {
    const flat = (values: number[]): Tensor => ({ shape: [1], data: Float32Array.from(values) });
    const x = [1, 2, 4, 9];
    const y = [2, 1, 5, 7];
    const found = matches(gathered(x.map((v) => flat([v]))), gathered(y.map((v) => flat([v]))))!;
    expect(found.pairs[0].correlation).toBeCloseTo(0.918293, 5); // numpy.corrcoef
  });
  it("reads maps of any size at the same share of their sides", () => {
    const ramp = (side: number): Tensor => ({ shape: [1, side, side], data: Float32Array.from({ length: side * side }, (_, i) => (i % side) / side) });
    expect(atPlaces(ramp(9))).toHaveLength(SIDE * SIDE);
    expect([...atPlaces(ramp(9)).slice(0, 3)].map((v) => Math.round(9 * v))).toEqual([1, 4, 7]);
    expect([...atPlaces(ramp(30)).slice(0, 3)].map((v) => Math.round(30 * v))).toEqual([5, 15, 25]);
  });
  it("refuses layers of which one has maps and the other none", () => {
    expect(matches(gathered(pictures), gathered(pictures.map(() => ({ shape: [UNITS], data: new Float32Array(UNITS) }))))).toBeNull();
  });
});
