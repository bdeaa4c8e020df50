// What a place on the way of a decision can see of the picture.

import { layerNamed } from "../lib/atlas";
import { boxOf, type Box } from "../lib/field";
import type { Atlas } from "../lib/formats";
import type { Site } from "./explain";

/** The part of the picture behind one place, cut to the picture; null where that is all of it. */
export function fieldOf(atlas: Atlas, { layer, at }: Site): Box | null {
  const found = layerNamed(atlas, layer);
  return found && at ? boxOf(atlas, found, at) : null;
}
