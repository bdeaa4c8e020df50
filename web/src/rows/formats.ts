// Written by scripts/generate_formats.py from src/layerscope/formats: change it there.

/** What was measured of a network of words or numbers. */
export interface RowsAtlas {
  /** the version of this format. */
  schema: 1;
  /** "text", "next-word", "table" or "series". */
  kind: string;
  /** of the set. */
  name: string;
  /** ISO 8601. */
  created: string;
  /** of what was drawn. */
  seed: number;
  /** test rows that were measured. */
  n: number;
  /** copies that stood beside. */
  untrained: number;
  /** its description. */
  network: RowsNetwork;
  /** of it. */
  parameters: number;
  /** parameter -> values. */
  weights: Record<string, ArrayRef>;
  /** of the test rows, with simpler models beside. */
  figures: RowsFigure[];
  /** figures over folds, of small tables; null else. */
  cross_validated: CrossValidated | null;
  /** name of what is told; "" for the next word. */
  target: string;
  /** of a number, in the training rows. */
  target_mean: number;
  /** likewise. */
  target_std: number;
  /** words by id; none for numbers. */
  vocabulary: string[];
  /** F names of inputs; none for words. */
  input_names: string[];
  /** the sentences that are referred to, each its words. */
  texts: string[][];
  /** shown word by word. */
  sentences: Sentence[];
  /** with states. */
  layers: StateLayer[];
  /** each method's check; none of the next word. */
  removed: Removal[];
  /** of recurrent layers. */
  gate_values: GateValues[];
  /** of a transformer's layers. */
  attention: Attention[];
  /** of words in the embedding. */
  neighbours: Neighbour[];
  /** of a table. */
  columns: Column[];
  /** of a table's network. */
  feature_layers: FeatureLayer[];
  /** of a table, to be moved. */
  rows: TableRow[];
  /** of a series. */
  forecast: Forecast | null;
  /** what is to be known of the figures, one sentence each. */
  notes: string[];
}

/** A network of words or numbers: with it and its weights it is built again. */
export interface RowsNetwork {
  /** of the network. */
  name: string;
  /** "classes", "number" or "next-word". */
  task: string;
  /** K names. */
  class_names: string[];
  /** V. */
  n_words: number;
  /** F. */
  n_features: number;
  /** T. */
  length: number;
  /** field -> value, as `RowsShape` names them. */
  shape: Record<string, number | string>;
}

/** A named array of a safetensors file. */
export interface ArrayRef {
  /** inside the folder, such as "arrays/samples.safetensors". */
  file: string;
  /** of the array in that file. */
  name: string;
}

/** A figure of the network, and the same of simpler models on the same rows. */
export interface RowsFigure {
  /** "accuracy", "mean absolute error", "root mean squared error", "perplexity", … */
  name: string;
  /** of the value; "" where it has none. */
  unit: string;
  /** which way is good. */
  higher_is_better: boolean;
  /** the network's. */
  network: Estimate;
  /** simpler models. */
  baselines: Estimate[];
}

/** Figures over folds: every row is told by models that have not seen it. */
export interface CrossValidated {
  /** how many. */
  folds: number;
  /** rows. */
  n: number;
  /** over all rows. */
  figures: RowsFigure[];
  /** the first of them, in each fold alone; none of earlier versions. */
  by_fold: FoldFigure[];
}

/** A test sentence, as the network read it. */
export interface Sentence {
  /** row of the atlas's `texts`. */
  text: number;
  /** of its words in the vocabulary. */
  ids: number[];
  /** its class; null for the next word. */
  label: number | null;
  /** the network's; the page holds its own against them. */
  logits: number[];
  /** the class, or the next word, that they name. */
  predicted: number;
  /** of each word, how much the named logit falls when an unknown word stands there. */
  occlusion: number[];
  /** integrated gradients of each word. */
  integrated: number[];
  /** their sum less the change of the logit, over its size. */
  gap: number;
}

/** A layer that holds a state for every word or step. */
export interface StateLayer {
  /** its path. */
  name: string;
  /** "lstm", "gru", "rnn" or "encoder". */
  kind: string;
  /** U of them. */
  units: StateUnit[];
  /** on its states. */
  probes: StateProbe[];
  /** participation ratio of its states. */
  dimension: number;
  /** of untrained copies. */
  untrained_dimension: number[];
  /** held by the first two principal components. */
  variance_frac: number[];
  /** U. */
  mean: number[];
  /** 2 x U, the components. */
  axes: number[][];
  /** how well the last state's place along the first one tells two classes apart. */
  label_auroc: number | null;
  /** mean of untrained copies. */
  untrained_label_auroc: number | null;
  /** share of the last word's gradient norm at d words before it, from d = 0. */
  gradient: number[];
  /** mean of untrained copies. */
  untrained_gradient: number[];
  /** words, at which the gradient falls to half; null where it does not fall. */
  half_life: number | null;
  /** of a recurrent layer; none of others, nor in atlases before they were measured. */
  gates: Gate[];
}

/** Whether removing the words that a method marks matters. */
export interface Removal {
  /** "occlusion", "integrated gradients", or "attention of" a layer. */
  method: string;
  /** how much the named logit falls with the fifth of the words removed together that the method marks most strongly, on average. */
  fall: number;
  /** with as many words drawn at random. */
  random_fall: number;
  /** 95%, of the mean difference of the two; null of few sentences. */
  interval: [number, number] | null;
  /** whether it lies above 0. */
  holds: boolean;
  /** mean rank correlation with the same method's marks on an untrained network; null where it is not known. */
  untrained: number | null;
  /** of integrated gradients, share of the sentences whose values sum to the change of the logit within 5%; null of others. */
  complete_frac: number | null;
  /** sentences. */
  n: number;
}

/** A gate, or the cell state, word by word. */
export interface GateValues {
  /** its path. */
  layer: string;
  /** a gate, "candidate" (the new content), or "cell". */
  gate: string;
  /** float (n, T, U), of the first shown sentences. */
  values: ArrayRef;
}

/** Whether the words that a layer attends to are those whose removal matters. */
export interface Attention {
  /** its path. */
  layer: string;
  /** mean Spearman correlation of attention and the size of occlusion's effect. */
  agreement: number;
  /** 95%; null of few sentences. */
  interval: [number, number] | null;
  /** how often attention permuted among a sentence's words agrees as well. */
  p: number;
  /** the agreement in an untrained copy. */
  untrained: number | null;
  /** sentences. */
  n: number;
  /** float (n, heads, T, T), of the first sentences; null where none are kept. */
  maps: ArrayRef | null;
}

/** A word and those whose vectors lie nearest. */
export interface Neighbour {
  /** which. */
  word: string;
  /** of each, the word and the cosine. */
  nearest: [string, number][];
}

/** A column of a table. */
export interface Column {
  /** of the column. */
  name: string;
  /** the network's inputs that hold it. */
  inputs: number[];
  /** of the values; none for a number. */
  categories: string[];
  /** of a number in the training rows; what an input is less. */
  mean: number;
  /** what an input is over. */
  std: number;
  /** how much the loss rises when the column is permuted. */
  importance: number;
  /** 95%, over rows. */
  interval: [number, number];
  /** at which the dependence is taken, in the column's own unit; places of the categories for those. */
  values: number[];
  /** the mean prediction there; the target's own unit, or the second class's probability. */
  dependence: number[];
  /** of some rows, the predictions there. */
  individual: number[][];
}

/** A layer of a table's network. */
export interface FeatureLayer {
  /** its path. */
  name: string;
  /** of it. */
  units: FeatureUnit[];
}

/** A test row. */
export interface TableRow {
  /** as the network takes them. */
  inputs: number[];
  /** what it gives; the page holds its own against them. */
  outputs: number[];
  /** a class, or a number, scaled. */
  target: number;
}

/** Forecasts of a series' test days. */
export interface Forecast {
  /** what is added to a forecast for the lower end of its interval, in the unit of the series. */
  low: number;
  /** for the upper end. */
  high: number;
  /** share of days that shall lie inside. */
  wanted: number;
  /** share of test days that do. */
  covered: number;
  /** 95%, of that share. */
  interval: [number, number];
  /** of the days shown. */
  dates: string[];
  /** what came. */
  values: number[];
  /** what was forecast. */
  forecasts: number[];
  /** of the last days, T x F as the network takes them. */
  windows: number[][][];
  /** of these windows, scaled. */
  outputs: number[];
}

/** A figure of one model. */
export interface Estimate {
  /** of the model. */
  name: string;
  /** the figure. */
  value: number;
  /** 95%. */
  interval: [number, number];
  /** the network's figure less this one, on the same rows; null of the network. */
  difference: number | null;
  /** 95%, of a paired bootstrap. */
  difference_interval: [number, number] | null;
}

/** A figure on the rows of one fold. */
export interface FoldFigure {
  /** rows. */
  n: number;
  /** the one that counts, told by models that had seen none of these rows. */
  figure: RowsFigure;
}

/** A unit of a layer with states. */
export interface StateUnit {
  /** the property that it is named by; null where untrained units or chance do as well. */
  follows: string | null;
  /** its strongest property. */
  best: Property | null;
  /** expected share of units that follow a property as closely untrained; null where the layer is too small to say. */
  training_q: number | null;
  /** the same with properties permuted. */
  chance_q: number | null;
  /** of its ablation. */
  effect: StateEffect | null;
  /** sentences at which it is highest. */
  strongest: MarkedWord[];
  /** at which it is lowest. */
  weakest: MarkedWord[];
}

/** A linear probe on a layer's states behind the last word. */
export interface StateProbe {
  /** what it tells. */
  name: string;
  /** on sentences that it was not fitted on. */
  accuracy: number;
  /** 95%. */
  interval: [number, number];
  /** of the commonest answer. */
  chance: number;
  /** of untrained copies, lowest and highest; null without any. */
  untrained: [number, number] | null;
}

/** How far a gate of a recurrent layer stands open. */
export interface Gate {
  /** "input", "forget" or "output" of an LSTM, "reset" or "update" of a GRU. */
  name: string;
  /** U, over the words of the measured sentences. */
  mean: number[];
  /** U, share of the words at which it lies above 0.9. */
  open_frac: number[];
  /** U, share at which it lies below 0.1. */
  shut_frac: number[];
  /** of untrained copies, the mean over units of each. */
  untrained_mean: number[];
  /** likewise. */
  untrained_open_frac: number[];
  /** likewise. */
  untrained_shut_frac: number[];
}

/** A unit of a table's or a series' network. */
export interface FeatureUnit {
  /** the input that it follows more than untrained units do; null without one. */
  follows: string | null;
  /** the input that it follows most. */
  best: string;
  /** with that. */
  correlation: number;
  /** expected share of units that follow one as closely untrained; null where the layer is too small to say. */
  training_q: number | null;
  /** values of that input, scaled. */
  at: number[];
  /** the unit's activation there. */
  mean: number[];
}

/** How a unit's state goes with a property of words or sentences. */
export interface Property {
  /** of the property. */
  name: string;
  /** within strata. */
  correlation: number;
  /** likewise; above 0.5 the unit is higher with the property. */
  auroc: number;
  /** what 95% of untrained units' correlations stay below, by size. */
  untrained: number;
  /** the same of the trained layer's, with the property permuted among sentences; null where it cannot be. */
  dealt: number | null;
}

/** What is lost with a unit's state held at its mean, at every word. */
export interface StateEffect {
  /** change of the mean loss. */
  loss: number;
  /** 95%, paired by sentence. */
  interval: [number, number];
  /** false-discovery rate over the layer's units. */
  q: number;
  /** how often random directions of as much activity lose at least as much. */
  random_p: number;
  /** whether both are small. */
  needed: boolean;
}

/** One word of one sentence. */
export interface MarkedWord {
  /** row of the atlas's `texts`. */
  text: number;
  /** its place there, from 0. */
  word: number;
  /** the unit's state after it. */
  value: number;
}
