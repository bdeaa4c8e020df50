// The figure by which a training on words or numbers is followed, epoch by epoch, beside simpler models.

import { percent } from "../lib/format";
import { short } from "../rows/state.svelte";
import type { Epoch } from "./training.svelte";

export interface RowsStart {
  task: "classes" | "number" | "next-word";
  figure: string;
  unit: string;
  mean: number;
  std: number;
  /** Of simpler models, on the same validation rows. */
  baselines: { name: string; value: number }[];
  names: string[];
  /** Classes, numbers in the target's unit, or the words that follow. */
  truth: number[] | string[][];
}

/** The figure on the rows learned from, and on validation. */
export function figureOf({ task, std }: Pick<RowsStart, "task" | "std">, row: Epoch): [number, number] {
  if (task === "classes") return [row.train_accuracy, row.validation_accuracy];
  const of = (loss: number): number => (task === "number" ? Math.sqrt(loss) * std : Math.exp(loss));
  return [of(row.train_loss), of(row.validation_loss)];
}

export function figureText({ task, unit }: Pick<RowsStart, "task" | "unit">, value: number): string {
  return task === "classes" ? percent(value, 1) : unit ? `${short(value)} ${unit}` : short(value);
}

/** What an accuracy is a share of: as a heading, and of a batch. */
export const SHARE = { classes: "right", number: "variance explained", "next-word": "words right" } as const;
export const OF_BATCH = { classes: "of the batch right", number: "of the batch's variance explained", "next-word": "of the batch's words right" } as const;
