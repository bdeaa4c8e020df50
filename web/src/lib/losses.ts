// The loss of one picture, in numbers.

/** The cross-entropy of probabilities with a label: the negative logarithm of what its class got. */
export function crossEntropy(probs: ArrayLike<number>, label: number): number {
  return -Math.log(Math.max(probs[label], Number.MIN_VALUE));
}

/** The squared error beside it: the squared distance to 1 for the label and 0 for all others. */
export function squaredError(probs: ArrayLike<number>, label: number): number {
  return Array.from(probs).reduce((sum, p, k) => sum + (p - Number(k === label)) ** 2, 0);
}

/** Where a weight stands in its layer, by its position in the flattened weight. */
export function coordinatesOf(position: number, shape: readonly number[]): number[] {
  const found: number[] = [];
  for (const side of [...shape].reverse()) {
    found.unshift(position % side);
    position = Math.floor(position / side);
  }
  return found;
}
