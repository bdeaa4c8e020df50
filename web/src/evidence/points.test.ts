import { expect, it } from "vitest";
import { ckaRows, pointRows } from "./points";

it("writes measures layer by layer, and what was not measured as nothing", () => {
  const points = [
    { title: "ReLU 1", value: 0.5, interval: [0.4, 0.6] as [number, number], untrained: { mean: 0.2, low: 0.1, high: 0.3 } },
    { title: "ReLU 2", value: 0.75, untrained: null },
  ];
  expect(pointRows([{ measure: "accuracy", points }]).slice(1)).toEqual([
    ["accuracy", "ReLU 1", 0.5, 0.4, 0.6, 0.2, 0.1, 0.3],
    ["accuracy", "ReLU 2", 0.75, null, null, null, null, null],
  ]);
});
it("writes a CKA matrix with the controls that there are", () => {
  const cka = {
    layers: ["a", "b"], trained: [[1, 0.5], [0.5, 1]], untrained: [], with_untrained: [0.9, 0.8], with_untrained_range: [], with_thumbnail: [],
    thumbnail_untrained: [], at_places: [{ mean: 0.25, low: 0, high: 1 }, { mean: 0.125, low: 0, high: 1 }], thumbnail_at_places: [],
  };
  expect(ckaRows(cka, (name) => name.toUpperCase())).toEqual([
    ["", "A", "B"], ["A", 1, 0.5], ["B", 0.5, 1], ["with itself untrained", 0.9, 0.8], ["at single places, untrained", 0.25, 0.125],
  ]);
});
