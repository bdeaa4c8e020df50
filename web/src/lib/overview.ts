// What the overview shows of each layer: its rung, its most telling units, the share that stands out.

import { layerNamed } from "./atlas";
import { evenly } from "./evenly";
import { ordered, UNDESCRIBED } from "./findings";
import type { Atlas, LadderFrac, Layer, Rung, Unit } from "./formats";

/** More layers than this do not fit on a screen: then some, evenly spread, with the first and the last. */
export const MOST_STRIPS = 6;
export const TELLING = 3;

export interface Strip {
  layer: Layer;
  /** Null where nothing was measured of its units. */
  rung: Rung | null;
  telling: Unit[];
  /** The kind that most exceeds its control, or holds the largest share; null where there is none. */
  leading: { kind: string; share: LadderFrac } | null;
}

/** The layers that could have a strip: those of the ladder, or all with units where there is none. */
export function stripLayers(atlas: Atlas): Layer[] {
  const ladder = atlas.evidence?.ladder ?? [];
  if (!ladder.length) return atlas.layers.filter((layer) => layer.units.length && !layer.units_in);
  return ladder.map(({ layer }) => layerNamed(atlas, layer)).filter((layer) => !!layer?.units.length) as Layer[];
}

export function stripsOf(atlas: Atlas): Strip[] {
  return evenly(stripLayers(atlas), MOST_STRIPS).map((layer) => {
    const rung = atlas.evidence?.ladder.find((one) => one.layer === layer.name) ?? null;
    return { layer, rung, telling: telling(layer.units), leading: rung && leading(rung, atlas.evidence!.kinds) };
  });
}

/** What people see at a glance, before what needs explaining. */
const PLAIN_FIRST = ["part", "class"];

/** Units that say most: one of each kind, then others with words of their own; parts of things come first. */
export function telling(units: Unit[]): Unit[] {
  const best = ordered(units.filter((unit) => unit.patches.length && !unit.dead), "best");
  const first = (key: (unit: Unit) => string): Unit[] => {
    const seen = new Set<string>();
    return best.filter((unit) => !seen.has(key(unit)) && seen.add(key(unit)));
  };
  const plain = (unit: Unit): number => (PLAIN_FIRST.includes(unit.kind ?? "") ? PLAIN_FIRST.indexOf(unit.kind!) : PLAIN_FIRST.length);
  // A kind that untrained units show as well is told only where nothing else is.
  const learned = (unit: Unit): boolean => !!unit.name && ["training", "probably"].includes(unit.descriptions[0]?.training ?? "");
  const kinds = first((unit) => `${unit.kind}/${learned(unit)}`).filter(learned).sort((a, b) => plain(a) - plain(b));
  const others = first((unit) => unit.name ?? `unit ${unit.index}`).filter((unit) => !kinds.includes(unit));
  return [...kinds, ...others].slice(0, TELLING);
}

export function leading(rung: Rung, kinds: string[]): Strip["leading"] {
  const found = kinds
    .filter((kind) => kind !== UNDESCRIBED && rung.responds[kind]?.count)
    .map((kind) => ({ kind, share: rung.responds[kind] }));
  const beyond = ({ share }: { share: LadderFrac }): number => share.excess ?? share.frac;
  // Of kinds that stand out alike the later one says more: a class, not the edges in its pictures.
  return found.reverse().sort((a, b) => beyond(b) - beyond(a))[0] ?? null;
}
