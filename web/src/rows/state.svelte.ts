// What the page shows of an atlas of words or numbers, and whether its own numbers may be shown.

import { Files, type Tensor } from "../lib/source";
import type { RowsAtlas } from "./formats";
import { readRow, readWindow, readWords, type Passed, type Weights } from "./networks";

export const UNKNOWN = 1;
// How far the page's outputs may lie from Python's: float32 against float64.
const TOLERANCE = 1e-3;

export class RowsPage {
  readonly atlas: RowsAtlas;
  readonly files = new Files();
  /** Largest difference of the page's outputs from the recorded ones; null before it was measured. */
  apart = $state<number | null>(null);
  failed = $state<string | null>(null);
  readonly weights: Weights;

  constructor(atlas: RowsAtlas) {
    this.atlas = atlas;
    this.weights = (name) => {
      const found = this.files.tensor(atlas.weights[name]);
      if (!found) throw new Error(`the report holds no weights ${name}`);
      return found;
    };
  }

  async start(): Promise<void> {
    try {
      await this.files.open();
      this.apart = this.check();
    } catch (error) {
      this.failed = error instanceof Error ? error.message : String(error);
    }
  }

  /** Whether the page computes what Python did. */
  get trusted(): boolean {
    return this.apart !== null && this.apart <= TOLERANCE;
  }

  tensor(ref: { file: string; name: string } | null): Tensor | null {
    return this.files.tensor(ref);
  }

  read(ids: number[]): Passed {
    return readWords(this.atlas.network, this.weights, ids);
  }

  row(inputs: ArrayLike<number>): Float64Array {
    return readRow(this.atlas.network, this.weights, inputs);
  }

  window(steps: number[][]): Passed {
    return readWindow(this.atlas.network, this.weights, steps);
  }

  private check(): number {
    const { atlas } = this;
    let worst = 0;
    const hold = (own: ArrayLike<number>, recorded: readonly number[]): void => {
      recorded.forEach((value, k) => (worst = Math.max(worst, Math.abs(own[k] - value))));
    };
    for (const sentence of atlas.sentences.slice(0, 4)) {
      const own = this.read(sentence.ids).outputs;
      if (sentence.logits.length) hold(own, sentence.logits);
      else if (own.indexOf(Math.max(...own)) !== sentence.predicted) worst = Infinity;
    }
    // Gates and attention of the sentences that were kept value by value.
    const kept = atlas.sentences.slice(0, 4).map((sentence) => this.read(sentence.ids));
    for (const one of atlas.gate_values) {
      const recorded = this.tensor(one.values);
      const k = atlas.layers.findIndex((layer) => layer.name === one.layer);
      if (!recorded || k < 0) continue;
      const [, T, U] = recorded.shape;
      kept.forEach((passed, n) =>
        passed.gates[k][one.gate].forEach((values, t) => {
          const from = (n * T + t) * U;
          hold(values, Array.from(recorded.data.subarray(from, from + U)));
        }),
      );
    }
    atlas.attention.forEach((one, k) => {
      const recorded = this.tensor(one.maps);
      if (!recorded) return;
      const [, H, T] = recorded.shape;
      kept.forEach((passed, n) =>
        passed.attention[k].forEach((words, h) =>
          words.forEach((shares, t) => {
            const from = ((n * H + h) * T + t) * T;
            hold(shares, Array.from(recorded.data.subarray(from, from + shares.length)));
          }),
        ),
      );
    });
    for (const row of atlas.rows.slice(0, 10)) hold(this.row(row.inputs), row.outputs);
    atlas.forecast?.windows.slice(0, 5).forEach((steps, i) => {
      hold(this.window(steps).outputs, [atlas.forecast!.outputs[i]]);
    });
    return worst;
  }
}

/** An id for a word; what the network never learned is the unknown word. */
export function idOf(atlas: RowsAtlas, word: string): number {
  const found = atlas.vocabulary.indexOf(word);
  return found > UNKNOWN ? found : UNKNOWN;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)}%`;
}

/** A number with three significant figures. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  return text.replace("-", "\u2212");
}
