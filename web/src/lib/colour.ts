// Signed values from blue through the ground to orange: told apart without colour vision too,
// since the two ends differ in lightness from the ground and their sign is printed where it counts.

type RGB = [number, number, number];
const BLUE: RGB = [42, 98, 182];
const ORANGE: RGB = [226, 112, 18];
const GROUNDS: Record<"light" | "dark", RGB> = { light: [250, 250, 248], dark: [34, 36, 42] };
const STRONG: Record<"light" | "dark", [RGB, RGB]> = {
  light: [BLUE, ORANGE],
  dark: [
    [110, 165, 245],
    [250, 160, 70],
  ],
};

export function signed(value: number, scale: number, theme: "light" | "dark"): RGB {
  const t = scale > 0 ? Math.max(-1, Math.min(1, value / scale)) : 0;
  const end = STRONG[theme][t < 0 ? 0 : 1];
  const ground = GROUNDS[theme];
  const amount = Math.abs(t) ** 0.6;
  return [0, 1, 2].map((i) => Math.round(ground[i] + (end[i] - ground[i]) * amount)) as RGB;
}

const STEPS = 1024;
const tables: Partial<Record<"light" | "dark", Uint32Array>> = {};

/** The colours of values from -1 to 1 in even steps, as a canvas stores pixels. */
export function palette(theme: "light" | "dark"): Uint32Array {
  return (tables[theme] ??= new Uint32Array(
    Uint8ClampedArray.from(
      Array.from({ length: 2 * STEPS + 1 }, (_, i) => [...signed(i / STEPS - 1, 1, theme), 255]).flat(),
    ).buffer,
  ));
}

/** Where a value's colour stands in the palette. */
export function shade(value: number, scale: number): number {
  const t = scale > 0 ? value / scale : 0;
  return Math.round(STEPS * (1 + (t > 1 ? 1 : t < -1 ? -1 : t)));
}

export function css([r, g, b]: RGB): string {
  return `rgb(${r} ${g} ${b})`;
}

/** Relative luminance, after WCAG 2.2. */
function luminance(colour: RGB): number {
  const [r, g, b] = colour.map((v) => (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever stands out further from a colour. */
export function inkOn(colour: RGB): string {
  // Where the contrast with black equals that with white: (L + 0.05)² = 1.05 × 0.05.
  return luminance(colour) > Math.sqrt(1.05 * 0.05) - 0.05 ? "#000000" : "#ffffff";
}
