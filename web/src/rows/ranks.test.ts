import { expect, it } from "vitest";
import { rankCorrelation, ranks } from "./ranks";

it("ranks numbers from 1, equal ones in their middle", () => {
  expect(ranks([0.5, -1, 0.5, 9])).toEqual([2.5, 1, 2.5, 4]);
});
it("correlates ranks as scipy.stats.spearmanr does", () => {
  expect(rankCorrelation([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
  expect(rankCorrelation([1, 2, 3], [30, 20, 10])).toBeCloseTo(-1, 12);
  expect(rankCorrelation([1, 2, 3], [4, 4, 4])).toBe(0);
});
