import { expect, it } from "vitest";
import { byProbability } from "./classes";

it("puts the class that the network says before others that are as probable", () => {
  expect(byProbability({ probs: [0.1, 0.5, 0.4], predicted: 1 })).toEqual([1, 2, 0]);
  expect(byProbability({ probs: [0.25, 0.25, 0.25, 0.25], predicted: 2 })).toEqual([2, 0, 1, 3]);
});
