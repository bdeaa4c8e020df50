// The page's network for the browser's console, and for whoever tests it: `await layerscope.run(pixels)`.

import type { Trial } from "./trial.svelte";

export interface ConsoleNetwork {
  /** Logits and probabilities of bytes in the order (C, H, W). */
  run: (pixels: number[]) => Promise<{ logits: number[]; probs: number[]; duration_ms: number }>;
}

declare global {
  interface Window {
    layerscope?: ConsoleNetwork;
  }
}

export function offerInConsole(trial: Trial): void {
  window.layerscope = {
    run: async (pixels) => {
      const { logits, probs, duration_ms } = await trial.answer(Uint8Array.from(pixels));
      return { logits, probs, duration_ms };
    },
  };
}
