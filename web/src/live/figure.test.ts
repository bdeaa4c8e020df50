import { describe, expect, it } from "vitest";
import { figureOf, figureText } from "./figure";

const row = { epoch: 1, train_loss: 4, train_accuracy: 0.5, validation_loss: 0.25, validation_accuracy: 0.75 };

describe("the figure that is followed", () => {
  it("is the accuracy of classes", () => expect(figureOf({ task: "classes", std: 7 }, row)).toEqual([0.5, 0.75]));
  it("is the root of a number's loss in its own unit", () => expect(figureOf({ task: "number", std: 10 }, row)).toEqual([20, 5]));
  it("is the perplexity of words", () => expect(figureOf({ task: "next-word", std: 1 }, row)[1]).toBeCloseTo(Math.exp(0.25)));
  it("has its unit", () => {
    expect(figureText({ task: "number", unit: "price" }, 1562.4)).toBe("1,562 price");
    expect(figureText({ task: "classes", unit: "" }, 0.7598)).toBe("76.0%");
  });
});
