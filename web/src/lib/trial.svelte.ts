// The reader's own experiment: another picture, a changed one, units switched off. The page computes
// what follows, and everything that shows the chosen picture shows that instead.

import { checkedEngine } from "../engine/checked";
import type { Answer, Engine } from "../engine/client";
import type { Agreement, Silenced } from "../engine/network";
import type { Atlas, Sample } from "./formats";
import { afterFrame } from "./frame";
import type { Files, Tensor } from "./source";
import { view } from "./state.svelte";

/** Recorded pictures that the page's numbers are held against before it shows any of its own. */
const CHECKED = 2;
const KEY = "/pixels"; // no layer's name

const isRecorded = ({ activations }: Sample): boolean => Object.keys(activations).length > 0;

export class Trial {
  /** Why the page cannot run this network; empty where it can. */
  refusal = $state("");
  checked = $state.raw<Agreement | null>(null);
  /** Of the brought picture; null where a recorded one is shown. */
  name = $state<string | null>(null);
  /** What the network receives, where that is no recorded picture. */
  pixels = $state.raw<Tensor | null>(null);
  silenced = $state.raw<Silenced[]>([]);
  /** What came out; null where nothing was changed. */
  computed = $state.raw<Sample | null>(null);
  duration_ms = $state(0);
  /** What came out of changed pixels with every unit on; null where they are a recorded picture's. */
  private own = $state.raw<Sample | null>(null);
  /** What stands for one frame more, while the maps of what was computed are drawn. */
  private before = $state.raw<Sample | null>(null);

  private engine: Engine | null = null;
  private started: Promise<void> | null = null;
  private brought: Tensor | null = null;
  private asked = 0;
  /** The files of what the page computed: some sample that is shown stands in each. */
  private held: string[] = [];

  constructor(
    private readonly atlas: Atlas,
    private readonly files: Files,
  ) {}

  /** Build the network and hold it against what was recorded. */
  start(): Promise<void> {
    this.started ??= this.build();
    return this.started;
  }

  private async build(): Promise<void> {
    const { engine, agreement, refusal } = await checkedEngine(this.atlas, this.files, this.atlas.samples.slice(0, CHECKED));
    this.engine = engine;
    this.checked = agreement;
    if (!engine) this.refusal = refusal || "The page's own computation of this network does not agree with what was recorded, so it shows the recorded pictures alone.";
  }

  /** Whether a sample can be shown; its activations are computed where the report left them out. */
  private async complete(sample: Sample): Promise<boolean> {
    if (isRecorded(sample)) return true;
    await this.start();
    if (!this.engine) return false;
    const { activations } = await this.engine.run(this.files.tensor(sample.pixels)!);
    sample.activations = this.files.hold(`computed/${sample.id}/${sample.row}`, activations);
    return true;
  }

  get ready(): boolean {
    return this.checked !== null && !this.refusal;
  }
  get changed(): boolean {
    return this.pixels !== null || this.silenced.length > 0;
  }
  /** The recorded picture that everything began with. */
  get recorded(): Sample {
    return this.atlas.samples[view.sample];
  }
  get shown(): Sample {
    return this.computed ?? this.recorded;
  }
  /** What is shown, a frame after a change: for what need not be there at once. */
  get settled(): Sample {
    return this.before ?? this.shown;
  }
  /** What is shown with every unit on: it says which units are shown, so that switching one off moves none. */
  get intact(): Sample {
    return this.own ?? this.recorded;
  }
  /** What the network receives now. */
  get received(): Tensor {
    return this.pixels ?? this.files.tensor(this.recorded.pixels)!;
  }

  async choose(sample: number): Promise<void> {
    const wished = this.atlas.samples[sample];
    if (!wished || !(await this.complete(wished))) return;
    view.sample = sample;
    this.brought = this.pixels = this.name = null;
    await this.update();
  }
  bring(pixels: Tensor, name: string): void {
    this.brought = pixels;
    this.name = name;
    this.change(pixels);
  }
  change(pixels: Tensor): void {
    this.pixels = pixels;
    void this.update();
  }
  /** Back to the picture as it was chosen or brought. */
  restore(): void {
    this.pixels = this.brought;
    void this.update();
  }
  isSilenced(layer: string, unit: number): boolean {
    return this.silenced.some((s) => s.layer === layer && s.unit === unit);
  }
  toggle(layer: string, unit: number, value: number): void {
    this.silenced = this.isSilenced(layer, unit)
      ? this.silenced.filter((s) => s.layer !== layer || s.unit !== unit)
      : [...this.silenced, { layer, unit, value }];
    void this.update();
  }
  reset(): void {
    this.silenced = [];
    void this.choose(view.sample);
  }

  /** What the network makes of some pixels (C, H, W), with the same units switched off unless told otherwise; nothing on the page changes. */
  answer(data: Uint8Array, silenced: Silenced[] = this.silenced): Promise<Answer> {
    const { channels, height, width } = this.atlas.input;
    if (!this.engine) throw new Error(this.refusal || "the network is not built yet");
    if (data.length !== channels * height * width) throw new Error(`give ${channels} x ${height} x ${width} bytes`);
    return this.engine.run({ shape: [channels, height, width], data }, silenced);
  }

  private async update(): Promise<void> {
    const turn = ++this.asked;
    const { engine, pixels, silenced } = this;
    if (!engine || !this.changed) return this.show(null, null);
    // What the pixels give alone is there already where only units have been switched.
    const alone = pixels && pixels !== this.files.tensor(this.own?.pixels) ? engine.run(pixels) : null;
    const answer = silenced.length ? await engine.run(this.received, silenced) : await alone;
    const whole = await alone;
    if (turn !== this.asked) return; // a newer change has been made meanwhile
    const own = whole && pixels ? this.sampleOf(whole, pixels, `trial/${turn}/own`) : pixels && this.own;
    if (answer) this.duration_ms = answer.duration_ms;
    this.show(own, answer && silenced.length ? this.sampleOf(answer, this.received, `trial/${turn}`) : own);
  }

  /** What the page computed, as recorded pictures are kept. */
  private sampleOf({ activations, logits, probs }: Answer, pixels: Tensor, file: string): Sample {
    const { [KEY]: received, ...refs } = this.files.hold(file, new Map([...activations, [KEY, pixels]]));
    this.held.push(file);
    return {
      row: null,
      id: this.name ?? this.recorded.id,
      label: this.brought ? null : this.recorded.label,
      predicted: probs.indexOf(Math.max(...probs)),
      logits,
      probs,
      pixels: received,
      activations: refs,
    };
  }

  private show(own: Sample | null, computed: Sample | null): void {
    this.before = this.settled;
    this.own = own;
    this.computed = computed;
    afterFrame(() => {
      this.before = null;
      const kept = new Set([this.own, this.computed].map((sample) => sample?.pixels.file));
      for (const file of this.held) if (!kept.has(file)) this.files.release(file);
      this.held = this.held.filter((file) => kept.has(file));
    });
  }
}
