// Which layers the network view draws, and the weights between them.

import type { Atlas, Layer, Sample } from "./formats";
import { layerNamed } from "./atlas";
import { byStrength } from "./arithmetic";
import type { Files, Tensor } from "./source";

export interface Column {
  layer: Layer;
  /** The convolution or dense layer whose weights feed this column. */
  fed: Layer | null;
  tensor: Tensor;
  units: number[];
}
export interface Link {
  from: number;
  to: number;
  weight: number;
}

const CARRIES = new Set(["activation", "max_pool", "avg_pool", "global_pool", "batch_norm", "dropout", "flatten", "add"]);

/** The layer with weights behind a layer that has none. */
function feeding(atlas: Atlas, layer: Layer): Layer | null {
  let at: Layer | undefined = layer;
  while (at && CARRIES.has(at.kind)) at = layerNamed(atlas, at.inputs[0]);
  return at && (at.kind === "conv" || at.kind === "dense") ? at : null;
}

/** A column for each convolution and dense layer, seen through what follows it. */
export function columnsOf(atlas: Atlas, sample: Sample, files: Files, most: number): Column[] {
  const weighted = atlas.layers.filter((l) => l.kind === "conv" || l.kind === "dense");
  const last = weighted[weighted.length - 1];
  const columns: Column[] = [];
  for (const fed of weighted) {
    const seen = (fed.units_in && layerNamed(atlas, fed.units_in)) || fed;
    const tensor = files.tensor(sample.activations[seen.name]);
    if (!tensor || (columns.length && columns[columns.length - 1].layer === seen)) continue;
    const all = fed === last;
    const units = byStrength(tensor).slice(0, all ? 12 : most);
    columns.push({ layer: seen, fed: feeding(atlas, seen) ?? fed, tensor, units: units.sort((a, b) => a - b) });
  }
  return columns;
}

/** The mean weight from each shown unit of one column to each of the next; null where the two are
 * not joined by one layer's weights alone. */
export function linksBetween(from: Column, to: Column, files: Files): Link[] | null {
  const weight = files.tensor(to.fed?.weight ?? null);
  if (!weight || !to.fed || (to.fed.window?.groups ?? 1) > 1) return null;
  const U = weight.shape[0];
  const each = weight.data.length / U;
  const channels = from.layer.shape[0];
  if (each % channels !== 0) return null;
  const share = each / channels;
  const links: Link[] = [];
  for (const [j, unit] of to.units.entries())
    for (const [i, channel] of from.units.entries()) {
      let sum = 0;
      for (let k = 0; k < share; k++) sum += weight.data[unit * each + channel * share + k];
      links.push({ from: i, to: j, weight: sum / Math.sqrt(share) });
    }
  return links;
}
