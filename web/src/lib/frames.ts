// The frames of a recorded training, cut out of its arrays, and where its pictures lie in two dimensions.

import type { RecordedMaps } from "./formats";
import type { Files, Numbers, Tensor } from "./source";

/** One frame of a tensor (F, …). */
export function frameOf(tensor: Tensor, frame: number): Tensor {
  const shape = tensor.shape.slice(1);
  const each = shape.reduce((product, side) => product * side, 1);
  return { shape, data: tensor.data.subarray(frame * each, (frame + 1) * each) as Numbers };
}

/** The maps of one frame, (n, u, h, w), in the network's own numbers. */
export function mapsOf(maps: RecordedMaps, files: Files, frame: number): Tensor {
  const { shape, data } = frameOf(files.tensor(maps.values)!, frame);
  const [low, high] = [maps.low[frame], maps.high[frame]];
  return { shape, data: Float32Array.from(data, (byte) => low + (byte / 255) * (high - low)) };
}

/** The direction in which centred rows (n x D) spread most: power iteration on their covariance. */
function direction(rows: Float64Array, D: number, without: Float64Array | null): Float64Array {
  let vector = Float64Array.from({ length: D }, (_, d) => 1 + (d % 3));
  for (let turn = 0; turn < 60; turn++) {
    if (without) {
      const along = vector.reduce((sum, value, d) => sum + value * without[d], 0);
      vector = vector.map((value, d) => value - along * without[d]);
    }
    const next = new Float64Array(D);
    for (let i = 0; i < rows.length; i += D) {
      let dot = 0;
      for (let d = 0; d < D; d++) dot += rows[i + d] * vector[d];
      for (let d = 0; d < D; d++) next[d] += dot * rows[i + d];
    }
    const norm = Math.hypot(...next);
    if (norm === 0) return vector.fill(0);
    vector = next.map((value) => value / norm);
  }
  return vector;
}

export interface Scatter {
  /** (F, N, 2), each axis from 0 to 1 over all frames. */
  at: Float32Array;
  /** The share of the variance of the last frame that the two axes hold. */
  share: number;
}

/** Principal components of the last frame's embedding (F, N, D), and where every frame's pictures lie on them. */
export function scatterOf({ shape: [F, N, D], data }: Tensor): Scatter {
  const centred = new Float64Array(N * D);
  const mean = new Float64Array(D);
  const last = (F - 1) * N * D;
  for (let i = 0; i < N * D; i++) mean[i % D] += data[last + i] / N;
  for (let i = 0; i < N * D; i++) centred[i] = data[last + i] - mean[i % D];
  const first = direction(centred, D, null);
  const axes = [first, direction(centred, D, first)];
  const raw = axes.map((axis) => {
    const out = new Float64Array(F * N);
    for (let i = 0; i < F * N; i++) for (let d = 0; d < D; d++) out[i] += (data[i * D + d] - mean[d]) * axis[d];
    return out;
  });
  const held = raw.reduce((sum, out) => sum + out.subarray((F - 1) * N).reduce((s, v) => s + v * v, 0), 0);
  const all = centred.reduce((sum, value) => sum + value * value, 0);
  const at = new Float32Array(F * N * 2);
  raw.forEach((out, axis) => {
    const [low, high] = [Math.min(...out), Math.max(...out)];
    out.forEach((value, i) => (at[2 * i + axis] = high > low ? (value - low) / (high - low) : 0.5));
  });
  return { at, share: all > 0 ? held / all : 0 };
}

/** The class that each picture was given: the row's largest probability. */
export function saidOf({ shape: [N, K], data }: Tensor): number[] {
  return Array.from({ length: N }, (_, i) => {
    const row = Array.from(data.subarray(i * K, (i + 1) * K));
    return row.indexOf(Math.max(...row));
  });
}
