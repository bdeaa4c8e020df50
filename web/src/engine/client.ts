// The network in its worker: ask for a picture, get every layer's output.

import type { Tensor } from "../lib/source";
import type { Outputs, Program, Silenced } from "./network";
import type { Reply, Request } from "./network.worker";
import NetworkWorker from "./network.worker?worker&inline";
import { Runner } from "./runner";

export interface Answer extends Outputs {
  duration_ms: number;
}

interface Question {
  pixels: Tensor;
  silenced: Silenced[];
  resolve: (answer: Answer) => void;
}

export class Engine {
  /** Null where the browser allows no workers: then the page computes on its own thread. */
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Question>();
  private last = 0;
  /** What every layer put out in the answer before: the worker tells what is new. */
  private known: ReadonlyMap<string, Tensor> = new Map();
  private readonly own: Runner;

  constructor(program: Program) {
    this.own = new Runner(program);
    try {
      this.worker = new NetworkWorker();
    } catch {
      return;
    }
    this.worker.onmessage = ({ data: { id, ...reply } }: MessageEvent<Reply>) => {
      this.known = new Map([...this.known, ...reply.activations]);
      this.waiting.get(id)?.resolve({ ...reply, activations: new Map(this.known) });
      this.waiting.delete(id);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.worker = null;
      for (const question of this.waiting.values()) question.resolve(this.here(question));
      this.waiting.clear();
    };
    this.post({ program });
  }

  run(pixels: Tensor, silenced: Silenced[] = []): Promise<Answer> {
    const id = ++this.last;
    return new Promise((resolve) => {
      const question = { pixels, silenced, resolve };
      if (!this.worker) return resolve(this.here(question));
      this.waiting.set(id, question);
      this.post({ id, pixels, silenced });
    });
  }

  private here({ pixels, silenced }: Question): Answer {
    const start = performance.now();
    const { activations, logits, probs } = this.own.run(pixels, silenced);
    return { activations, logits, probs, duration_ms: performance.now() - start };
  }

  private post(request: Request): void {
    this.worker?.postMessage(request);
  }
}
