// Activations that a report leaves out of its recorded sample: they follow from others without a weight.

import { normalised } from "../lib/arithmetic";
import type { Atlas } from "../lib/formats";
import type { Files, Tensor } from "../lib/source";
import { operationOf } from "./network";
import { computed } from "./runner";

/** Compute what stands as null in the first sample (`view/report.py: without_derived`). */
export function derive({ samples: [sample], layers, input }: Atlas, files: Files): void {
  if (!sample || !Object.values(sample.activations).includes(null!)) return;
  const known = new Map<string, Tensor>([["input", normalised(files.tensor(sample.pixels)!, input)]]);
  const made = new Map<string, Tensor>();
  for (const layer of layers) {
    const ref = sample.activations[layer.name];
    if (ref === undefined) continue;
    const tensor = files.tensor(ref) ?? computed(operationOf(layer, layer.forward!, files), layer.inputs.map((name) => known.get(name)!));
    known.set(layer.name, tensor);
    if (!ref) made.set(layer.name, tensor);
  }
  sample.activations = { ...sample.activations, ...files.hold(`derived/${sample.id}`, made) };
}
