// Written by scripts/generate_formats.py from src/layerscope/formats: change it there.

/** Everything measured about one network. */
export interface Atlas {
  /** the version of this format. */
  schema: 3;
  /** when and with what. */
  created: Created;
  /** the network as a whole. */
  model: Model;
  /** what it takes. */
  input: Input;
  /** the pictures that were measured. */
  data: Data;
  /** the eight steps from pixels to decision. */
  steps: Step[];
  /** every layer, in the order of the forward pass. */
  layers: Layer[];
  /** what the layers have learned; null where it was not measured. */
  evidence: Evidence | null;
  /** some pictures walked through the whole network. */
  samples: Sample[];
  /** how many pictures the network names right; null where that cannot be said, and in older atlases. */
  accuracy: Accuracy | null;
  /** what was found out of the network before it was measured, one sentence each. */
  notes: string[];
  /** what makes the figures doubtful, one sentence each. */
  warnings: string[];
  /** where in their pictures patches lie; null where every patch is a whole picture, and in older atlases. */
  patch_pictures: PatchPictures | null;
}

/** A run inside a report. */
export interface EmbeddedRun {
  /** `run.json`. */
  run: Run;
  /** the rows of `history.jsonl`. */
  history: EpochFigures[];
  /** `evaluation.json`. */
  evaluation: Evaluation;
  /** the recording of the training, frames evenly thinned out to what a page holds; null where none was kept. */
  playback: Playback | null;
}

/** What a report carries of a second run, with its atlas beside this record. */
export interface BesideRun {
  /** the second run, without its recording. */
  run: EmbeddedRun;
  /** in which the two differ. */
  settings: DifferingSetting[];
  /** on the test pictures; null where one of the runs did not keep which ones it named right. */
  difference: PairedDifference | null;
  /** the difference in a sentence; null without it. */
  verdict: string | null;
}

/** What a training set out to do, as `plan.json` holds it. */
export interface Plan {
  /** the version of this format. */
  schema: 1;
  /** the set's name or path; null where the pictures were handed over in Python. */
  source: string | null;
  /** side of the pictures asked for; null is the set's own. */
  size: number | null;
  /** of everything that is drawn. */
  seed: number;
  /** the network. */
  model: Network;
  /** every choice. */
  recipe: Recipe;
  /** of the training pictures. */
  fingerprint: string;
}

/** When and with what an atlas was created. */
export interface Created {
  /** version. */
  layerscope: string;
  /** version. */
  torch: string;
  /** ISO 8601. */
  date: string;
  /** of everything that was drawn. */
  seed: number;
  /** of the look. */
  duration_s: number;
  /** that the network ran on. */
  device: string;
}

/** The network as a whole. */
export interface Model {
  /** of the network. */
  name: string;
  /** of all layers. */
  parameters: number;
  /** for one picture. */
  multiply_adds: number;
  /** what fully-connected layers of the same shapes would have. */
  dense_equivalent_parameters: number;
  /** K names. */
  class_names: string[];
  /** "softmax" over K logits, or "sigmoid" of one. */
  output: "sigmoid" | "softmax";
  /** the fields of its shape; of a library's network those alone that can be chosen. */
  options: Record<string, boolean | number | string | number[] | null>;
  /** one sentence each: what the layers do not show, such as a forward pass that decides by values, a layer that not all pictures reach, a measure that was skipped. */
  not_captured: string[];
  /** how well the layers give the network's own logits. */
  replay: Replay;
}

/** What the network takes: `(pixels / 255 - mean) / std`. */
export interface Input {
  /** C. */
  channels: number;
  /** H, in pixels. */
  height: number;
  /** W, in pixels. */
  width: number;
  /** of each channel, red first. */
  mean: number[];
  /** of each channel, red first. */
  std: number[];
  /** whether the network takes the channels in the other order, blue first. */
  bgr: boolean;
  /** the range of values by its name: "0..1", "0..255", "-1..1", "imagenet", "caffe", or "dataset" for any other mean and deviation; null in older atlases. */
  scale: string | null;
  /** how a file becomes a picture of this size, in words; null in older atlases. */
  framing: string | null;
  /** who says which values it takes, or how they were found, in words; null in older atlases. */
  values_from: string | null;
}

/** The pictures that were measured. */
export interface Data {
  /** of the set. */
  name: string;
  /** such as "test". */
  split: string;
  /** pictures. */
  n: number;
  /** of every `label`; a network may tell other classes apart. None where nobody has labelled them. */
  class_names: string[];
  /** pictures of each class. */
  class_counts: number[];
  /** of pixels and labels. */
  fingerprint: string;
}

/** One of the eight steps from pixels to decision. */
export interface Step {
  /** 1 to 8. */
  number: number;
  /** "pixels", "convolution", "activation", "pooling", "deeper", "high_level", "dense" or "output". */
  key: string;
  /** for a person. */
  title: string;
  /** names of the layers that the step shows. */
  layers: string[];
  /** why this network has no such step; null where it has one. */
  absent: string | null;
}

/** One layer of a network. */
export interface Layer {
  /** dotted module path, exact. */
  name: string;
  /** "conv", "dense", "activation", "max_pool", "avg_pool", "global_pool", "batch_norm", "dropout", "flatten", "add", "conv1d", "conv3d", "conv_transpose", "recurrent", "attention" or "other". */
  kind: string;
  /** for a person, counted: "Convolution 1", "ReLU 2". */
  title: string;
  /** of an activation, such as "relu"; else null. */
  function: string | null;
  /** names of the layers it reads; "input" is the picture itself. */
  inputs: string[];
  /** of its output for one picture: [C, H, W], [T, U] for tokens or [U]. */
  shape: number[];
  /** its own. */
  parameters: number;
  /** for one picture. */
  multiply_adds: number;
  /** null behind a flatten. */
  receptive_field: ReceptiveField | null;
  /** of a convolution or pooling; else null. */
  window: Window | null;
  /** a convolution's is (U, C / groups, kh, kw), a dense layer's (U, features); null where it has none or it is very large. */
  weight: ArrayRef | null;
  /** (U,). */
  bias: ArrayRef | null;
  /** U pictures: the weights, where they act on the input itself. */
  filter_sprite: Sprite | null;
  /** by what each picture is scaled: its own largest magnitude. */
  filter_scales: number[];
  /** U grey pictures of 16 x 16: the size of the same weights' Fourier transform, frequency 0 in the middle, half a cycle a pixel at the border. */
  spectrum_sprite: Sprite | null;
  /** of all units; null where the layer was not measured. */
  statistics: LayerStatistics | null;
  /** each unit; none where the layer has none of its own. */
  units: Unit[];
  /** the layer through which these units are seen (the activation behind a convolution), which has their patches and measures; else null. */
  units_in: string | null;
  /** patch j of unit u is picture `u * 9 + j`. */
  patch_sprite: Sprite | null;
  /** picture `u * featurevis_variants + j` is the j-th image optimised for unit u, its strongest first. */
  featurevis_sprite: Sprite | null;
  /** the layer's measures; null where there are none. */
  evidence: LayerEvidence | null;
  /** of the network's own output, pictures counted as axis 0, along which its units lie: 1 for maps (B, C, H, W), 3 where channels come last; null where units lie along several axes or share theirs with pictures, and in older atlases. */
  unit_axis: number | null;
  /** how its output is computed; null where that is none of the operations that an atlas describes, where its weights are left out, and in older atlases. */
  forward: Forward | null;
  /** images of each unit. */
  featurevis_variants: number;
  /** picture u is the image optimised for the mean over unit u's map; null where there is none. */
  featurevis_map_sprite: Sprite | null;
}

/** What the layers have learned, beside untrained copies of the network: fresh weights, batch norms that have seen pictures. */
export interface Evidence {
  /** pictures measured, a seeded choice. */
  n: number;
  /** that they are of. */
  split: string;
  /** how many. */
  untrained_copies: number;
  /** the false-discovery rate allowed over all units and measures. */
  fdr_level: number;
  /** what the network learned, in one sentence with its numbers. */
  headline: string;
  /** brightness that stimuli were drawn on, 0 to 1: the set's own. */
  ground: number;
  /** of the ladder, in its order: "brightness", "colour", "edge", "spot", "corner", "texture", "part" (where the pictures have part masks), "class". */
  kinds: string[];
  /** kind -> one sentence: how it is measured. */
  kind_descriptions: Record<string, string>;
  /** a rung for each measured layer. */
  ladder: Rung[];
  /** null where nothing was measured. */
  cka: Cka | null;
  /** runs from other seeds that units were looked for in; none where one network was looked at. */
  other_runs: string[];
}

/** A picture walked through the whole network. */
export interface Sample {
  /** of the picture in its split; null for a picture that somebody brought. */
  row: number | null;
  /** of the picture. */
  id: string;
  /** its class, as a row of `data.class_names`; null for a picture without a label, such as one that somebody brought. */
  label: number | null;
  /** the class that the network names. */
  predicted: number;
  /** K, or 1 for sigmoid. */
  logits: number[];
  /** K. */
  probs: number[];
  /** uint8 (C, H, W). */
  pixels: ArrayRef;
  /** layer name -> its output, float32 or float16, (C, H, W), (T, U) or (U,); very large layers are left out. */
  activations: Record<string, ArrayRef>;
}

/** How many of some pictures the network names right, of classes that it knows. */
export interface Accuracy {
  /** pictures, a seeded choice of those that were measured. */
  n: number;
  /** how many it names right. */
  correct: number;
  /** share of right ones. */
  accuracy: number;
  /** 95%, Wilson. */
  interval: [number, number];
  /** the mean over the classes of the share of each that is right. */
  balanced_accuracy: number;
  /** how many classes the pictures are of; guessing has a balanced accuracy of one in so many. */
  n_classes: number;
  /** what always saying the most frequent class would get right. */
  most_frequent_frac: number;
  /** what 99% of 200 shuffles of the labels stay at or below: up to it, accuracy is no better than chance. */
  permuted_frac: number;
}

/** The pictures that patches were cut from, made small: enough to see where a patch lies in one. */
export interface PatchPictures {
  /** picture i is the one in this row of its split; each once, those of the strongest patches first. */
  rows: number[];
  /** the pictures. */
  sprite: Sprite;
}

/** A training, as `run.json` holds it. */
export interface Run {
  /** the version of this format. */
  schema: 2;
  /** of the run folder. */
  name: string;
  /** whether it went to its end. */
  finished: boolean;
  /** ISO 8601. */
  created: string;
  /** the pictures. */
  data: RunData;
  /** the network. */
  model: Network;
  /** every choice. */
  recipe: Recipe;
  /** of everything that was drawn. */
  seed: number;
  /** library -> version. */
  versions: Record<string, string>;
  /** the machine. */
  hardware: Hardware;
  /** the outcome. */
  results: Results;
  /** what went wrong. */
  findings: Finding[];
  /** learning rates that were changed while the training ran; such a run cannot be repeated from its recipe alone. */
  by_hand: HandChange[];
}

/** One line of `history.jsonl`: the figures of one pass over the training pictures. */
export interface EpochFigures {
  /** 1 for the first. */
  epoch: number;
  /** mean over the epoch's batches. */
  train_loss: number;
  /** likewise; of numbers the share of their variance that is explained, not below 0, of next words the share that is right. */
  train_accuracy: number;
  /** after the epoch. */
  validation_loss: number;
  /** likewise. */
  validation_accuracy: number;
  /** of the epoch's last step. */
  learning_rate: number;
  /** training speed. */
  images_per_s: number;
  /** training time so far. */
  elapsed_s: number;
  /** activation layer -> share of units that were never above zero on up to 256 validation pictures. */
  dead_frac: Record<string, number>;
}

/** A network's figures on one split, as `evaluation.json` holds them. */
export interface Evaluation {
  /** which. */
  split: string;
  /** pictures. */
  n: number;
  /** how many are right. */
  correct: number;
  /** share of right ones. */
  accuracy: number;
  /** 95%, Wilson. */
  interval: [number, number];
  /** each class's figures. */
  per_class: ClassFigures[];
  /** the confusion matrix, K x K counts: rows are the true class. */
  confusion: number[][];
  /** confidence beside accuracy. */
  calibration: Calibration;
  /** the most confident first. */
  mistakes: Mistake[];
  /** their pictures, in that order; null without any. */
  mistakes_sprite: Sprite | null;
}

/** The recording of a training: F frames, each the state behind one step of the optimiser. */
export interface Playback {
  /** of the training, 0 for the first. */
  steps: number[];
  /** 1 for the first. */
  epochs: number[];
  /** of each step's batch. */
  loss: (number | null)[];
  /** of each step's batch. */
  accuracy: number[];
  /** paths of the L convolutions and dense layers. */
  layers: string[];
  /** F x L, Euclidean norms of the weights' gradients; null where it is no number. */
  gradient_norm: ((number | null)[])[];
  /** F x L, norm of each weight's change, relative to the weight's norm; likewise. */
  update_frac: ((number | null)[])[];
  /** uint8 (N, C, H, W), fixed validation pictures. */
  probe_pixels: ArrayRef;
  /** their classes. */
  probe_labels: number[];
  /** (F, N, K), what the network thought of them. */
  probs: ArrayRef;
  /** (F, N, D), the last activation of each, averaged over space. */
  embedding: ArrayRef;
  /** layer -> (F, ...), of small layers. */
  weights: Record<string, ArrayRef>;
  /** layer -> maps. */
  maps: Record<string, RecordedMaps>;
  /** single weights; null in recordings that kept none. */
  followed: FollowedWeights | null;
}

/** A setting in which two runs differ, as a user types its values. */
export interface DifferingSetting {
  /** of the setting. */
  name: string;
  /** its value in the report's own run. */
  here: string;
  /** its value in the run beside it. */
  there: string;
}

/** By how much the run beside a report's own is better, in accuracy on the same pictures. */
export interface PairedDifference {
  /** its accuracy less that of the report's own run. */
  mean: number;
  /** 95%, paired by picture. */
  interval: [number, number];
  /** pictures. */
  n: number;
  /** chance of so many disagreements if both were alike (McNemar). */
  p: number;
}

/** A network's description: with it and its weights it is built again. */
export interface Network {
  /** of the network. */
  name: string;
  /** K names. */
  class_names: string[];
  /** of a picture. */
  channels: number;
  /** of a picture. */
  height: number;
  /** of a picture. */
  width: number;
  /** of `pixels / 255`, for each channel. */
  mean: number[];
  /** likewise. */
  std: number[];
  /** of its layers. */
  shape: NetShape;
  /** that its training began with; null where they were drawn. */
  weights: Weights | null;
  /** whether the network takes blue first. */
  bgr: boolean;
  /** the side that a file is resized to before the middle is cut out; null is none. */
  resize_px: number | null;
  /** whether a file is resized without keeping its proportions. */
  squash: boolean;
  /** of the resizing. */
  interpolation: string;
}

/** Every choice of a training; `layerscope.Recipe` says what each does. */
export interface Recipe {
  /** passes over the training pictures. */
  epochs: number;
  /** pictures a step. */
  batch_size: number;
  /** "muon", "adamw", "adam" or "sgd". */
  optimiser: string;
  /** the highest one of the schedule. */
  learning_rate: number;
  /** "one-cycle", "cosine", "plateau" or "constant". */
  schedule: string;
  /** share of the steps in which the rate rises. */
  warmup_frac: number;
  /** epochs without improvement before a cut. */
  plateau_epochs: number;
  /** a step and learning rate. */
  weight_decay: number;
  /** what happens to each picture of a batch. */
  augment: string;
  /** share of each target spread over all classes. */
  label_smoothing_frac: number;
  /** largest norm of all gradients together; 0 leaves them. */
  gradient_clip: number;
  /** epochs without improvement that end the training; 0 never does. */
  stop_after_epochs: number;
  /** share of the training pictures set apart. */
  validation_frac: number;
  /** "auto", "float32" or "bfloat16". */
  precision: string;
  /** up to which layer the weights stay. */
  freeze: string;
  /** from which everything learns; 0 is never. */
  unfreeze_epoch: number;
  /** learning rate of all but the head, relative to the head's. */
  backbone_rate_frac: number;
}

/** How well the layers, run one by one, give the network's own logits. A difference is null where there is no number: the network draws random numbers, or its logits overflow. */
export interface Replay {
  /** pictures. */
  n: number;
  /** layers that the network was run on from, evenly spread. */
  n_layers: number;
  /** largest difference between the logits of the operations as they were read and the network's own. */
  program_difference: number | null;
  /** the largest where the network was run on from a layer's captured output. */
  layer_difference: number | null;
  /** the name of that layer. */
  worst_layer: string | null;
}

/** What a unit sees: the one at row y, column x sees the rectangle whose top is `start + y * stride`, clipped to the picture. A negative start is padding. */
export interface ReceptiveField {
  /** [height, width]. */
  size_px: [number, number];
  /** [down, across] from one unit to the next. */
  stride_px: [number, number];
  /** [top, left] of the first unit's. */
  start_px: [number, number];
  /** [top, left, height, width] of what the network reads of the picture, where strides or crops leave some of its rim out; null for all of it. */
  within_px: [number, number, number, number] | null;
}

/** How a convolution or a pooling slides. */
export interface Window {
  /** [height, width]. */
  kernel_size: [number, number];
  /** [down, across]. */
  stride: [number, number];
  /** [above and below, left and right]. */
  padding: [number, number];
  /** [down, across]. */
  dilation: [number, number];
  /** the channels are parted into so many. */
  groups: number;
}

/** A named array of a safetensors file. */
export interface ArrayRef {
  /** inside the folder, such as "arrays/samples.safetensors". */
  file: string;
  /** of the array in that file. */
  name: string;
}

/** Many pictures of one size in one sheet: tile `i` is at column `i % columns`, row `i // columns`. */
export interface Sprite {
  /** inside the folder, such as "sprites/features.0.patches.webp". */
  file: string;
  /** [height, width] of one tile. */
  tile_px: [number, number];
  /** tiles a row. */
  columns: number;
  /** tiles of the sheet. */
  count: number;
  /** the tile of each picture, where equal pictures share one; null: picture `i` is tile `i`. */
  tiles: number[] | null;
}

/** The activations of all units of a layer together. */
export interface LayerStatistics {
  /** pictures. */
  n: number;
  /** that `mean`, `std`, `min` and `zero_frac` are taken from: every value of small sets and maps; of large maps in a large set a sample of places, 131,072 values of each unit or more. */
  values_per_unit: number;
  /** of the values. */
  mean: number;
  /** of the values. */
  std: number;
  /** of the values. */
  min: number;
  /** of every value. */
  max: number;
  /** share of values that are exactly zero. */
  zero_frac: number;
  /** units that were never above zero, in a layer that cannot fall below zero; elsewhere units that were the same for every picture. */
  dead_units: number[];
}

/** A unit: one channel of a convolution, one output of a dense layer. */
export interface Unit {
  /** the words of the first description that holds in pictures and, of a part or a class, is in two thirds of its patches; of the first that holds where none is; null where none holds. */
  name: string | null;
  /** of that description. */
  kind: string | null;
  /** what the unit is beside all that: "output for cat", "rarely active"; null for others. */
  role: string | null;
  /** every kind that it responds to; those that hold in pictures first. */
  descriptions: Description[];
  /** responses to synthetic stimuli; null where not measured. */
  tuning: Tuning | null;
  /** at most 3 classes and parts, those furthest beyond their control first. */
  concepts: Concept[];
  /** null where not measured. */
  ablation: Ablation | null;
  /** null where no image was optimised. */
  featurevis: FeatureVis | null;
  /** at most 4 [unit of the layer that it reads, norm of the weights on it]. */
  strongest_inputs: [number, number][];
  /** at most 4 [unit of the layer that it reads, how much one standard deviation of that unit's response, all over the window, adds before the activation function]. */
  excited_by: [number, number][];
  /** the same of units that lower it. */
  inhibited_by: [number, number][];
  /** how much each logit changes when the response rises by 1 at every place; none where the way to the logits is not linear. */
  class_weights: number[];
  /** in networks trained from other seeds; null where one network was looked at. */
  recurrence: Recurrence | null;
  /** how many of its patches show the part or class that it is named after; null for other names. */
  named_patches: number | null;
  /** a sentence where these are fewer than two thirds; null elsewhere. */
  patches_note: string | null;
  /** its dependence profile; null where not measured. */
  dependence: Dependence | null;
  /** of its strongest patches; null where not measured. */
  clusters: PatchClusters | null;
  /** in its layer. */
  index: number;
  /** of its activation. */
  mean: number;
  /** of its activation. */
  std: number;
  /** of every value. */
  max: number;
  /** share of values that are exactly zero. */
  zero_frac: number;
  /** whether it was never above zero, in a layer that cannot fall below zero; elsewhere, whether it was the same for every picture. */
  dead: boolean;
  /** of its values. */
  histogram: Histogram;
  /** at most 9, strongest first. */
  patches: Patch[];
}

/** The measures of a whole layer, each beside untrained copies of the network. */
export interface LayerEvidence {
  /** linear probe; null without two pictures of each of two classes. */
  probe: Probe | null;
  /** share of the layer's variance that lies between classes; null where the pictures are not of two classes, or of each there is a single one. */
  class_separation: Compared | null;
  /** participation ratio. */
  effective_dimension: EffectiveDimension | null;
  /** from 0 (all units alike active) to 1 (a single one), after Vinje and Gallant, 2000; null of a single unit. */
  sparsity: Compared | null;
  /** share of dead units. */
  dead_frac: Compared | null;
  /** pairs of units that correlate above 0.95. */
  duplicate_pairs: Compared | null;
  /** at most 50 of them: [unit, unit, correlation]. */
  duplicates: [number, number, number][];
  /** [height, width] that hold most of the gradient on the picture; null without a receptive field. */
  effective_field_px: [number, number] | null;
  /** side of the square of the same area. */
  effective_field_side_px: Compared | null;
  /** share of the first layer's filters that a Gabor function describes; null where filters are under 5 x 5 or read no picture. */
  gabor_frac: Compared | null;
  /** units that were ablated together. */
  groups: GroupAblation[];
  /** null where not measured. */
  directions: Directions | null;
  /** share of units that recur in networks trained from other seeds, beside the share of untrained units that recur in other untrained networks; null where one network was looked at. */
  recurring_frac: Compared | null;
  /** what its units need; null where not measured. */
  dependence: LayerDependence | null;
}

/** How a layer's output is computed from the layers that it reads, with its window and weights: what a program needs that runs the network from its atlas alone. */
export interface Forward {
  /** "conv", "dense", "scale" (each channel times `scale`, plus `shift`), "max_pool", "avg_pool", "mean" (over space), "flatten", "copy", "add", or an activation's function. */
  operation: string;
  /** of "leaky_relu" below zero, and the height of "elu"; null of others. */
  slope: number | null;
  /** of "scale", (C,); else null. */
  scale: ArrayRef | null;
  /** of "scale", (C,); else null. */
  shift: ArrayRef | null;
}

/** One layer of the ladder. */
export interface Rung {
  /** its name. */
  layer: string;
  /** for a person. */
  title: string;
  /** its units. */
  n_units: number;
  /** kind (and "undescribed") -> the units that respond to it, where it holds in pictures. */
  responds: Record<string, LadderFrac>;
  /** kind -> the units that respond to it by the kind's own measure, whether or not it holds in pictures. */
  synthetic: Record<string, LadderFrac>;
}

/** How alike the representations of layers are: linear CKA, of maps that are averaged over their quarters. Such maps follow brightness; at single places less does. */
export interface Cka {
  /** names, in the order of rows and columns. */
  layers: string[];
  /** between all layers of the network. */
  trained: number[][];
  /** the same in the first untrained copy. */
  untrained: number[][];
  /** of each layer with itself untrained, the mean over the copies. */
  with_untrained: number[];
  /** the same over the copies; none in older atlases, as the rest here. */
  with_untrained_range: ControlRange[];
  /** of each layer with a thumbnail of 4 x 4 pixels of the picture: what a layer shares with that it need not have learned. */
  with_thumbnail: number[];
  /** the same of the layer in untrained copies. */
  thumbnail_untrained: ControlRange[];
  /** of each layer with itself untrained, over single places of its maps. */
  at_places: ControlRange[];
  /** of each layer with a thumbnail of what its units see there. */
  thumbnail_at_places: number[];
}

/** The pictures of a training. */
export interface RunData {
  /** of the set. */
  name: string;
  /** the set's name or path; null where the pictures were handed over in Python. */
  source: string | null;
  /** side of the pictures asked for; null is the set's own. */
  size: number | null;
  /** pictures learned from. */
  n_train: number;
  /** pictures set apart to choose by. */
  n_validation: number;
  /** pictures scored once, at the end. */
  n_test: number;
  /** of a picture, in the set. */
  channels: number;
  /** of a picture. */
  height: number;
  /** of a picture. */
  width: number;
  /** K names. */
  class_names: string[];
  /** of the splits. */
  fingerprint: Fingerprints;
  /** files that could not be used. */
  n_skipped: number;
  /** null for other pictures than drawings. */
  ink: Ink | null;
}

/** The machine of a training. */
export interface Hardware {
  /** that the network ran on. */
  device: string;
  /** its name. */
  processor: string;
  /** of the processor. */
  cores: number | null;
  /** that torch used. */
  threads: number;
  /** operating system and architecture. */
  system: string;
}

/** The outcome of a training. */
export interface Results {
  /** of the weights that the test split was scored with. */
  test_accuracy: number;
  /** 95%, Wilson. */
  test_interval: [number, number];
  /** of the chosen epoch; null where no epoch was finished. */
  validation_accuracy: number | null;
  /** the chosen one. */
  best_epoch: number;
  /** training time. */
  train_s: number;
  /** of the network. */
  parameters: number | null;
  /** whose weights the test split was scored with, where training went on from a finished run; null where they are those of best_epoch. */
  test_epoch: number | null;
}

/** Something that went wrong in a training. */
export interface Finding {
  /** "rate-too-high", "over-fitting", … */
  kind: string;
  /** what, the number, since when, and what to change. */
  sentence: string;
  /** the number behind it. */
  value: number;
  /** the epoch in which it began. */
  since_epoch: number;
  /** of the recipe or the network, that would change it. */
  fields: string[];
  /** pictures it is about, as rows of the training split; of label suspects alone. */
  rows: number[];
}

/** A learning rate that somebody changed while the training ran. */
export interface HandChange {
  /** the first with the new rate, 0 for the first of the training. */
  step: number;
  /** 1 for the first. */
  epoch: number;
  /** that the step would have had. */
  rate_before: number;
  /** of this step and all behind it; null is the schedule's again. */
  rate: number | null;
}

/** How well one class is found. A figure is null where it is 0 / 0. */
export interface ClassFigures {
  /** of the class. */
  name: string;
  /** pictures of it. */
  n: number;
  /** share of right ones among those that were given this class. */
  precision: number | null;
  /** share of its pictures that were given this class. */
  recall: number | null;
  /** the harmonic mean of the two. */
  f1: number | null;
}

/** Whether a confidence of 80% is right 80% of the time. */
export interface Calibration {
  /** expected calibration error: the mean gap between confidence and accuracy over the bins, weighted by how many predictions lie in each (Guo et al., 2017, equation 5). */
  error: number;
  /** of equal width. */
  bins: CalibrationBin[];
}

/** A picture that was given another class than its own. */
export interface Mistake {
  /** of the picture in its split. */
  row: number;
  /** of the picture. */
  id: string;
  /** its class. */
  label: number;
  /** the class that it was given. */
  predicted: number;
  /** of the class that it was given. */
  prob: number;
  /** of its own class. */
  prob_of_label: number;
}

/** Maps of some units of a layer for the first probe pictures, frame by frame. */
export interface RecordedMaps {
  /** uint8 (F, n, u, h, w); a byte b stands for `low + b / 255 * (high - low)`. */
  values: ArrayRef;
  /** of each frame. */
  low: number[];
  /** of each frame. */
  high: number[];
}

/** A few weights of each layer, step by step. */
export interface FollowedWeights {
  /** of the L layers' weights. */
  shapes: number[][];
  /** L x 8, in the flattened weight. */
  positions: number[][];
  /** float32 (F, L, 8), before the step. */
  value: ArrayRef;
  /** of the loss of the step's batch, the same. */
  gradient: ArrayRef;
  /** what the optimiser added, the same. */
  change: ArrayRef;
}

/** The shape of a network; `layerscope.models.NetShape` says what the fields do. */
export interface NetShape {
  /** channels of each convolution; none in a fully-connected network. */
  widths: number[];
  /** units of each dense layer before the last. */
  hidden: number[];
  /** width of every convolution in pixels. */
  kernel: number;
  /** zeros around a layer's input, in pixels. */
  padding: number;
  /** "max", "avg" or "none". */
  pooling: string;
  /** whether the last convolution is pooled too. */
  pool_last: boolean;
  /** "relu", "gelu", "tanh" or "sigmoid". */
  activation: string;
  /** whether each convolution has batch normalisation. */
  batch_norm: boolean;
  /** whether inputs are added to outputs. */
  residual: boolean;
  /** share of values dropped before the last dense layer. */
  dropout_frac: number;
  /** whether two classes are told apart by one logit. */
  single_logit: boolean;
}

/** The weights that a training began with. */
export interface Weights {
  /** "published", "file" or "none" (drawn afresh). */
  source: string;
  /** that they were read from. */
  file: string;
  /** of that file, in hex. */
  sha256: string;
  /** of published weights. */
  name: string;
}

/** One kind of thing that a unit responds to, in three statements: how selectively, whether training made it so, and (in `ablation`) whether it matters. */
export interface Description {
  /** of the ladder, such as "edge". */
  kind: string;
  /** such as "edge at 45°", "ear", "cat", "not cat" for a unit silent for cats; of two classes the other one is named then. */
  words: string;
  /** of the kind's measure, 0 to 1. */
  strength: number;
  /** 95% of the strength over the phases, offsets and draws of the stimuli; null for kinds without stimuli. */
  interval: [number, number] | null;
  /** whether the thing is there where pictures drive the unit most, more clearly than its rivals; false: in synthetic stimuli only; null in atlases that did not check it. */
  holds: boolean | null;
  /** how well it tells the unit's strongest 5% of places from all others; null where the unit hardly ever fires. */
  auroc: number | null;
  /** what else could be there, and comes closest, such as "the same at right angles". */
  rival: string | null;
  /** its figure. */
  rival_auroc: number | null;
  /** share of untrained units of the layer that do as much; null without copies. */
  base_rate: number | null;
  /** of the layer's units that do as much, the share that would be there untrained; null in layers of under 20 units. */
  q: number | null;
  /** "training" (q at most 0.05), "probably" (at most 0.2) or "untrained alike"; null where it does not hold in pictures or is not known. */
  training: string | null;
}

/** A unit's responses to synthetic stimuli, shown at its receptive field. */
export interface Tuning {
  /** the preferred orientation of a line: 0 is horizontal, 90 vertical. */
  orientation_deg: number | null;
  /** from 0 (all orientations alike) to 1 (one alone). */
  orientation_selectivity: number;
  /** the response at each orientation, evenly spaced from 0° on, as a share of the natural maximum. */
  orientation_curve: number[];
  /** of the best grating. */
  frequency_cycles_px: number | null;
  /** the family of the stimulus that drives the unit most. */
  best_family: string | null;
  /** the response to that stimulus over the natural maximum. */
  best_response_frac: number;
  /** preferred phase: 0 is a light line in the middle, 180 a dark one, 90 and 270 an edge. */
  phase_deg: number | null;
  /** from 0 (all phases alike) to 1 (one alone). */
  phase_selectivity: number | null;
  /** of the best spot or line. */
  size_px: number | null;
  /** from 0 (a straight line does as well) to 1 (only a curved one does). */
  curvature: number | null;
  /** opening of the best corner. */
  corner_deg: number | null;
  /** share of the variance of a first layer's weights that a Gabor function explains; null for filters under 5 x 5 and in deeper layers. */
  gabor_r2: number | null;
  /** whether that is 0.7 or more, with enough of a wave. */
  is_gabor: boolean | null;
}

/** A class or a part that a unit responds to, beside its null distribution. */
export interface Concept {
  /** "class" or "part". */
  kind: "class" | "part";
  /** of the class or part. */
  name: string;
  /** of the measure. */
  value: number;
  /** "auroc" for a class (with what brightness, contrast and edges explain taken away), "iou" for a part. */
  measure: "auroc" | "iou";
  /** 95% of the untrained units of the same layer stay below. */
  untrained_p95: number;
}

/** What the network loses without a unit, or without several, or without a direction. */
export interface Ablation {
  /** what stood in for the unit's map: its "mean", that of another picture ("resample"), or "zero". */
  baseline: "mean" | "resample" | "zero";
  /** pictures. */
  n: number;
  /** accuracy without the unit minus accuracy with it: below zero where it helps. */
  accuracy_change: number;
  /** the same for each of the K classes; null for one without pictures. */
  class_accuracy_change: (number | null)[];
  /** the change of accuracy when random directions of equal activation norm are ablated instead. */
  control: ControlRange | null;
  /** 95%, paired by picture; null in older atlases, as the rest here. */
  accuracy_interval: [number, number] | null;
  /** of the mean log loss, in nats: above zero where the unit helps. */
  loss_change: number | null;
  /** 95%, paired by picture. */
  loss_interval: [number, number] | null;
  /** of a change of the log loss as far from zero (Student's paired test). */
  p: number | null;
  /** the same as a false-discovery rate over the layer's units. */
  q: number | null;
  /** the change of the log loss along the random directions. */
  loss_control: ControlRange | null;
  /** of the unit, on the same pictures as the control. */
  loss_beside_control: number | null;
  /** pictures of the control. */
  control_n: number;
  /** how many random directions. */
  control_draws: number;
  /** share of them that lose at least as much. */
  control_frac: number | null;
  /** the two classes whose accuracy changes most. */
  largest_class_changes: ClassChange[];
  /** 95% of random directions change no class's accuracy by more than this. */
  class_control_p95: number | null;
}

/** Feature visualisation: the image optimised to activate a unit, and whether it can be trusted. */
export interface FeatureVis {
  /** the activation that the image reaches. */
  value: number;
  /** the mean of its responses to the nine pictures that drive it most. */
  natural_max: number;
  /** the first over the second; null where no picture activates the unit. */
  ratio: number | null;
  /** how alike the layers before respond to the image and to the unit's strongest natural pictures. */
  path_similarity: number | null;
  /** the same between those natural pictures. */
  natural_path_similarity: number | null;
  /** whether the image takes another path than natural pictures do. */
  unnatural: boolean;
  /** whether it drives the unit to less than half of its natural maximum. */
  weak: boolean;
}

/** Whether a unit is found again in networks trained from other seeds. */
export interface Recurrence {
  /** for each of the other runs, the correlation with the unit there that responds most alike, over the same places of the same pictures. */
  matches: number[];
  /** which unit that is. */
  units: number[];
  /** the same with untrained networks. */
  untrained: ControlRange | null;
  /** whether the unit's match in every other run is closer than in every untrained one. */
  recurs: boolean;
}

/** What a unit's response depends on: how much of it remains, at its own strongest places, when what it sees there is changed in one property. */
export interface Dependence {
  /** patches, each of another picture. */
  n: number;
  /** change -> [share, low, high]: 1 nothing is lost, 0 no more is left than the unit's mean over pictures, below 0 less than that; with a 95% interval over the patches. "grey": without colour; "hue": all hues turned by 120°; "blur": a Gaussian of 1/16 of the side; "halves", "quarters": cut into 2 x 2 or 4 x 4 blocks that change places; "phase": the same waves at random phases; "negative": light and dark exchanged; "mirror"; "turn": by a right angle; "shift": by 1/8 of the side. Changes that such small patches do not allow are missing. */
  remaining: Record<string, [number, number, number]>;
}

/** How many different things a unit responds to: its strongest patches, clustered by what the layer's other units do there. */
export interface PatchClusters {
  /** patches, each of another picture. */
  n: number;
  /** clusters; 1 where the patches fall apart no more than a single cloud would. */
  count: number;
  /** patches of each cluster, largest first. */
  sizes: number[];
  /** share of the patches' spread that lies between two clusters. */
  split: number;
  /** 95% of single normal clouds of the same covariance stay below. */
  null_p95: number;
}

/** How often a unit takes which value. */
export interface Histogram {
  /** the left end of the first bin. */
  low: number;
  /** the right end of the last bin. */
  high: number;
  /** values in each bin; all bins are equally wide. */
  counts: number[];
}

/** A place of a picture that drives a unit most. Each of a unit's patches is of another picture. */
export interface Patch {
  /** of the picture in its split. */
  row: number;
  /** of the picture. */
  id: string;
  /** its class, as a row of `data.class_names`; null where it has none. */
  label: number | null;
  /** the activation there. */
  value: number;
  /** [y, x] in the layer's map; null where the unit sees the whole picture. */
  position: [number, number] | null;
  /** [top, left, height, width] of what the unit sees, inside the picture. */
  box_px: [number, number, number, number];
}

/** A linear probe: a linear classifier on the layer, fitted on pictures of the training split where there is one, else on one half of the measured pictures, and scored on the others. */
export interface Probe {
  /** on the scored pictures. */
  accuracy: number;
  /** 95%, Wilson. */
  interval: [number, number];
  /** pictures scored. */
  n: number;
  /** share of the most frequent class. */
  chance: number;
  /** the accuracy on untrained copies of the network. */
  untrained: ControlRange | null;
  /** pictures that it was fitted on; null in older atlases. */
  learned_n: number | null;
  /** the split that they are of, such as "train". */
  learned_split: string;
  /** the accuracy of probes fitted on a half of these pictures, over several halves drawn at random; null where none were fitted. */
  over_halves: ControlRange | null;
}

/** A number of a layer beside its control. */
export interface Compared {
  /** of the network. */
  value: number;
  /** the same of untrained copies. */
  untrained: ControlRange | null;
}

/** How many directions a layer uses (participation ratio), beside its control. */
export interface EffectiveDimension {
  /** of the network. */
  value: number;
  /** the most that there could be. */
  n_units: number;
  /** the same of untrained copies. */
  untrained: ControlRange | null;
}

/** Units that were ablated together: one by one, units that stand in for each other show nothing. */
export interface GroupAblation {
  /** "duplicates" for units that respond alike, else the kind that they respond to. */
  kind: string;
  /** the class or part that they respond to; "" for all units of a kind. */
  words: string;
  /** of the layer. */
  units: number[];
  /** the sum of what each changes alone; null where not all were. */
  single_loss_change: number | null;
  /** of all together; its q is over the layer's groups. */
  ablation: Ablation;
}

/** A layer by directions instead of single units. */
export interface Directions {
  /** what found them: "nmf" (layers that are never below zero), "pca" or "dictionary" (a sparse autoencoder). */
  how: "dictionary" | "nmf" | "pca";
  /** of the layer's variance that they explain together, on pictures that they were not fitted to. */
  variance_frac: number;
  /** those that explain most first. */
  directions: Direction[];
  /** units against directions, for a few numbers of them. */
  kept: Kept[];
  /** of the whole network on the same pictures; null where it was not measured. */
  accuracy: number | null;
  /** pictures that `kept` was scored on. */
  n: number;
  /** the directions' patches, nine pictures each; null where none has any. */
  patch_sprite: Sprite | null;
}

/** What a layer's units need to respond, measured on their own strongest patches: means over the units of what is lost, or remains, each unit's between 0 and 1. */
export interface LayerDependence {
  /** measured, of those that pictures drive. */
  n_units: number;
  /** of each. */
  n_patches: number;
  /** how many; they are measured in at most 32 units. */
  untrained_copies: number;
  /** lost in grey; null for grey pictures. */
  needs_colour: DependenceFigure | null;
  /** lost by a blur of 1/16 of a patch's side; null in the smallest ones. */
  needs_fine_texture: DependenceFigure | null;
  /** lost, on average, where 2 x 2 and 4 x 4 blocks change places; null likewise. */
  needs_arrangement: DependenceFigure | null;
  /** left after a shift by 1/8 of the patch's side. */
  bears_shifts: DependenceFigure | null;
  /** change -> what is left (`Dependence`). */
  remaining: Record<string, DependenceFigure>;
  /** clusters of a unit's strongest patches; null where there are too few patches or units to tell them by. */
  things: DependenceFigure | null;
  /** share of units with more than one cluster. */
  several_frac: DependenceFigure | null;
}

/** The units of a layer that respond to one kind, beside untrained copies. */
export interface LadderFrac {
  /** how many. */
  count: number;
  /** of the layer's units. */
  frac: number;
  /** the same share, over the copies; null without them. */
  untrained_mean: number | null;
  /** its deviation over the copies; null with fewer than two. */
  untrained_sd: number | null;
  /** the share less the untrained mean. */
  excess: number | null;
  /** 95% prediction interval: where the excess would lie beside another copy. */
  excess_interval: [number, number] | null;
  /** of the test that the excess is above 0, over all layers and kinds. */
  q: number | null;
  /** whether q is at most 0.05. */
  significant: boolean;
}

/** What a control reaches over its copies or draws. */
export interface ControlRange {
  /** over them. */
  mean: number;
  /** the lowest; of random directions the 2.5th percentile. */
  low: number;
  /** the highest; of random directions the 97.5th percentile. */
  high: number;
}

/** What tells whether pictures have changed. */
export interface Fingerprints {
  /** of the training pictures. */
  train: string;
  /** of the test pictures. */
  test: string;
}

/** How the drawings of a white-on-black set are laid out. */
export interface Ink {
  /** the longer side of the inked box over the picture's side. */
  fit_frac: number;
  /** whether the ink's centre of mass lies in the middle, or its box does. */
  by_mass: boolean;
}

/** The predictions whose confidence lies in [lo, hi). */
export interface CalibrationBin {
  /** the lower bound. */
  lo: number;
  /** the upper bound. */
  hi: number;
  /** how many. */
  n: number;
  /** their mean; null where there are none. */
  confidence: number | null;
  /** how many of them are right; null where there are none. */
  accuracy: number | null;
}

/** How one class's accuracy changes. */
export interface ClassChange {
  /** the class, as a row of `data.class_names`. */
  label: number;
  /** without less with. */
  change: number;
  /** 95%, paired by picture, for all classes together. */
  interval: [number, number];
}

/** A direction in the space of a layer's units, measured like a unit. */
export interface Direction {
  /** of the layer's variance that its values alone explain. */
  variance_frac: number;
  /** at most 4 [unit, its share of the direction, -1 to 1], largest first. */
  units: [number, number][];
  /** the words of the first description that holds in pictures; null where none does. */
  name: string | null;
  /** every kind that it responds to; those that hold in pictures first. */
  descriptions: Description[];
  /** null where not measured. */
  ablation: Ablation | null;
  /** at most 9, of the measured pictures; strongest first. */
  patches: Patch[];
}

/** What is left of a layer, and of the network, when only so many units, or directions, are. */
export interface Kept {
  /** how many are kept; all else is held at its mean. */
  n: number;
  /** of the layer's variance that n units explain, the best ones that are found one after the other. */
  units_variance_frac: number;
  /** that the first n principal components explain. */
  directions_variance_frac: number;
  /** of the network with these units alone; null where it was not measured. */
  units_accuracy: number | null;
  /** with these components alone. */
  directions_accuracy: number | null;
  /** with as many random directions alone, over draws. */
  random_accuracy: ControlRange | null;
}

/** A mean over a layer's units, beside untrained copies. */
export interface DependenceFigure {
  /** the mean. */
  value: number;
  /** 95%, a bootstrap over the units. */
  interval: [number, number];
  /** the same of untrained copies. */
  untrained: ControlRange | null;
}
