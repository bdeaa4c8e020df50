import { expect, test } from "vitest";
import { coordinatesOf, crossEntropy, squaredError } from "./losses";

test("a class that got a quarter costs log 4, and is as far from certain as Pythagoras says", () => {
  expect(crossEntropy([0.25, 0.75], 0)).toBeCloseTo(Math.log(4), 12);
  expect(squaredError([0.25, 0.75], 0)).toBeCloseTo(2 * 0.75 ** 2, 12);
  expect(crossEntropy([1, 0], 0)).toBeCloseTo(0, 12);
  expect(Number.isFinite(crossEntropy([1, 0], 1))).toBe(true);
});

test("positions are read row by row", () => {
  expect(coordinatesOf(0, [4, 3, 2])).toEqual([0, 0, 0]);
  expect(coordinatesOf(23, [4, 3, 2])).toEqual([3, 2, 1]);
  expect(coordinatesOf(7, [4, 3, 2])).toEqual([1, 0, 1]);
});
