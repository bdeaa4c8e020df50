// How far two lists of numbers order the same things alike.

/** The place of each number among all, from 1; equal ones share theirs. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((one) => one < value).length;
    return below + (values.filter((one) => one === value).length + 1) / 2;
  });
}

/** Spearman's rank correlation; 0 where one of the lists is constant. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  const dot = (p: number[], q: number[]): number => p.reduce((sum, one, i) => sum + (one - middle) * (q[i] - middle), 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y) || 1);
}
