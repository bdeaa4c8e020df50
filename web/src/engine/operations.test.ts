import { expect, test } from "vitest";
import type { Window } from "../lib/formats";
import type { Tensor } from "../lib/source";
import { convolution } from "./operations";

/** Every output as the definition has it: one sum over the kernel, zeros around the map. */
function byDefinition(input: Tensor, weight: Tensor, bias: Tensor, window: Window, [U, OH, OW]: number[]): number[] {
  const [, H, W] = input.shape;
  const [, each, kh, kw] = weight.shape;
  const found: number[] = [];
  for (let u = 0; u < U; u++)
    for (let y = 0; y < OH; y++)
      for (let x = 0; x < OW; x++) {
        let sum = bias.data[u];
        for (let c = 0; c < each; c++)
          for (let ky = 0; ky < kh; ky++)
            for (let kx = 0; kx < kw; kx++) {
              const row = y * window.stride[0] + ky * window.dilation[0] - window.padding[0];
              const column = x * window.stride[1] + kx * window.dilation[1] - window.padding[1];
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              const channel = Math.floor(u / (U / window.groups)) * each + c;
              sum += weight.data[((u * each + c) * kh + ky) * kw + kx] * input.data[(channel * H + row) * W + column];
            }
        found.push(sum);
      }
  return found;
}

const waves = (n: number, step: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(step * (i + 1)));

test.each([
  { kernel: 3, stride: 1, padding: 0, dilation: 1, groups: 1, side: 9 },
  { kernel: 3, stride: 1, padding: 1, dilation: 1, groups: 1, side: 9 },
  { kernel: 3, stride: 2, padding: 1, dilation: 1, groups: 2, side: 8 },
  { kernel: 3, stride: 1, padding: 2, dilation: 2, groups: 1, side: 7 },
  { kernel: 3, stride: 1, padding: 1, dilation: 1, groups: 1, side: 2 },
  { kernel: 5, stride: 1, padding: 2, dilation: 1, groups: 1, side: 8 },
  { kernel: 1, stride: 2, padding: 0, dilation: 1, groups: 1, side: 7 },
])("a convolution is the sum that defines it: $kernel × $kernel, stride $stride, padding $padding, dilation $dilation", ({ kernel, stride, padding, dilation, groups, side }) => {
  const [C, U] = [4, 6];
  const out = Math.floor((side + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  const window = { kernel_size: [kernel, kernel], stride: [stride, stride], padding: [padding, padding], dilation: [dilation, dilation], groups } as unknown as Window;
  const input: Tensor = { shape: [C, side, side], data: waves(C * side * side, 0.7) };
  const weight: Tensor = { shape: [U, C / groups, kernel, kernel], data: waves((U * C * kernel * kernel) / groups, 1.3) };
  const bias: Tensor = { shape: [U], data: waves(U, 2.1) };
  const shape = [U, out, out];
  const found = Array.from(convolution(input, weight, bias, window, shape).data);
  byDefinition(input, weight, bias, window, shape).forEach((value, i) => expect(found[i]).toBeCloseTo(value, 4));
});
