// Changes to the picture that the network receives: moved, painted over, blurred.

import type { Numbers, Tensor } from "../lib/source";

/** What a brush leaves behind. */
export type Brush = "grey" | "blur" | "light" | "dark";

const copy = ({ shape, data }: Tensor): Tensor & { data: Numbers } => ({ shape, data: data.slice() });

/** The picture moved; what comes in from outside repeats the border. */
export function moved(pixels: Tensor, down: number, right: number): Tensor {
  const [C, H, W] = pixels.shape;
  const out = copy(pixels);
  const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  for (let c = 0; c < C; c++)
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++)
        out.data[(c * H + y) * W + x] = pixels.data[(c * H + clamp(y - down, H - 1)) * W + clamp(x - right, W - 1)];
  return out;
}

/** The mean of each channel around a place. */
function meanAround({ shape: [C, H, W], data }: Tensor, y: number, x: number, radius: number): number[] {
  return Array.from({ length: C }, (_, c) => {
    let sum = 0;
    let n = 0;
    for (let v = Math.max(0, y - radius); v <= Math.min(H - 1, y + radius); v++)
      for (let u = Math.max(0, x - radius); u <= Math.min(W - 1, x + radius); u++) {
        sum += data[(c * H + v) * W + u];
        n++;
      }
    return sum / n;
  });
}

/** A disc painted with the picture's own mean grey, with white or black, or blurred by a box of its size. */
export function painted(pixels: Tensor, y: number, x: number, radius: number, brush: Brush): Tensor {
  const [C, H, W] = pixels.shape;
  const out = copy(pixels);
  const grey = brush === "grey" ? meanAround(pixels, 0, 0, Math.max(H, W)) : null;
  const level = brush === "light" ? 255 : 0;
  for (let v = Math.max(0, y - radius); v <= Math.min(H - 1, y + radius); v++)
    for (let u = Math.max(0, x - radius); u <= Math.min(W - 1, x + radius); u++) {
      if ((v - y) ** 2 + (u - x) ** 2 > radius ** 2 + 0.5) continue;
      const values = brush === "blur" ? meanAround(pixels, v, u, Math.max(2, radius)) : grey;
      for (let c = 0; c < C; c++) out.data[(c * H + v) * W + u] = Math.round(values ? values[c] : level);
    }
  return out;
}
