// Runs the network away from the page's own thread, so that nothing waits for it.

import type { Tensor } from "../lib/source";
import type { Outputs, Program, Silenced } from "./network";
import { Runner } from "./runner";

export type Request = { program: Program } | { id: number; pixels: Tensor; silenced: Silenced[] };
/** What came out; of the activations those that are not what they were in the answer before. */
export interface Reply extends Outputs {
  id: number;
  /** Of the computation alone. */
  duration_ms: number;
}

let runner: Runner | null = null;

self.onmessage = ({ data }: MessageEvent<Request>): void => {
  if ("program" in data) {
    runner = new Runner(data.program);
    return;
  }
  const start = performance.now();
  const { renewed, activations, logits, probs } = runner!.run(data.pixels, data.silenced);
  const duration_ms = performance.now() - start;
  // Copies, for the next run begins with the originals. Layers that pass on what they read share one.
  const copies = new Map<Tensor["data"], Tensor["data"]>();
  const copied = ({ shape, data: numbers }: Tensor): Tensor => {
    if (!copies.has(numbers)) copies.set(numbers, numbers.slice());
    return { shape, data: copies.get(numbers)! };
  };
  const reply: Reply = { id: data.id, activations: new Map(renewed.map((layer) => [layer, copied(activations.get(layer)!)])), logits, probs, duration_ms };
  self.postMessage(reply, { transfer: [...copies.values()].map(({ buffer }) => buffer as ArrayBuffer) });
};
