// A measure layer by layer, beside untrained copies: the points of a curve, and the rows of a file.

import type { Cell } from "../export/files";
import type { ControlRange, Evidence } from "../lib/formats";

export interface LayerPoint {
  title: string;
  value: number;
  interval?: [number, number];
  untrained: ControlRange | null;
}

/** Every figure's points below each other, as they were measured. */
export function pointRows(figures: { measure: string; points: LayerPoint[] }[]): Cell[][] {
  return [
    ["measure", "layer", "value", "interval_low", "interval_high", "untrained_mean", "untrained_low", "untrained_high"],
    ...figures.flatMap(({ measure, points }) =>
      points.map(({ title, value, interval, untrained }): Cell[] => [
        measure, title, value, interval?.[0] ?? null, interval?.[1] ?? null, untrained?.mean ?? null, untrained?.low ?? null, untrained?.high ?? null,
      ]),
    ),
  ];
}

/** Linear CKA between all layers, and of each with itself untrained and with a thumbnail. */
export function ckaRows(cka: NonNullable<Evidence["cka"]>, title: (layer: string) => string): Cell[][] {
  return [
    ["", ...cka.layers.map(title)],
    ...cka.trained.map((row, i): Cell[] => [title(cka.layers[i]), ...row]),
    ["with itself untrained", ...cka.with_untrained],
    ["with a 4 x 4 thumbnail", ...cka.with_thumbnail],
    ["at single places, untrained", ...cka.at_places.map(({ mean }) => mean)],
    ["at single places, thumbnail", ...cka.thumbnail_at_places],
  ].filter((row) => row.length > 1);
}
