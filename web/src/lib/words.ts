// The vocabulary: each term as it is explained where it is used first, and once more at the end.

const GENERAL: Record<string, string> = {
  pixel: "One dot of the picture: a number from 0 (dark) to 255 (bright), three of them in colour.",
  channel: "One grid of numbers. A colour picture has three: red, green and blue.",
  convolution:
    "A small grid of weights that slides over the picture. At each place its weights are multiplied with the numbers below, and the products are added up.",
  filter: "The grid of weights that a convolution slides. Each filter makes one feature map.",
  "feature map": "What one filter puts out: one number for each place it was held against.",
  bias: "A number added to every sum of a unit, learned like its weights.",
  unit: "One filter of a convolution, or one neuron of a dense layer: something that can respond.",
  activation:
    "A function applied to every number on its own. Without one, any stack of layers would be no more than a single layer.",
  relu: "The activation max(0, x): negative numbers become 0, positive ones stay.",
  pooling: "Takes one number for each small window, the largest or the mean, so that the map shrinks.",
  "receptive field": "The part of the picture that a unit can depend on. It grows from layer to layer.",
  flatten: "Writes all numbers of the maps in one long row, for the dense layers.",
  "dense layer": "A layer whose every unit has a weight for every number of the layer before.",
  logit: "The score of a class before it is turned into a probability; any number.",
  softmax: "Turns scores into probabilities: e to the power of each, divided by the sum of them all.",
  sigmoid: "Turns one score z into a probability: 1 / (1 + e to the power of \u2212z).",
  "dead unit": "A unit that stayed at or below zero on every picture it was shown.",
  "95% interval":
    "If the test were repeated on other pictures of the same kind, intervals made this way would hold the true accuracy 95 times in 100.",
  "calibration error":
    "How far confidence and accuracy lie apart on average: 0 means that of all predictions made with 80%, 80% are right.",
  epoch: "One pass over all training pictures.",
  loss: "How wrong the predictions are: minus the logarithm of the probability given to the true class.",
  "validation split":
    "Training pictures set apart: not learned from, only used to choose. The test split is looked at once, at the end.",
};

// Explained only where the page shows evidence.
const EVIDENCE: Record<string, string> = {
  "linear probe":
    "A linear classifier trained on one layer's numbers alone: its accuracy says how plainly the classes can be read there.",
  CKA: "Centred kernel alignment: how alike two layers arrange the same pictures, 1 for the same up to turning and scaling, 0 for nothing in common.",
  "effective dimension":
    "In how many directions a layer's numbers really spread (participation ratio): 1 where all units say the same, as many as units where each says something of its own.",
  "class separation": "The share of the variance of a layer's numbers that lies between the classes: 0 where they are mixed, 1 where each class is one point.",
  "effective field": "The part of what a unit can see that in fact moves it; usually much smaller than the receptive field.",
  ablation: "Taking one unit out, by holding it at its mean or at zero or by giving it another picture's values, and counting how much the network's accuracy changes. The control takes out random mixtures of all units that carry as much activity.",
  "made image": "A picture made from noise, step by step, so that it drives one unit as far as it will go.",
  "false-discovery rate": "The largest share of the names given that is to be expected to be wrong: at 5 %, at most one name in twenty.",
  "untrained control": "The same network with its random starting weights, measured in the same way: what it shows too was not learned.",
  IoU: "Intersection over union: the area where a unit responds and a thing is, over the area where either is; 1 is a perfect fit, 0 none.",
  AUROC: "How often a unit responds more to a picture of a class than to one of another class: 0.5 is chance, 1 is always.",
  "gabor fit": "How well a wave under a bell, the classic model of an edge detector, describes what the unit looks for: 1 is exactly (R²).",
  sparsity: "How few of a layer's units answer at a place of a picture: 0 where all answer alike, 1 where a single one does.",
  spectrum:
    "Which stripes a filter passes: each point is one width and direction of stripes, brighter the more of them the filter lets through (the size of its Fourier transform).",
  "natural maximum": "The strongest that any real picture of the data drove the unit.",
};

export const WORDS: Record<string, string> = { ...GENERAL, ...EVIDENCE };
export const EVIDENCE_WORDS = new Set(Object.keys(EVIDENCE));
