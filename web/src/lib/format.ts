export const whole = new Intl.NumberFormat("en");

/** A number to so many decimals, with a true minus sign and no "-0.00". */
export function fixed(value: number, decimals = 2): string {
  const text = value.toFixed(decimals);
  const zero = Number(text) === 0;
  return zero ? text.replace("-", "") : text.replace("-", "\u2212");
}

export function percent(share: number | null, decimals = 1): string {
  return share === null ? "\u2013" : `${fixed(100 * share, decimals)}%`;
}

/** A share and its deviation: "4 ± 2%". */
export function percentWithin(share: number, deviation: number | null, decimals = 0): string {
  return deviation === null ? percent(share, decimals) : `${fixed(100 * share, decimals)} \u00b1 ${percent(deviation, decimals)}`;
}

/** A small number in powers of ten: "6 × 10⁻⁵". */
export function scientific(value: number, digits = 0): string {
  const [mantissa, power] = value.toExponential(digits).split("e");
  const raised = power.replace("+", "").replace(/./g, (sign) => (sign === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[Number(sign)]));
  return `${mantissa.replace("-", "\u2212")}\u00a0\u00d7\u00a010${raised}`;
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
