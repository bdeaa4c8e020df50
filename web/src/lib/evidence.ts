// The evidence of schema 2: what was measured of the network, each number beside its control.

/** What an untrained network reaches, over several seeds. */
export interface Range {
  mean: number;
  low: number;
  high: number;
}
export interface Measure {
  value: number;
  untrained_95: number | null;
  p: number | null;
  passes: boolean;
  what: string | null;
}
export interface Tuning {
  angle_deg: number | null;
  orientation: number;
  frequency_cycles_px: number | null;
  reach_frac: number;
  best: string | null;
  curve: number[];
  phase_deg?: number | null;
  phase_selectivity?: number | null;
  size_px?: number | null;
  curvature?: number | null;
  corner_deg?: number | null;
  gabor_r2: number | null;
  gabor_counts?: boolean | null;
}
export interface Concept {
  kind: string;
  name: string;
  value: number;
  measure: string;
  untrained_95: number | null;
}
export interface Ablation {
  way: string;
  n?: number;
  accuracy_change: number;
  per_class: (number | null)[];
  control: Range | null;
}
export interface Made {
  value: number;
  natural_max: number;
  ratio: number | null;
  path_similarity: number | null;
  natural_path: number | null;
  unnatural: boolean;
}
/** What schema 2 says of a unit; all of it is absent where it was not measured. */
export interface UnitEvidence {
  name?: string | null;
  kind?: string | null;
  score?: number | null;
  measures?: Record<string, Measure> | null;
  tuning?: Tuning | null;
  concepts?: Concept[] | null;
  ablation?: Ablation | null;
  made?: Made | null;
  strongest_inputs?: [number, number][] | null;
}
export interface LayerEvidence {
  probe?: { accuracy: number; interval: [number, number]; n: number; chance: number; untrained: Range | null } | null;
  separation?: { value: number; untrained: Range | null } | null;
  dimension?: { value: number; of: number; untrained: Range | null } | null;
  sparsity?: { value: number; untrained: Range | null } | null;
  dead_share?: { value: number; untrained: Range | null } | null;
  duplicate_pairs?: { value: number; untrained: Range | null } | null;
  field_side_px?: { value: number; untrained: Range | null } | null;
  gabor_share?: { value: number; untrained: Range | null } | null;
  effective_field_px?: [number, number] | null;
  duplicates?: [number, number, number][] | null;
}
export interface Share {
  share: number;
  interval: [number, number];
  count: number;
  untrained: number | null;
}
export interface Rung {
  layer: string;
  title: string;
  n_units: number;
  shares: Record<string, Share>;
  /** Units above each kind's bar, whether or not training made them so. */
  selective?: Record<string, { share: number; interval: [number, number]; untrained: Range | null }>;
}
export interface Evidence {
  n: number;
  split: string;
  untrained_seeds: number;
  fdr_frac: number;
  kinds: string[];
  measures: Record<string, string>;
  ladder: Rung[];
  cka: { layers: string[]; trained: number[][]; untrained?: number[][]; with_untrained: number[] | null } | null;
}
