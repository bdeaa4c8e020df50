// Runs the network away from the page's own thread, so that nothing waits for it.

import { run, type Outputs, type Program, type Silenced } from "./network";
import type { Tensor } from "../lib/source";

export type Request = { program: Program } | { id: number; pixels: Tensor; silenced: Silenced[] };
export interface Reply {
  id: number;
  outputs: Outputs;
  /** Of the computation alone. */
  duration_ms: number;
}

let program: Program | null = null;

self.onmessage = ({ data }: MessageEvent<Request>): void => {
  if ("program" in data) {
    program = data.program;
    return;
  }
  const start = performance.now();
  const outputs = run(program!, data.pixels, data.silenced);
  const reply: Reply = { id: data.id, outputs, duration_ms: performance.now() - start };
  // Handed over, not copied: megabytes of maps for every edit. Layers that pass on what they read share one buffer.
  const buffers = new Set([...outputs.activations.values()].map(({ data: { buffer } }) => buffer as ArrayBuffer));
  self.postMessage(reply, { transfer: [...buffers] });
};
