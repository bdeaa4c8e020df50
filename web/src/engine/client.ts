// The network in its worker: ask for a picture, get every layer's output. Only the newest question counts.

import type { Tensor } from "../lib/source";
import type { Outputs, Program, Silenced } from "./network";
import type { Reply, Request } from "./network.worker";
import NetworkWorker from "./network.worker?worker&inline";

export interface Answer extends Outputs {
  duration_ms: number;
}

export class Engine {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private last = 0;

  constructor(program: Program) {
    this.worker = new NetworkWorker();
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      this.waiting.get(data.id)?.({ ...data.outputs, duration_ms: data.duration_ms });
      this.waiting.delete(data.id);
    };
    this.post({ program });
  }

  run(pixels: Tensor, silenced: Silenced[] = []): Promise<Answer> {
    const id = ++this.last;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.post({ id, pixels, silenced });
    });
  }

  private post(request: Request): void {
    this.worker.postMessage(request);
  }
}
