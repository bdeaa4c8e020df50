// Some of many, so that what they run through can be seen.

/** At most so many, evenly spread, with the first and the last. */
export function evenly<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  const step = (all.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => all[Math.round(i * step)]);
}
