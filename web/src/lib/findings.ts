// What the evidence says in words, worked out from its numbers.

import type { Atlas, Evidence, Layer, NamedFrac, Rung, Unit } from "./formats";
import { layerNamed, unitsLayer } from "./atlas";
import { percent } from "./format";
import { lookOf } from "./kinds";

export const UNNAMED = "unnamed";

/** How a kind's share stands against the untrained network's: by its 95 % interval. */
export function against(share: NamedFrac): "more" | "no more" | "fewer" {
  if (share.interval[0] > share.untrained_frac) return "more";
  return share.interval[1] < share.untrained_frac ? "fewer" : "no more";
}

/** The kinds of the ladder in their order, the units without a name last. */
export function kindsShown(evidence: Evidence): string[] {
  return [...evidence.kinds.filter((kind) => kind !== UNNAMED), UNNAMED];
}

const COMPARED = { more: "more than", "no more": "no more than", fewer: "fewer than" };

/** One share of one layer in words, beside its interval and its control. */
export function shareText(rung: Rung, kind: string): string {
  const s = rung.named[kind];
  const shown = kind === UNNAMED ? "no simple name" : lookOf(kind).one;
  const untrained = `; ${COMPARED[against(s)]} the untrained network's ${percent(s.untrained_frac)}`;
  return `${rung.title}, ${shown}: ${s.count} of ${rung.n_units} units, ${percent(s.frac)}, 95% interval ${percent(s.interval[0])} to ${percent(s.interval[1])}${untrained}`;
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

export interface Finding {
  rung: Rung;
  kind: string;
  share: NamedFrac;
  /** Whether more than half of the named units are of this kind. */
  most: boolean;
}

/** The commonest named kind of a layer, or null where no unit has a name. */
export function commonest(rung: Rung, kinds: string[]): Finding | null {
  const named = kinds.filter((kind) => kind !== UNNAMED && rung.named[kind]?.count > 0);
  if (!named.length) return null;
  const kind = named.reduce((best, k) => (rung.named[k].count > rung.named[best].count ? k : best));
  const total = named.reduce((sum, k) => sum + rung.named[k].count, 0);
  return { rung, kind, share: rung.named[kind], most: 2 * rung.named[kind].count > total };
}

const CONTROL = {
  more: "",
  "no more": ", no more than in an untrained network",
  fewer: ", fewer than in an untrained network",
};

interface Run {
  from: Rung;
  to: Rung;
  finding: Finding | null;
  /** The smallest and largest share of that kind among these layers. */
  low: number;
  high: number;
  key: string;
}

/** How much of a layer that is: "14%", or over several layers "14% to 100%". */
function sharesText(run: Run): string {
  const [low, high] = [percent(run.low, 0), percent(run.high, 0)];
  return low === high ? low : `${low} to ${high}`;
}

function clause(run: Run, i: number, all: Run[]): string {
  const where = run.from === run.to ? `in ${run.from.title}` : `from ${run.from.title} to ${run.to.title}`;
  if (!run.finding) return `${where} no unit has a simple name`;
  const { kind, share, most } = run.finding;
  const again = all.slice(0, i).some((earlier) => earlier.finding);
  const many = `(${sharesText(run)}${again ? "" : " of all"})`;
  const who = again ? `${most ? "most" : "the commonest"} ${many} to` : `${most ? "most" : "the commonest"} named units ${many} respond to`;
  return `${where} ${who} ${lookOf(kind).many}${CONTROL[against(share)]}`;
}

const MOST_CLAUSES = 6;

/** One sentence on which kinds are found where; neighbours that say the same are one clause. */
export function ladderSentence(evidence: Evidence): string {
  const runs: Run[] = [];
  for (const rung of evidence.ladder) {
    const finding = commonest(rung, evidence.kinds);
    const key = finding ? `${finding.kind} ${finding.most} ${against(finding.share)}` : "";
    const last = runs.at(-1);
    const share = finding?.share.frac ?? 0;
    if (last?.key === key) Object.assign(last, { to: rung, low: Math.min(last.low, share), high: Math.max(last.high, share) });
    else runs.push({ from: rung, to: rung, finding, low: share, high: share, key });
  }
  if (!runs.length) return "No layer was measured.";
  const told = runs.length > MOST_CLAUSES ? [runs[0], runs.at(-1)!] : runs;
  const text = told.map(clause).join("; ");
  const between = runs.length > MOST_CLAUSES ? "; in between the commonest kind changes from layer to layer" : "";
  return `${text[0].toUpperCase()}${text.slice(1)}${between}.`;
}

export type Order = "best" | "least" | "index";

/** Units in an order; named ones first by falling score, or the other way round. */
export function ordered(units: Unit[], order: Order): Unit[] {
  if (order === "index") return units;
  const rank = (u: Unit): number => (u.name ? 2 + (u.score ?? 0) : (u.score ?? 0));
  const sign = order === "best" ? -1 : 1;
  return [...units].sort((a, b) => sign * (rank(a) - rank(b)) || a.index - b.index);
}

/** Whether anything was measured that could have given the unit a name. */
export function isKnown(unit: Unit): boolean {
  return !!unit.name || Object.keys(unit.measures).length > 0;
}

/** Whether any unit of a layer was given the chance of a name. */
export function isNamed(layer: Layer): boolean {
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
