// The lesson's state: points, weights, what one step would do, and training that runs until it is stopped.

import { BEGINNING, fromText, toText, type LessonState } from "./address";
import { drawnParams, examplesOf, type SetName } from "./examples";
import { backward, overAll, stepped, type FunctionName, type Network } from "./perceptron";

/** What one point goes through, and what comes back. */
export const STAGES = ["input", "hidden", "output", "loss", "back to the output", "back to the hidden layer", "update"] as const;
const STEPS_A_FRAME = 10;
const CURVE = 400;

export class Lesson {
  set = $state<SetName>(BEGINNING.set);
  seed = $state(BEGINNING.seed);
  units = $state(BEGINNING.units);
  activation = $state<FunctionName>(BEGINNING.activation);
  rate = $state(BEGINNING.rate);
  steps = $state(0);
  params = $state.raw<number[]>([]);
  /** The loss after each step, thinned out where there are many. */
  curve = $state.raw<{ step: number; loss: number }[]>([]);
  point = $state(0);
  /** A hidden unit, or the output after the last of them. */
  chosen = $state(0);
  stage = $state(0);
  running = $state(false);

  examples = $derived(examplesOf(this.set, this.seed));
  network = $derived<Network>({ units: this.units, activation: this.activation, params: this.params });
  example = $derived(this.examples[this.point]);
  one = $derived(backward(this.network, this.example));
  all = $derived(overAll(this.network, this.examples));
  next = $derived(stepped(this.params, this.all.gradient, this.rate));

  constructor(text: string) {
    this.take(fromText(text));
  }

  take({ params, ...rest }: LessonState): void {
    this.running = false;
    Object.assign(this, rest);
    this.params = params ?? drawnParams(this.units, this.seed);
    this.chosen = Math.min(this.chosen, this.units);
    this.curve = [{ step: this.steps, loss: this.all.loss }];
  }
  get text(): string {
    const { set, seed, units, activation, rate, steps, params } = this;
    return toText({ set, seed, units, activation, rate, steps, params: steps || this.edited ? params : null });
  }
  get edited(): boolean {
    return drawnParams(this.units, this.seed).some((value, i) => value !== this.params[i]);
  }

  /** Begin again, with another choice. */
  restart(change: Partial<LessonState> = {}): void {
    const { set, seed, units, activation, rate } = this;
    this.take({ set, seed, units, activation, rate, steps: 0, params: null, ...change });
  }
  edit(place: number, value: number): void {
    if (!Number.isFinite(value)) return;
    this.params = this.params.map((old, i) => (i === place ? value : old));
  }
  train(steps = 1): void {
    let { params } = this;
    for (let i = 0; i < steps; i++) {
      const { gradient } = overAll({ ...this.network, params }, this.examples);
      params = stepped(params, gradient, this.rate);
    }
    if (!params.every(Number.isFinite)) {
      this.running = false; // the rate was too high: the weights have left the numbers
      return;
    }
    this.params = params;
    this.steps += steps;
    const kept = this.curve.length < CURVE ? this.curve : this.curve.filter((_, i) => i % 2 === 0);
    this.curve = [...kept, { step: this.steps, loss: this.all.loss }];
  }
  run(): void {
    this.running = !this.running;
    const frame = (): void => {
      if (!this.running) return;
      this.train(STEPS_A_FRAME);
      requestAnimationFrame(frame);
    };
    if (this.running) requestAnimationFrame(frame);
  }
}
