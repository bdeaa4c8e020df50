// The second network of a report of two: its atlas, its files, and what it makes of the same pictures.

import { checkedEngine } from "../engine/checked";
import type { Engine } from "../engine/client";
import type { Outputs } from "../engine/network";
import type { Atlas, BesideRun, EmbeddedRun, Layer } from "../lib/formats";
import { Files, type Tensor } from "../lib/source";
import type { Trial } from "../lib/trial.svelte";
import { matches, withPicture, type Matches, type Responses } from "./matching";

/** Pictures that units are matched over. */
const MOST_PICTURES = 32;

/** Layer -> what its units responded to all pictures, at the places that are compared. */
type Gathered = Map<string, Responses>;

function gather(into: Gathered, { activations }: Outputs): void {
  for (const [layer, tensor] of activations) if (tensor.shape.length !== 2) into.set(layer, withPicture(into.get(layer), tensor));
}

export class Pair {
  /** Why the second network cannot be run; empty where it can. */
  refusal = $state("");
  ready = $state(false);
  /** What it makes of the chosen picture. */
  outputs = $state.raw<Outputs | null>(null);
  /** Pictures that have gone through both, for matching. */
  done = $state(0);
  readonly files = new Files("layerscope-beside-files");
  private engine: Engine | null = null;
  private asked = 0;
  private started: Promise<void> | null = null;
  private seen: Promise<[Gathered, Gathered]> | null = null;
  private readonly found = new Map<string, Matches | null>();

  constructor(
    readonly atlas: Atlas,
    readonly record: BesideRun,
    private readonly trial: Trial,
    /** The recording of the first, whose pictures the network did not learn from. */
    private readonly playback: EmbeddedRun["playback"],
    private readonly ownFiles: Files,
    private readonly ownAtlas: Atlas,
  ) {}

  start(): Promise<void> {
    this.started ??= this.build();
    return this.started;
  }
  private async build(): Promise<void> {
    await this.files.open();
    const { engine, refusal } = await checkedEngine(this.atlas, this.files, this.atlas.samples);
    this.engine = engine;
    this.ready = engine !== null;
    if (!engine) this.refusal = refusal || "The page's own computation of the second network does not agree with what was recorded.";
  }

  /** Send a picture through the second network, as the first one received it. */
  async show(pixels: Tensor): Promise<void> {
    await this.start();
    const turn = ++this.asked;
    const answer = await this.engine?.run(pixels);
    if (answer && turn === this.asked) this.outputs = answer;
  }

  get pictures(): Tensor[] {
    const probe = this.ownFiles.tensor(this.playback?.probe_pixels);
    if (!probe) return this.ownAtlas.samples.map(({ pixels }) => this.ownFiles.tensor(pixels)!);
    const [n, ...shape] = probe.shape;
    const each = probe.data.length / n;
    return Array.from({ length: Math.min(n, MOST_PICTURES) }, (_, i) => ({ shape, data: probe.data.slice(i * each, (i + 1) * each) }));
  }

  private async through(): Promise<[Gathered, Gathered]> {
    const [own, others]: [Gathered, Gathered] = [new Map(), new Map()];
    for (const picture of this.pictures) {
      const [ours, theirs] = await Promise.all([this.trial.answer(picture.data as Uint8Array, []), this.engine!.run(picture)]);
      gather(own, ours);
      gather(others, theirs);
      this.done += 1;
    }
    return [own, others];
  }

  /** The closest units of two layers; null where they cannot be compared. */
  async matched(layer: Layer, other: Layer): Promise<Matches | null> {
    const key = `${layer.name}/${other.name}`;
    if (!this.found.has(key)) {
      await Promise.all([this.start(), this.trial.start()]);
      if (!this.engine || !this.trial.ready) return null;
      this.seen ??= this.through();
      const [own, others] = await this.seen;
      const [mine, theirs] = [own.get(layer.name), others.get(other.name)];
      this.found.set(key, mine && theirs ? matches(mine, theirs) : null);
    }
    return this.found.get(key)!;
  }
}

/** The layer of the second network that stands where one of the first does: of the same name, or as deep. */
export function counterpart(layer: Layer, own: Layer[], others: Layer[]): Layer | null {
  const named = others.find(({ name }) => name === layer.name);
  if (named || !others.length) return named ?? null;
  const depth = own.length > 1 ? own.indexOf(layer) / (own.length - 1) : 0;
  return others[Math.round(depth * (others.length - 1))];
}
