import { expect, it } from "vitest";
import type { Ablation } from "../lib/formats";
import { ablationRows, histogramRows, tuningRows } from "./rows";

const ABLATION: Ablation = {
  baseline: "mean", n: 40, accuracy_change: -0.125, class_accuracy_change: [-0.25, null, 0], control: { mean: 0, low: -0.05, high: 0.025 },
  accuracy_interval: [-0.2, -0.05], loss_change: 0.5, loss_interval: [0.25, 0.75], p: 0.01, q: 0.02, loss_control: { mean: 0, low: -0.125, high: 0.25 },
  loss_beside_control: 0.375, control_n: 20, control_draws: 10, control_frac: 0, largest_class_changes: [{ label: 0, change: -0.25, interval: [-0.5, -0.125] }],
  class_control_p95: 0.1,
};

it("writes an ablation with every class, and what was not measured as nothing", () => {
  const [, ...rows] = ablationRows(ABLATION, ["cat", "dog"]);
  expect(rows).toEqual([
    ["accuracy", "", -0.125, -0.2, -0.05, -0.05, 0.025, 40],
    ["log loss", "", 0.5, 0.25, 0.75, null, null, 40],
    ["log loss", "", 0.375, null, null, -0.125, 0.25, 20],
    ["accuracy", "cat", -0.25, -0.5, -0.125, null, null, null],
    ["accuracy", "dog", null, null, null, null, null, null],
    ["accuracy", "class 2", 0, null, null, null, null, null],
  ]);
});
it("leaves out of an older ablation what it does not hold", () => {
  const older = { ...ABLATION, control: null, accuracy_interval: null, loss_change: null, loss_beside_control: null };
  const rows = ablationRows(older, ["cat", "dog", "hen"]);
  expect(rows[1]).toEqual(["accuracy", "", -0.125, null, null, null, null, 40]);
  expect(rows).toHaveLength(2 + 3);
});
it("writes a histogram bin by bin, from end to end", () => {
  expect(histogramRows({ low: -1, high: 1, counts: [3, 0, 1, 2] })).toEqual([["from", "to", "count"], [-1, -0.5, 3], [-0.5, 0, 0], [0, 0.5, 1], [0.5, 1, 2]]);
});
it("writes a tuning curve by its angles", () => {
  const tuning = { orientation_curve: [1, 0.5, 0.25, 0] } as Parameters<typeof tuningRows>[0];
  expect(tuningRows(tuning).slice(1)).toEqual([[0, 1], [45, 0.5], [90, 0.25], [135, 0]]);
});
