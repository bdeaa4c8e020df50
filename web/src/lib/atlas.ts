// Finding one's way in an atlas. Nothing here knows any network by name.

import type { Atlas, Layer } from "./formats";

/** The schema that this page reads; what writes a report converts older ones. */
export const SCHEMA: Atlas["schema"] = 3;

export function layerNamed(atlas: Atlas, name: string): Layer | undefined {
  return atlas.layers.find((layer) => layer.name === name);
}

/** The layer whose units carry the patches of `layer`: itself, or the activation behind it. */
export function unitsLayer(atlas: Atlas, layer: Layer): Layer {
  return (layer.units_in && layerNamed(atlas, layer.units_in)) || layer;
}
