// The vocabulary: each term as it is explained where it is used first, and once more at the end.

export const WORDS: Record<string, string> = {
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
