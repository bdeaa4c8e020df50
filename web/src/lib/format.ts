export const whole = new Intl.NumberFormat("en");

/** A number to so many decimals, with a true minus sign and no "-0.00". */
export function fixed(value: number, decimals = 2): string {
  const text = value.toFixed(decimals);
  const zero = Number(text) === 0;
  return zero ? text.replace("-", "") : text.replace("-", "\u2212");
}

export function percent(share: number | null, decimals = 1): string {
  return share === null ? "\u2013" : `${(100 * share).toFixed(decimals)}%`;
}

export function short(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(3)} billion`;
  if (count >= 1e6) return `${(count / 1e6).toPrecision(3)} million`;
  return whole.format(count);
}

export function shapeText(shape: number[]): string {
  return shape.join(" \u00d7 ");
}

/** A p-value: "0.012", or "< 0.0001" where no more can be said. */
export function pText(p: number): string {
  return p < 0.0001 ? "<\u00a00.0001" : `${Number(p.toPrecision(2))}`;
}

/** A change of a share in percentage points, with its sign. */
export function points(change: number, decimals = 1): string {
  const text = fixed(100 * change, decimals);
  return Number(text.replace("\u2212", "-")) > 0 ? `+${text}` : text;
}

/** A number to so many decimals, with its sign. */
export function signedFixed(value: number, decimals = 3): string {
  const text = fixed(value, decimals);
  return Number(text.replace("\u2212", "-")) > 0 ? `+${text}` : text;
}
