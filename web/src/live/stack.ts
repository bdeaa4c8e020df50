// Frames one behind the other, as a recording holds them, and fewer of them where they become many.

import type { Numbers, Tensor } from "../lib/source";

/** Tensors of one shape, one behind the other: (F, …). */
export function stacked(tensors: Tensor[]): Tensor {
  const first = tensors[0];
  const each = first.data.length;
  const kind = first.data.constructor as new (length: number) => Numbers;
  const data = new kind(each * tensors.length);
  tensors.forEach((tensor, i) => data.set(tensor.data, i * each));
  return { shape: [tensors.length, ...first.shape], data };
}

/** At most so many of them: every second one goes, but for the newest. */
export function thinned<T>(all: T[], most: number): T[] {
  return all.length <= most ? all : all.filter((_, i) => i % 2 === 0 || i === all.length - 1);
}
