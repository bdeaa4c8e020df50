// One tile of a sprite sheet as the bytes that it was made of; exact where the sheet loses nothing.

import type { Sprite } from "../lib/formats";
import { tileOf, type Tensor } from "../lib/source";

/** Bytes (C, H, W) of a tile; of one channel where the network takes one. */
export async function tilePixels(url: string, sprite: Sprite, index: number, channels: number): Promise<Tensor> {
  const { tile_px, columns } = sprite;
  const tile = tileOf(sprite, index);
  const sheet = new Image();
  sheet.src = url;
  await sheet.decode();
  const [H, W] = tile_px;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [W, H];
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  pen.drawImage(sheet, -(tile % columns) * W, -Math.floor(tile / columns) * H);
  const { data } = pen.getImageData(0, 0, W, H);
  return { shape: [channels, H, W], data: Uint8Array.from({ length: channels * H * W }, (_, i) => data[4 * (i % (H * W)) + Math.floor(i / (H * W))]) };
}
