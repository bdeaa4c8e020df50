// What a unit's figures hold, as rows that other programs read: every class, and no rounding.

import type { Ablation, ControlRange, Dependence, Histogram, Tuning } from "../lib/formats";
import type { Cell } from "../export/files";

/** What is lost without a unit, over all pictures and class by class; changes of accuracy as fractions, of log loss in nats. */
export function ablationRows(ablation: Ablation, names: string[]): Cell[][] {
  const ends = (range: [number, number] | null): Cell[] => range ?? [null, null];
  const reach = (range: ControlRange | null): Cell[] => (range ? [range.low, range.high] : [null, null]);
  const rows: Cell[][] = [
    ["measure", "class", "change", "interval_low", "interval_high", "random_directions_low", "random_directions_high", "pictures"],
    ["accuracy", "", ablation.accuracy_change, ...ends(ablation.accuracy_interval), ...reach(ablation.control), ablation.n],
  ];
  if (ablation.loss_change !== null) rows.push(["log loss", "", ablation.loss_change, ...ends(ablation.loss_interval), null, null, ablation.n]);
  if (ablation.loss_beside_control !== null)
    rows.push(["log loss", "", ablation.loss_beside_control, null, null, ...reach(ablation.loss_control), ablation.control_n]);
  for (const [k, change] of ablation.class_accuracy_change.entries()) {
    const told = ablation.largest_class_changes.find(({ label }) => label === k);
    rows.push(["accuracy", names[k] ?? `class ${k}`, change, ...ends(told?.interval ?? null), null, null, null]);
  }
  return rows;
}

/** What remains of a unit's response, as a fraction, when the patches that drive it most are changed. */
export const dependenceRows = (dependence: Dependence | null): Cell[][] => [
  ["patches", "remaining_frac", "interval_low", "interval_high"],
  ...Object.entries(dependence?.remaining ?? {}).map(([change, shares]) => [change, ...shares]),
];

/** The tuning curve: the response at each angle of half a circle, as a fraction of the natural maximum. */
export const tuningRows = ({ orientation_curve: curve }: Tuning): Cell[][] => [
  ["orientation_deg", "response_frac"],
  ...curve.map((response, i) => [(180 * i) / curve.length, response]),
];

/** How many responses fell into each bin. */
export function histogramRows({ low, high, counts }: Histogram): Cell[][] {
  const edge = (i: number): number => low + ((high - low) * i) / counts.length;
  return [["from", "to", "count"], ...counts.map((count, i) => [edge(i), edge(i + 1), count])];
}
