// Reads what the page carries: JSON in script elements, and files as text of seven bits a character.

import type { ArrayRef, Atlas, BesideRun, EmbeddedRun, Sprite } from "./formats";

export type Numbers = Float32Array | Uint8Array;
export interface Tensor {
  shape: number[];
  data: Numbers;
}

const textOf = (id: string): string => document.getElementById(id)?.textContent ?? "";
const embedded = <T>(id: string): T | null => JSON.parse(textOf(id) || "null") as T | null;

/** The atlas, gzipped, for its names and numbers repeat; null where the page carries none. */
export async function readAtlas(element = "layerscope-atlas"): Promise<Atlas | null> {
  const text = textOf(element);
  return text ? (JSON.parse(new TextDecoder().decode(await gunzip(bytesOf(text)))) as Atlas) : null;
}
export const readBeside = (): BesideRun | null => embedded<BesideRun>("layerscope-beside");
export const readRun = (): EmbeddedRun | null => embedded<EmbeddedRun>("layerscope-run");

/** The bytes of a text (`view/page_text.py`): the lowest seven bits of each character, one after the other. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((text.length * 7) >> 3);
  let [at, word, waiting] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    word = (word << 7) | (text.charCodeAt(i) & 127);
    waiting += 7;
    if (waiting >= 8) bytes[at++] = word >> (waiting -= 8);
  }
  return bytes;
}

/** Numbers whose first bytes, second bytes, … stand apart (`view/page_arrays.py`), put together. */
export function bytesTogether(apart: Uint8Array, each: number): Uint8Array<ArrayBuffer> {
  const n = apart.length / each;
  const bytes = new Uint8Array(apart.length);
  for (let byte = 0; byte < each; byte++) for (let i = 0; i < n; i++) bytes[i * each + byte] = apart[byte * n + i];
  return bytes;
}

/** For an image, which is there at once by a data URL: by an object URL a print would miss it. */
function base64(bytes: Numbers): string {
  let characters = "";
  for (let i = 0; i < bytes.length; i += 8192) characters += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(characters);
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

const BYTES: Record<string, number> = { F32: 4, F16: 2 };

/** Parse a safetensors file: eight bytes of header length, a JSON header, the numbers. */
export function parseSafetensors(buffer: ArrayBuffer): Map<string, Tensor> {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: said, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  > & { __metadata__?: { bytes?: "apart" } };
  const found = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [from, to] = data_offsets;
    const bytes = new Uint8Array(buffer, 8 + length + from, to - from);
    const each = BYTES[dtype] ?? 1;
    const part = said?.bytes === "apart" && each > 1 ? bytesTogether(bytes, each).buffer : buffer.slice(8 + length + from, 8 + length + to);
    const data = dtype === "F32" ? new Float32Array(part) : dtype === "F16" ? halfToFloat(new Uint16Array(part)) : new Uint8Array(part);
    found.set(name, { shape, data });
  }
  return found;
}

/** The tile of a sheet that shows a picture: equal pictures share one. */
export const tileOf = ({ tiles }: Sprite, picture: number): number => tiles?.[picture] ?? picture;

/** The files that the page carries, unpacked once, by `open`. */
export class Files {
  private files = new Map<string, Tensor>();
  private readonly arrays = new Map<string, Map<string, Tensor>>();
  private readonly urls = new Map<string, string>();

  constructor(private readonly element = "layerscope-files") {}

  async open(): Promise<void> {
    const text = textOf(this.element);
    if (text) this.files = parseSafetensors(bytesOf(text).buffer);
    const packed = [...this.files].filter(([name]) => name.endsWith(".safetensors"));
    await Promise.all(packed.map(async ([name, { data }]) => this.arrays.set(name, parseSafetensors(await gunzip(data as Uint8Array<ArrayBuffer>)))));
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
      const file = this.files.get(sprite.file);
      url = `data:image/webp;base64,${file ? base64(file.data) : ""}`;
      this.urls.set(sprite.file, url);
    }
    return url;
  }
}
