// Finding one's way in an atlas. Nothing here knows any network by name.

import type { Atlas, Layer } from "./formats";

/** The schema that this page reads; what writes a report converts older ones. */
export const SCHEMA: Atlas["schema"] = 3;

/** What a channel of the picture itself is called. */
export function channelName(atlas: Atlas, channel: number): string {
  if (atlas.input.channels === 1) return "pixels";
  return (atlas.input.bgr ? ["blue", "green", "red"] : ["red", "green", "blue"])[channel];
}

export function layerNamed(atlas: Atlas, name: string): Layer | undefined {
  return atlas.layers.find((layer) => layer.name === name);
}

/** The layer whose units carry the patches of `layer`: itself, the activation behind it, or what it pools or reshapes unit by unit. */
export function unitsLayer(atlas: Atlas, layer: Layer): Layer {
  const home = (layer.units_in && layerNamed(atlas, layer.units_in)) || layer;
  if (home.units.length || home.weight || home.inputs.length !== 1) return home;
  const before = layerNamed(atlas, home.inputs[0]);
  return before && before.shape[0] === home.shape[0] ? unitsLayer(atlas, before) : home;
}
