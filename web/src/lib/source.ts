// Reads what the page carries: JSON in script elements, sprites and arrays as base64.

import type { ArrayRef, Atlas, BesideRun, EmbeddedRun, Sprite } from "./formats";

export type Numbers = Float32Array | Uint8Array;
export interface Tensor {
  shape: number[];
  data: Numbers;
}

function embedded<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T | null) : null;
}

/** The atlas: gzipped as base64, for its names and numbers repeat; or plain. */
export async function readAtlas(element = "layerscope-atlas"): Promise<Atlas | null> {
  const value = embedded<Atlas | string>(element);
  if (typeof value !== "string") return value;
  return JSON.parse(new TextDecoder().decode(await gunzip(bytesOf(value)))) as Atlas;
}
export const readBeside = (): BesideRun | null => embedded<BesideRun>("layerscope-beside");
export const readRun = (): EmbeddedRun | null => embedded<EmbeddedRun>("layerscope-run");

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function halfToFloat(half: Uint16Array): Float32Array {
  const out = new Float32Array(half.length);
  for (let i = 0; i < half.length; i++) {
    const h = half[i];
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >> 10) & 0x1f;
    const fraction = h & 0x3ff;
    out[i] =
      exponent === 0
        ? sign * fraction * 2 ** -24
        : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return out;
}

/** Parse a safetensors file: eight bytes of header length, a JSON header, the numbers. */
export function parseSafetensors(buffer: ArrayBuffer): Map<string, Tensor> {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const found = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = entry.data_offsets;
    const part = buffer.slice(8 + length + from, 8 + length + to);
    const data =
      entry.dtype === "F32"
        ? new Float32Array(part)
        : entry.dtype === "F16"
          ? halfToFloat(new Uint16Array(part))
          : new Uint8Array(part);
    found.set(name, { shape: entry.shape, data });
  }
  return found;
}

/** The files that the page carries; arrays are unpacked once, by `open`. */
export class Files {
  private readonly files: Record<string, string>;
  private readonly arrays = new Map<string, Map<string, Tensor>>();
  private readonly urls = new Map<string, string>();

  constructor(element = "layerscope-files") {
    this.files = embedded<Record<string, string>>(element) ?? {};
  }

  async open(): Promise<void> {
    for (const [name, base64] of Object.entries(this.files)) {
      if (!name.endsWith(".safetensors")) continue;
      this.arrays.set(name, parseSafetensors(await gunzip(bytesOf(base64))));
    }
  }

  tensor(ref: ArrayRef | null | undefined): Tensor | null {
    return (ref && this.arrays.get(ref.file)?.get(ref.name)) || null;
  }

  /** Arrays that the page computed itself, under a file name of their own: where each one stands now. */
  hold(file: string, arrays: Map<string, Tensor>): Record<string, ArrayRef> {
    this.arrays.set(file, arrays);
    return Object.fromEntries([...arrays.keys()].map((name) => [name, { file, name }]));
  }
  release(file: string): void {
    this.arrays.delete(file);
  }

  url(sprite: Sprite): string {
    let url = this.urls.get(sprite.file);
    if (!url) {
      url = `data:image/webp;base64,${this.files[sprite.file] ?? ""}`;
      this.urls.set(sprite.file, url);
    }
    return url;
  }
}
