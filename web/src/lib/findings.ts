// What the evidence says in words, worked out from its numbers.

import type { Atlas, Evidence, LadderFrac, Layer, Rung, Unit } from "./formats";
import { layerNamed, unitsLayer } from "./atlas";
import { percent, percentWithin, pText } from "./format";
import { lookOf } from "./kinds";

export const UNDESCRIBED = "undescribed";

/** The kinds of the ladder in their order, the units without a description last. */
export function kindsShown(evidence: Evidence): string[] {
  return [...evidence.kinds.filter((kind) => kind !== UNDESCRIBED), UNDESCRIBED];
}

/** Where a share is counted: where it holds in pictures, or by the measure alone. */
export type Counting = "responds" | "synthetic";

/** One share of one layer in words, beside its control. */
export function shareText(rung: Rung, kind: string, counting: Counting = "responds"): string {
  const s = rung[counting][kind];
  return `${rung.title}, ${lookOf(kind).one}: ${s.count} of ${rung.n_units} units, ${percent(s.frac)}${controlText(s)}`;
}

/** What stands beside a share: the untrained copies, and how far it exceeds them. */
export function controlText(s: LadderFrac): string {
  if (s.untrained_mean === null) return "; no untrained network to compare with";
  const interval = s.excess_interval ? `, excess ${signed(s.excess ?? 0)} (95% prediction interval ${signed(s.excess_interval[0])} to ${signed(s.excess_interval[1])})` : "";
  const verdict = s.q === null ? "" : s.significant ? `, significant (q ${pText(s.q)})` : `, not significant (q ${pText(s.q)})`;
  return `; untrained ${percentWithin(s.untrained_mean, s.untrained_sd, 1)}${interval}${verdict}`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`;
}

/** How a layer compares with the others and with itself untrained, by CKA; null where it is not in it. */
export function alike(atlas: Atlas, layer: string): { untrained: number | null; most: [string, number] | null; least: [string, number] | null } | null {
  const cka = atlas.evidence?.cka;
  const i = cka ? cka.layers.indexOf(layer) : -1;
  if (!cka || i < 0) return null;
  const others = cka.layers
    .map((name, j): [string, number] => [layerNamed(atlas, name)?.title ?? name, cka.trained[i][j]])
    .filter((_, j) => j !== i)
    .sort((a, b) => b[1] - a[1]);
  return {
    untrained: cka.with_untrained?.[i] ?? null,
    most: others[0] ?? null,
    least: others.length > 1 ? others.at(-1)! : null,
  };
}

export type Order = "best" | "least" | "index";

/** Units in an order; those whose first description holds in pictures first, by falling strength. */
export function ordered(units: Unit[], order: Order): Unit[] {
  if (order === "index") return units;
  const sign = order === "best" ? -1 : 1;
  return [...units].sort((a, b) => sign * (rank(a) - rank(b)) || a.index - b.index);
}

const TRAINING: Record<string, number> = { training: 3, probably: 2, "untrained alike": 1 };

/** How much is known of a unit: what training explains and pictures show counts most. */
export function rank(unit: Unit): number {
  const first = unit.descriptions[0];
  if (!first) return 0;
  const shown = unit.name ? 1 + (TRAINING[first.training ?? ""] ?? 0) : 0;
  return 2 * shown + first.strength;
}

/** Whether anything was measured that could have described the unit. */
export function isKnown(unit: Unit): boolean {
  return unit.descriptions.length > 0 || unit.tuning !== null || unit.role !== null;
}

/** What a unit is called in a list. */
export function nameOf(unit: Unit): string {
  if (unit.role && !unit.role.startsWith("rarely")) return unit.role;
  if (unit.name) return unit.name;
  if (unit.role) return unit.role;
  if (unit.descriptions.length) return `${unit.descriptions[0].words}, not seen in pictures`;
  return isKnown(unit) ? "not described" : "not measured";
}

/** Whether any unit of a layer could have been described. */
export function isDescribed(layer: Layer): boolean {
  return layer.units.some(isKnown);
}

/** The layer whose units a layer's weights read, or null where there is none to show. */
export function readBy(atlas: Atlas, home: Layer): Layer | null {
  let layer = atlas.layers.find((l) => l.weight && (l.units_in === home.name || l === home));
  while (layer && layer.inputs.length === 1) {
    layer = layerNamed(atlas, layer.inputs[0]);
    if (layer?.units.length || layer?.units_in) return unitsLayer(atlas, layer);
  }
  return null;
}
