// What one frame of a recording is about, and whose weights look at the picture.

import type { Input, Playback } from "../lib/formats";
import { fixed, percent, whole } from "../lib/format";
import type { Files, Tensor } from "../lib/source";

/** Where a frame stands in its training, in words; `what` says what its accuracy is a share of. */
export function momentText({ steps, epochs, loss, accuracy }: Playback, frame: number, last?: number, what = "of the batch right"): string {
  const of = last === undefined ? "" : ` of ${whole.format(last + 1)}`;
  const lost = loss[frame];
  return `step ${whole.format(steps[frame] + 1)}${of}, epoch ${epochs[frame]}: loss ${lost === null ? "∞" : fixed(lost, 3)}, ${percent(accuracy[frame], 0)} ${what}`;
}

/** The first layer's weights, frame by frame, where they can be drawn as pictures; null where they look at something else. */
export function firstWeights({ layers, weights }: Playback, files: Files, input: Pick<Input, "channels" | "height" | "width">): Tensor | null {
  const found = files.tensor(weights[layers[0]]);
  if (!found) return null;
  const [, , ...rest] = found.shape;
  const kernels = rest.length === 3 && rest[0] === input.channels && rest[1] * rest[2] > 1;
  const pixels = rest.length === 1 && rest[0] === input.channels * input.height * input.width;
  return kernels || pixels ? found : null;
}
