// The training that is watched: what it has told so far, with its frames stacked as a recording's are.

import type { Playback } from "../lib/formats";
import { Files, parseSafetensors, type Tensor } from "../lib/source";
import type { RowsStart } from "./figure";
import { stacked, thinned } from "./stack";

export interface Start {
  network: string;
  data: string;
  run: string;
  epochs: number;
  optimiser: string;
  schedule: string;
  batch_size: number;
  class_names: string[];
  layers: string[];
  /** Of pictures. */
  input?: { channels: number; height: number; width: number };
  probe_labels?: number[];
  /** Of words and numbers. */
  rows?: RowsStart;
}
export interface Progress {
  epoch: number;
  epochs: number;
  step: number;
  total_steps: number;
  loss: number | null;
  accuracy: number;
  images_per_s: number;
  left_s: number;
  rate: number;
}
export interface Epoch {
  epoch: number;
  train_loss: number;
  train_accuracy: number;
  validation_loss: number;
  validation_accuracy: number;
}
/** Where the whole command stands, reading and looking included. */
export interface Work {
  part: string;
  frac: number;
  what: string;
  left: string;
}
/** How the job of a server ended, which its own process cannot tell. */
export interface End {
  state: string;
  why: string;
  run: string;
  report: boolean;
}
/** What came of it: an accuracy, or a sentence where another figure counts. */
export interface Over {
  accuracy?: number;
  sentence?: string;
  path: string;
}
export interface RateChange {
  step: number;
  before: number;
  rate: number | null;
}
interface Frame {
  number: number;
  step: number;
  epoch: number;
  loss: number | null;
  accuracy: number;
  gradient_norm: (number | null)[];
  update_frac: (number | null)[];
  rate: number;
  maps_range: Record<string, [number, number]>;
  arrays: Map<string, Tensor>;
}

const FILE = "live";
// The page draws what it holds anew with each frame.
const MOST_FRAMES = 80;

/** The frames as a playback, whose arrays `files` holds. */
export function playbackOf(start: Start, frames: Frame[], files: Files): Playback {
  const names = [...frames[0].arrays.keys()];
  const held = files.hold(FILE, new Map(names.map((name) => [name, stacked(frames.map((frame) => frame.arrays.get(name)!))])));
  const of = (prefix: string): string[] => names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const range = (layer: string, end: 0 | 1): number[] => frames.map((frame) => frame.maps_range[`maps_range/${layer}`][end]);
  return {
    steps: frames.map((frame) => frame.step),
    epochs: frames.map((frame) => frame.epoch),
    loss: frames.map((frame) => frame.loss),
    accuracy: frames.map((frame) => frame.accuracy),
    layers: start.layers,
    gradient_norm: frames.map((frame) => frame.gradient_norm),
    update_frac: frames.map((frame) => frame.update_frac),
    probe_pixels: { file: "probe", name: "pixels" },
    probe_labels: start.probe_labels ?? [],
    probs: held.probs,
    embedding: held.embedding,
    weights: Object.fromEntries(of("weight/").map((layer) => [layer, held[`weight/${layer}`]])),
    maps: Object.fromEntries(of("maps/").map((layer) => [layer, { values: held[`maps/${layer}`], low: range(layer, 0), high: range(layer, 1) }])),
  } as Playback;
}

export class Training {
  start = $state.raw<Start | null>(null);
  progress = $state.raw<Progress | null>(null);
  epochs = $state.raw<Epoch[]>([]);
  changes = $state.raw<RateChange[]>([]);
  findings = $state.raw<string[]>([]);
  paused = $state(false);
  here = $state(false);
  ended = $state(false);
  end = $state.raw<End | null>(null);
  work = $state.raw<Work | null>(null);
  over = $state.raw<Over | null>(null);
  playback = $state.raw<Playback | null>(null);
  trouble = $state("");
  readonly files = new Files();
  private frames: Frame[] = [];
  private waiting: Promise<void> = Promise.resolve();

  listen(): () => void {
    const events = new EventSource("api/events");
    const on = <T>(name: string, then: (value: T) => void): void =>
      events.addEventListener(name, (event) => then(JSON.parse((event as MessageEvent<string>).data) as T));
    on<Start>("start", (value) => {
      this.start = value;
      this.waiting = this.open();
    });
    on<Progress>("progress", (value) => (this.progress = value));
    on<Epoch>("epoch", (value) => (this.epochs = [...this.epochs.filter((row) => row.epoch < value.epoch), value]));
    on<RateChange>("rate", (value) => (this.changes = [...this.changes, value]));
    on<{ sentence: string }>("finding", (value) => (this.findings = [...this.findings, value.sentence]));
    on<{ paused: boolean }>("paused", (value) => (this.paused = value.paused));
    on<Over>("over", (value) => (this.over = value));
    on<Work>("work", (value) => (this.work = value));
    on<End | Record<string, never>>("end", (value) => {
      this.ended = true;
      if ("state" in value) this.end = value as End;
      events.close();
    });
    on<Omit<Frame, "arrays">>("frame", (value) => {
      this.waiting = this.waiting.then(() => this.take(value));
    });
    events.onopen = () => (this.here = true);
    events.onerror = () => (this.here = false);
    return () => events.close();
  }

  /** Fetch the pictures that frames are about. */
  private async open(): Promise<void> {
    const answer = await fetch("api/probe");
    if (answer.ok) this.files.hold("probe", parseSafetensors(await answer.arrayBuffer()));
  }

  /** Fetch a frame's arrays; one that the server has dropped meanwhile is left out. */
  private async take(value: Omit<Frame, "arrays">): Promise<void> {
    try {
      const answer = await fetch(`api/frames/${value.number}`);
      if (!answer.ok) return;
      const frame = { ...value, arrays: parseSafetensors(await answer.arrayBuffer()) };
      this.frames = thinned([...this.frames.filter((old) => old.step < frame.step), frame], MOST_FRAMES);
      this.playback = playbackOf(this.start!, this.frames, this.files);
    } catch {
      // the training ended while the frame was on its way
    }
  }

  private async ask(path: string, body?: object): Promise<void> {
    this.trouble = "";
    try {
      const options = body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {};
      const answer = await fetch(path, { method: "POST", ...options });
      if (!answer.ok) this.trouble = ((await answer.json()) as { error: string }).error;
    } catch {
      this.trouble = "the training does not answer; has it ended?";
    }
  }
  pause = (paused: boolean): Promise<void> => this.ask("api/pause", { paused });
  single = (): Promise<void> => this.ask("api/single");
  setRate = (rate: number | null): Promise<void> => this.ask("api/rate", { rate });
}
