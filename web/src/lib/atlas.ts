// The atlas and the run as docs/atlas.md describes them. Nothing here knows any network by name.

import type { Evidence, LayerEvidence, UnitEvidence } from "./evidence";

export interface ArrayRef {
  file: string;
  name: string;
}
export interface Sprite {
  file: string;
  tile_px: [number, number];
  columns: number;
  count: number;
}
export interface Patch {
  row: number;
  id: string;
  label: number;
  value: number;
  position: [number, number] | null;
  box_px: [number, number, number, number];
}
export interface Unit extends UnitEvidence {
  index: number;
  mean: number;
  std: number;
  max: number;
  zero_frac: number;
  dead: boolean;
  histogram: { low: number; high: number; counts: number[] };
  patches: Patch[];
}
export interface ReceptiveField {
  size_px: [number, number];
  stride_px: [number, number];
  start_px: [number, number];
}
export interface WindowOptions {
  kernel_size: [number, number];
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  groups: number;
}
export interface Layer {
  name: string;
  kind: string;
  title: string;
  function: string | null;
  inputs: string[];
  shape: number[];
  parameters: number;
  multiply_adds: number;
  receptive_field: ReceptiveField | null;
  options: Partial<WindowOptions>;
  weight: ArrayRef | null;
  bias: ArrayRef | null;
  filters: Sprite | null;
  spectra?: Sprite | null;
  filter_scales: number[];
  statistics: {
    n: number;
    values_per_unit?: number;
    mean: number;
    std: number;
    min: number;
    max: number;
    zero_frac: number;
    dead_units: number[];
  } | null;
  units: Unit[];
  units_in: string | null;
  patch_sprite: Sprite | null;
  evidence?: LayerEvidence | null;
  made_sprite?: Sprite | null;
}
export interface Step {
  number: number;
  key: string;
  title: string;
  layers: string[];
  absent: string | null;
}
export interface Sample {
  row: number;
  id: string;
  label: number;
  predicted: number;
  logits: number[];
  probs: number[];
  pixels: ArrayRef;
  maps: Record<string, ArrayRef>;
}
export interface Atlas {
  schema: number;
  made: { layerscope: string; torch: string; date: string; seed: number; seconds_s: number; device: string };
  model: {
    name: string;
    parameters: number;
    multiply_adds: number;
    dense_parameters: number;
    class_names: string[];
    output: "softmax" | "sigmoid";
    options: Record<string, unknown>;
    /** What the layers do not show, one sentence each. */
    escaped?: string[];
  };
  input: { channels: number; height: number; width: number; mean: number[]; std: number[] };
  /** `class_names` are those of the labels; schema 1 has none of its own. */
  data: { name: string; split: string; n: number; class_names?: string[]; class_counts: number[]; fingerprint: string };
  steps: Step[];
  layers: Layer[];
  samples: Sample[];
  evidence?: Evidence | null;
}
export interface HistoryRow {
  epoch: number;
  train_loss: number;
  train_accuracy: number;
  validation_loss: number;
  validation_accuracy: number;
  learning_rate: number;
  images_per_s: number;
  elapsed_s: number;
}
export interface Evaluation {
  split: string;
  n: number;
  correct: number;
  accuracy: number;
  interval: [number, number];
  per_class: { name: string; n: number; precision: number | null; recall: number | null; f1: number | null }[];
  confusion: number[][];
  calibration: {
    error: number;
    bins: { lo: number; hi: number; n: number; confidence: number | null; accuracy: number | null }[];
  };
  mistakes: { row: number; id: string; label: number; predicted: number; prob: number; prob_of_label: number }[];
  mistakes_sprite: Sprite | null;
}
export interface Run {
  run: {
    name: string;
    finished: boolean;
    made: string;
    data: { name: string; train: number; validation: number; test: number };
    recipe: Record<string, unknown>;
    seeds: { run: number };
    versions: Record<string, string>;
    hardware: Record<string, unknown>;
    findings?: { kind: string; sentence: string; value: number; since_epoch: number }[];
    results: { validation_accuracy: number | null; train_s: number; best_epoch: number };
  };
  history: HistoryRow[];
  evaluation: Evaluation;
}

/** The schemas that this page reads; 1 has no evidence. */
export const SCHEMAS = [1, 2];

export function layerNamed(atlas: Atlas, name: string): Layer | undefined {
  return atlas.layers.find((layer) => layer.name === name);
}

/** The layer whose units carry the patches of `layer`: itself, or the activation behind it. */
export function unitsLayer(atlas: Atlas, layer: Layer): Layer {
  return (layer.units_in && layerNamed(atlas, layer.units_in)) || layer;
}
