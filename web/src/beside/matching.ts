// Which unit of one network responds most like which of another, over the same places of the same pictures.

import type { Tensor } from "../lib/source";

/** Places of a map that are compared, along each side. */
export const SIDE = 3;

/** Units' responses, unit by unit: as many numbers of each as there are pictures times places. */
export interface Responses {
  units: number;
  places: number;
  pictures: Float32Array[];
}

/** One picture's responses at evenly spread places, float (U, places); of a unit without a map its one number. */
export function atPlaces({ shape, data }: Tensor): Float32Array {
  const [U, H, W] = shape;
  if (shape.length === 1) return Float32Array.from(data);
  const found = new Float32Array(U * SIDE * SIDE);
  const middle = (i: number, side: number): number => Math.min(side - 1, Math.floor(((i + 0.5) * side) / SIDE));
  for (let u = 0; u < U; u++)
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++) found[(u * SIDE + i) * SIDE + j] = data[(u * H + middle(i, H)) * W + middle(j, W)];
  return found;
}

/** The responses to one picture more. */
export function withPicture(known: Responses | undefined, output: Tensor): Responses {
  const row = atPlaces(output);
  const units = output.shape[0];
  return { units, places: row.length / units, pictures: [...(known?.pictures ?? []), row] };
}

/** Each unit's numbers less their mean, of length 1; zeros where a unit never changes. */
function standardised({ units, places, pictures }: Responses, from = 0): Float32Array[] {
  const n = pictures.length;
  return Array.from({ length: units }, (_, u) => {
    const row = new Float32Array(n * places);
    for (let p = 0; p < n; p++) row.set(pictures[(p + from) % n].subarray(u * places, (u + 1) * places), p * places);
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    let square = 0;
    for (let i = 0; i < row.length; i++) square += (row[i] -= mean) ** 2;
    const length = Math.sqrt(square);
    if (length > 1e-9) for (let i = 0; i < row.length; i++) row[i] /= length;
    else row.fill(0);
    return row;
  });
}

export interface Match {
  unit: number;
  other: number;
  /** Pearson's. */
  correlation: number;
}

function bestOf(own: Float32Array[], others: Float32Array[]): Match[] {
  return own.map((row, unit) => {
    let best: Match = { unit, other: 0, correlation: -Infinity };
    others.forEach((column, other) => {
      let dot = 0;
      for (let i = 0; i < row.length; i++) dot += row[i] * column[i];
      if (dot > best.correlation) best = { unit, other, correlation: dot };
    });
    return best;
  });
}

export interface Matches {
  /** The closest first. */
  pairs: Match[];
  /** What 95 in 100 units stay below where the other network sees other pictures: what choosing the best one gives by itself. */
  chance: number;
}

/** For each unit the one of the other network that it correlates with most. Both need as many places and pictures. */
export function matches(own: Responses, others: Responses): Matches | null {
  if (own.places !== others.places || own.pictures.length !== others.pictures.length || own.pictures.length < 2) return null;
  const mine = standardised(own);
  const pairs = bestOf(mine, standardised(others)).sort((a, b) => b.correlation - a.correlation);
  const shifted = bestOf(mine, standardised(others, own.pictures.length >> 1)).map(({ correlation }) => correlation).sort((a, b) => a - b);
  return { pairs, chance: shifted[Math.min(shifted.length - 1, Math.ceil(0.95 * shifted.length) - 1)] };
}
