// A picture of any proportions as one of the network's size: red, green and blue or grey, as bytes.

import type { Tensor } from "../lib/source";
import { resample, type Interpolation, type Plane } from "./resample";

/** Of what is decoded at most: phones take pictures of four times this. */
const MOST_PX = 20e6;

/** How a network's pictures are cut and resized. */
export interface Framing {
  channels: number;
  height: number;
  width: number;
  /** The shorter side is resized to this, then the centre is cropped; null crops first. */
  resize_px: number | null;
  /** Whether the proportions are not kept. */
  squash: boolean;
  interpolation: Interpolation;
}

/** A file's pixels upright, transparency over white. */
export async function decoded(file: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("This file is not a picture that the browser can read.");
  });
  const shrink = Math.min(1, Math.sqrt(MOST_PX / (bitmap.width * bitmap.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * shrink));
  canvas.height = Math.max(1, Math.round(bitmap.height * shrink));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** The colour planes, or one of brightness (ITU-R 601-2, as Pillow's "L"). */
export function planesOf({ data, width, height }: ImageData, channels: number): Plane[] {
  const planes = Array.from({ length: channels }, () => ({ data: new Float32Array(width * height), width, height }));
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    if (channels === 1) planes[0].data[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else [r, g, b].forEach((value, c) => (planes[c].data[i] = value));
  }
  return planes;
}

export function tensorOf(planes: Plane[]): Tensor {
  const [{ width, height }] = planes;
  const data = new Uint8Array(planes.length * width * height);
  planes.forEach((plane, c) => data.set(plane.data, c * width * height));
  return { shape: [planes.length, height, width], data };
}

/** Crop and resize as Python's `Framing` does. */
export function framed(planes: Plane[], framing: Framing): Tensor {
  const { width: w, height: h } = planes[0];
  const { width: W, height: H, resize_px, squash, interpolation } = framing;
  if (resize_px === null) {
    const box = squash ? whole(w, h) : middle(w, h, W / H);
    return tensorOf(planes.map((plane) => resample(plane, box, W, H, interpolation)));
  }
  const long = (a: number, b: number) => Math.trunc((resize_px * a) / b);
  const [rw, rh] = squash ? [resize_px, resize_px] : w <= h ? [resize_px, long(h, w)] : [long(w, h), resize_px];
  const left = Math.round((rw - W) / 2);
  const top = Math.round((rh - H) / 2);
  return tensorOf(planes.map((plane) => cropped(resample(plane, whole(w, h), rw, rh, interpolation), left, top, W, H)));
}

type Box = [number, number, number, number];
const whole = (w: number, h: number): Box => [0, 0, w, h];

/** The largest part around the middle of the given proportions. */
function middle(w: number, h: number, ratio: number): Box {
  const [bw, bh] = w / h >= ratio ? [h * ratio, h] : [w, w / ratio];
  const [left, top] = [(w - bw) / 2, (h - bh) / 2];
  return [left, top, left + bw, top + bh];
}

function cropped(plane: Plane, left: number, top: number, width: number, height: number): Plane {
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    data.set(plane.data.subarray((top + y) * plane.width + left, (top + y) * plane.width + left + width), y * width);
  return { data, width, height };
}
