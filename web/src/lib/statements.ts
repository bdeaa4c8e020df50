// What can be said of a layer as a whole, in three statements, each counted from its units.

import { ordered, UNDESCRIBED } from "./findings";
import type { GroupAblation, LadderFrac, Layer, Rung, Unit } from "./formats";

export interface Kinds {
  kind: string;
  share: LadderFrac;
}

/** The kinds that units of a layer respond to, the most frequent first. */
export function kindsOf(rung: Rung | undefined): Kinds[] {
  return Object.entries(rung?.responds ?? {})
    .filter(([kind, share]) => kind !== UNDESCRIBED && share.count > 0)
    .map(([kind, share]) => ({ kind, share }))
    .sort((a, b) => b.share.count - a.share.count);
}

export interface Trained {
  /** Units whose description training explains (false-discovery rate at most 0.05), and probably does (0.2). */
  training: number;
  probably: number;
  /** Units whose description was held against untrained ones at all. */
  judged: number;
}

export function trainedUnits(units: Unit[]): Trained {
  const verdicts = units.map((unit) => {
    const all = unit.descriptions.map(({ training }) => training);
    return ["training", "probably", "untrained alike"].find((verdict) => all.includes(verdict));
  });
  const count = (verdict: string): number => verdicts.filter((one) => one === verdict).length;
  return { training: count("training"), probably: count("probably"), judged: verdicts.filter(Boolean).length };
}

export interface Mattering {
  /** Units whose ablation raises the log loss (false-discovery rate at most 0.05), and all that were ablated. */
  single: number;
  ablated: number;
  /** The units that respond to one kind, ablated together, where that costs most; null where none were. */
  group: GroupAblation | null;
}

export function matteringUnits(layer: Layer): Mattering {
  const ablated = layer.units.filter(({ ablation }) => ablation?.q != null);
  const groups = (layer.evidence?.groups ?? []).filter(({ ablation }) => ablation.loss_change !== null);
  return {
    single: ablated.filter(({ ablation }) => ablation!.q! <= 0.05 && (ablation!.loss_change ?? 0) > 0).length,
    ablated: ablated.length,
    group: groups.sort((a, b) => b.ablation.loss_change! - a.ablation.loss_change!)[0] ?? null,
  };
}

/** Units under the kind that they are named by, those without a name last, best understood first. */
export function grouped(units: Unit[]): { kind: string; units: Unit[] }[] {
  const groups = new Map<string, Unit[]>();
  for (const unit of ordered(units, "best")) {
    const kind = (unit.name && unit.kind) || UNDESCRIBED;
    groups.set(kind, [...(groups.get(kind) ?? []), unit]);
  }
  return [...groups]
    .map(([kind, some]) => ({ kind, units: some }))
    .sort((a, b) => Number(a.kind === UNDESCRIBED) - Number(b.kind === UNDESCRIBED) || b.units.length - a.units.length);
}

/** Units of later layers whose largest weights read a unit: where what it says goes. */
export function readersOf(layers: Layer[], reads: (layer: Layer) => Layer | null, home: Layer, unit: number): { layer: Layer; unit: Unit; weight: number }[] {
  return layers
    .filter((layer) => layer.units.length && !layer.units_in && layer !== home && reads(layer) === home)
    .flatMap((layer) =>
      layer.units.flatMap((other) => {
        const links = other.excited_by.length + other.inhibited_by.length ? [...other.excited_by, ...other.inhibited_by] : other.strongest_inputs;
        const link = links.find(([from]) => from === unit);
        return link ? [{ layer, unit: other, weight: link[1] }] : [];
      }),
    )
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}
