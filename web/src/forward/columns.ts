// Which layers stand as columns, which are folded into blocks, and what joins them.

import { byStrength } from "../lib/arithmetic";
import { layerNamed } from "../lib/atlas";
import type { Atlas, Layer, Sample } from "../lib/formats";
import type { Files, Tensor } from "../lib/source";

/** More columns than this do not fit beside each other: runs of layers of one size are folded then. */
export const MOST_COLUMNS = 12;
const LINKS_A_UNIT = 3;

export interface Column {
  /** The layer whose maps are shown: of a block its last. */
  layer: Layer;
  /** The layers that stand for this column, in their order. */
  block: Layer[];
  units: number[];
  reads: Reading[];
}

/** What a column reads: -1 is the picture. */
export interface Reading {
  column: number;
  /** "weights": sums over all units; "alike": each unit reads its namesake; "several": through a folded block. */
  via: "weights" | "alike" | "several";
}

export interface Link {
  from: number;
  to: number;
  weight: number;
  /** Of the strongest between the two columns. */
  share: number;
}

/** Layers that change no more than numbers' scale or order: they are told with the one before. */
const FOLDED = new Set(["batch_norm", "dropout", "flatten"]);
const ALIKE = new Set(["activation", "max_pool", "avg_pool", "global_pool", "add"]);

/** The layer that gives the logits; it and what follows stand as the column of classes. */
export function logitsLayer(atlas: Atlas): Layer | null {
  return atlas.layers.findLast(({ kind }) => kind === "conv" || kind === "dense") ?? null;
}

/** The shown layer that a layer's input comes from; null for the picture itself. */
function shownBehind(atlas: Atlas, name: string, shown: Set<string>): string | null {
  let at: string | undefined = name;
  while (at && !shown.has(at)) at = layerNamed(atlas, at)?.inputs[0];
  return at ?? null;
}

const sizeOf = ({ shape }: Layer): string => (shape.length === 3 ? `${shape[1]} × ${shape[2]}` : "");

/** Runs of layers of one size; `opened` names the first layers of those that are told layer by layer. */
function blocksOf(layers: Layer[], opened: ReadonlySet<string>): Layer[][] {
  if (layers.length <= MOST_COLUMNS) return layers.map((layer) => [layer]);
  const runs: Layer[][] = [];
  for (const layer of layers) {
    const last = runs.at(-1);
    if (last && sizeOf(layer) && sizeOf(last[0]) === sizeOf(layer)) last.push(layer);
    else runs.push([layer]);
  }
  return runs.flatMap((run) => (opened.has(run[0].name) ? run.map((layer) => [layer]) : [run]));
}

/** The columns for one picture; `opened` and `whole` name blocks told layer by layer, and layers of which every unit stands. */
export function columnsOf(atlas: Atlas, sample: Sample, files: Pick<Files, "tensor">, most: number, opened: ReadonlySet<string>, whole: ReadonlySet<string>): Column[] {
  const end = logitsLayer(atlas);
  const layers = atlas.layers
    .slice(0, end ? atlas.layers.indexOf(end) : undefined)
    .filter(({ name, kind, shape }) => !FOLDED.has(kind) && shape.length !== 2 && files.tensor(sample.activations[name]));
  const shown = new Set(layers.map(({ name }) => name));
  const blocks = blocksOf(layers, opened);
  const place = new Map(blocks.flatMap((block, c) => block.map(({ name }) => [name, c] as const)));
  const columns = blocks.map((block, c): Column => {
    const layer = block.at(-1)!;
    const reads = new Map<number, Reading["via"]>();
    for (const one of block)
      for (const input of one.inputs) {
        const behind = shownBehind(atlas, input, shown);
        const column = behind === null ? -1 : place.get(behind)!;
        if (column === c) continue;
        const alone = block.length === 1 && (column < 0 || blocks[column].at(-1)!.name === behind);
        reads.set(column, !alone ? "several" : ALIKE.has(one.kind) ? "alike" : "weights");
      }
    return { layer, block, units: [], reads: [...reads].map(([column, via]) => ({ column, via })) };
  });
  // Units that are read by their namesakes stand beside them: what follows chooses.
  for (let c = columns.length - 1; c >= 0; c--) {
    const { layer } = columns[c];
    const tensor = files.tensor(sample.activations[layer.name])!;
    const next = columns[c + 1];
    const follows = next?.reads.some(({ column, via }) => column === c && via === "alike") && next.layer.shape[0] === layer.shape[0];
    const all = Array.from({ length: tensor.shape[0] }, (_, u) => u);
    columns[c].units = whole.has(layer.name) ? all : follows && !whole.has(next.layer.name) ? next.units : byStrength(tensor).slice(0, most).sort((a, b) => a - b);
  }
  return columns;
}

/** The weight of every shown unit on every other: the norm of its kernel with the sign of its sum, the strongest few of each. */
export function weightLinks(weight: Tensor, groups: number, from: number[], to: number[], channels: number): Link[] {
  const [U] = weight.shape;
  const row = weight.data.length / U;
  const each = channels / groups;
  const share = row / each;
  if (!Number.isInteger(share) || !Number.isInteger(each)) return [];
  const found = to.flatMap((unit, j) => {
    const group = Math.floor(unit / (U / groups));
    return from
      .flatMap((channel, i): Link[] => {
        const local = channel - group * each;
        if (local < 0 || local >= each) return [];
        let [sum, square] = [0, 0];
        for (let k = 0; k < share; k++) {
          const w = weight.data[unit * row + local * share + k];
          sum += w;
          square += w * w;
        }
        return [{ from: i, to: j, weight: (sum < 0 ? -1 : 1) * Math.sqrt(square), share: 0 }];
      })
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, LINKS_A_UNIT);
  });
  const reach = Math.max(1e-12, ...found.map(({ weight: w }) => Math.abs(w)));
  return found.map((link) => ({ ...link, share: Math.abs(link.weight) / reach }));
}

/** The links into a column from the one before it. */
export function linksInto(columns: Column[], c: number, files: Pick<Files, "tensor">): Link[] {
  const reading = columns[c].reads.find(({ column }) => column === c - 1);
  const before = columns[c - 1];
  if (!reading || !before) return [];
  if (reading.via === "alike")
    return columns[c].units.flatMap((unit, to) => {
      const from = before.units.indexOf(unit);
      return from < 0 ? [] : [{ from, to, weight: 0, share: 0.25 }];
    });
  const { layer } = columns[c];
  const weight = files.tensor(layer.weight);
  if (reading.via === "several" || !weight) return [];
  return weightLinks(weight, layer.window?.groups ?? 1, before.units, columns[c].units, before.layer.shape[0]);
}

/** Every unit that a unit reads or is read by along the links that are drawn: "column/unit". */
export function pathOf(columns: Column[], links: Link[][], column: number, unit: number): Set<string> {
  const found = new Set([`${column}/${unit}`]);
  let here = new Set([columns[column].units.indexOf(unit)]);
  for (let c = column; c > 0; c--) {
    here = new Set(links[c].filter(({ to }) => here.has(to)).map(({ from }) => from));
    for (const i of here) found.add(`${c - 1}/${columns[c - 1].units[i]}`);
  }
  here = new Set([columns[column].units.indexOf(unit)]);
  for (let c = column + 1; c < columns.length; c++) {
    here = new Set(links[c].filter(({ from }) => here.has(from)).map(({ to }) => to));
    for (const i of here) found.add(`${c}/${columns[c].units[i]}`);
  }
  return found;
}
