// Questions to people: which of two pictures drives a unit more? Drawn by a seed, so that they can be asked again.

import type { Atlas, Layer } from "../lib/formats";
import { drawing } from "../neuron/examples";

export const ROUNDS = 10;
const TILES = 9;
/** So many of its patches tell what a unit is like; the next one stands to be chosen. */
const KNOWN = 4;

export interface Choice {
  /** In the layer's patches. */
  tile: number;
  /** Whether it is the one that drives the unit more. */
  more: boolean;
}

export interface Round {
  layer: string;
  unit: number;
  /** Tiles of the patches that are shown beforehand. */
  shown: number[];
  pair: [Choice, Choice];
  /** What the unit puts out at its own patch, and what no other picture reaches. */
  value: number;
  most_of_others: number;
}

export interface Score {
  layer: string;
  unit: number;
  asked: number;
  right: number;
}

interface Asked {
  layer: Layer;
  unit: number;
}

/** Units with nine patches, of which the fifth lies above the last. */
function askable(atlas: Atlas): Asked[] {
  return atlas.layers
    .filter(({ patch_sprite, shape }) => patch_sprite && shape.length !== 2)
    .flatMap((layer) =>
      layer.units
        .filter(({ dead, patches }) => !dead && patches.length === TILES && patches[KNOWN].value > Math.max(patches[TILES - 1].value, 0))
        .map(({ index }) => ({ layer, unit: index })),
    );
}

/**
 * As many rounds as are asked for, or as can be. A unit's fifth patch stands beside the strongest
 * patch of another unit, from a picture that is not among this unit's nine: as these are its nine
 * strongest pictures, the other one drives it less, whatever it shows.
 */
export function roundsOf(atlas: Atlas, seed: number, n = ROUNDS): Round[] {
  const draw = drawing(seed);
  const pool = askable(atlas);
  const rounds: Round[] = [];
  while (rounds.length < n && pool.length) {
    const [{ layer, unit }] = pool.splice(Math.floor(draw() * pool.length), 1);
    const own = layer.units[unit].patches;
    const pictures = new Set(own.map(({ row }) => row));
    const rivals = layer.units.filter(({ index, dead, patches }) => index !== unit && !dead && patches.length && patches[0].value > 0 && !pictures.has(patches[0].row));
    if (!rivals.length) continue;
    const rival = rivals[Math.floor(draw() * rivals.length)];
    const pair: [Choice, Choice] = [{ tile: unit * TILES + KNOWN, more: true }, { tile: rival.index * TILES, more: false }];
    if (draw() < 0.5) pair.reverse();
    rounds.push({
      layer: layer.name, unit, pair, shown: Array.from({ length: KNOWN }, (_, j) => unit * TILES + j), value: own[KNOWN].value, most_of_others: own[TILES - 1].value,
    });
  }
  return rounds;
}

/** How often each unit was asked about, and how often the answer was right. */
export function scoresOf(rounds: Round[], answers: boolean[]): Score[] {
  const found = new Map<string, Score>();
  answers.forEach((right, i) => {
    const { layer, unit } = rounds[i];
    const key = `${layer}/${unit}`;
    const { asked, right: before } = found.get(key) ?? { asked: 0, right: 0 };
    found.set(key, { layer, unit, asked: asked + 1, right: before + Number(right) });
  });
  return [...found.values()];
}
