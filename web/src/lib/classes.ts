// Two lists of classes: those of the pictures' labels, and those that the network tells apart.

import type { Atlas, Sample } from "./formats";

/** The classes of the measured pictures; schema 1 knew only networks measured on their own. */
export function labelNames(atlas: Atlas): string[] {
  return atlas.data.class_names ?? atlas.model.class_names;
}

/** The class of a picture, by its label; one that somebody brought has none, and so has one of an unlabelled set. */
export function labelName(atlas: Atlas, label: number | null): string {
  if (label === null) return labelNames(atlas).length ? "your picture" : "no label";
  return labelNames(atlas)[label] ?? `class ${label}`;
}

/** The class that the network says, by its output. */
export function predictedName(atlas: Atlas, output: number): string {
  return atlas.model.class_names[output] ?? `class ${output}`;
}

/** The classes, the most probable first; among equals that which the network says. */
export function byProbability({ probs, predicted }: Pick<Sample, "probs" | "predicted">): number[] {
  return probs.map((_, k) => k).sort((a, b) => probs[b] - probs[a] || Number(b === predicted) - Number(a === predicted));
}

/** Whether the network tells the pictures' own classes apart, so that it can be right or wrong. */
export function sameClasses(atlas: Atlas): boolean {
  const labels = labelNames(atlas);
  return labels.length === atlas.model.class_names.length && labels.every((name, k) => name === atlas.model.class_names[k]);
}

/** Whether what the network says of a picture is its label; null where that cannot be said. */
export function isRight(atlas: Atlas, sample: Sample): boolean | null {
  return sameClasses(atlas) && sample.label !== null ? sample.predicted === sample.label : null;
}
