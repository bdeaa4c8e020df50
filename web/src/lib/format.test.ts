import { expect, test } from "vitest";
import { percent, percentWithin, scientific } from "./format";

test("a share and its deviation carry the sign of a percentage once, with no space", () => {
  expect(percent(0.36, 0)).toBe("36%");
  expect(percent(-0.001, 0)).toBe("0%");
  expect(percent(-0.03, 0)).toBe("−3%");
  expect(percentWithin(0.04, 0.02)).toBe("4 ± 2%");
  expect(percentWithin(0.041, 0.019, 1)).toBe("4.1 ± 1.9%");
  expect(percentWithin(0.04, null)).toBe("4%");
});

test("small numbers stand in powers of ten", () => {
  expect(scientific(6e-5)).toBe("6\u00a0×\u00a010⁻⁵");
  expect(scientific(-0.000244, 2)).toBe("−2.44\u00a0×\u00a010⁻⁴");
  expect(scientific(12345678, 1)).toBe("1.2\u00a0×\u00a010⁷");
});
