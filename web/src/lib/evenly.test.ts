import { expect, it } from "vitest";
import { evenly } from "./evenly";

it("keeps the first and the last, and leaves as many out everywhere", () => {
  const all = Array.from({ length: 54 }, (_, i) => i);
  expect(evenly(all, 6)).toEqual([0, 11, 21, 32, 42, 53]);
  expect(evenly(all, 54)).toEqual(all);
  expect(evenly([], 6)).toEqual([]);
});
