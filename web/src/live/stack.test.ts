import { expect, it } from "vitest";
import { stacked, thinned } from "./stack";

it("stacks frames so that each is found where it was put", () => {
  const frames = [0, 1, 2].map((f) => ({ shape: [2, 2], data: Float32Array.from([f, f + 0.5, -f, 9]) }));
  const all = stacked(frames);
  expect(all.shape).toEqual([3, 2, 2]);
  expect(Array.from(all.data.subarray(4, 8))).toEqual([1, 1.5, -1, 9]);
  expect(stacked([{ shape: [1], data: Uint8Array.from([200]) }]).data).toBeInstanceOf(Uint8Array);
});

it("keeps both ends when frames become many", () => {
  const all = Array.from({ length: 10 }, (_, i) => i);
  expect(thinned(all, 10)).toEqual(all);
  const few = thinned(all, 6);
  expect(few.length).toBeLessThanOrEqual(6);
  expect([few[0], few.at(-1)]).toEqual([0, 9]);
});
