import { expect, test } from "vitest";
import { bytesOf, bytesTogether, parseSafetensors, tileOf } from "./source";

/** As `view/page_text.py` writes: seven bits a character, three codes 128 higher. */
function asText(bytes: number[]): string {
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const sevens = bits.match(/.{1,7}/g) ?? [];
  const codes = sevens.map((seven) => parseInt(seven.padEnd(7, "0"), 2));
  return String.fromCharCode(...codes.map((code) => ([0, 13, 60].includes(code) ? code + 128 : code)));
}

test("bytes of every length and value read back from text", () => {
  for (let n = 0; n < 20; n++) {
    const bytes = Array.from({ length: n }, (_, i) => (i * 97 + n * 31) % 256);
    expect(Array.from(bytesOf(asText(bytes)))).toEqual(bytes);
  }
  const all = Array.from({ length: 256 }, (_, i) => i);
  expect(Array.from(bytesOf(asText(all)))).toEqual(all);
  expect(Array.from(bytesOf("\x80\x80\x80\x80\x80\x80\x80\x80"))).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

test("bytes that stand apart are put together", () => {
  expect(Array.from(bytesTogether(Uint8Array.of(1, 4, 2, 5, 3, 6), 3))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(Array.from(bytesTogether(Uint8Array.of(1, 2, 3), 1))).toEqual([1, 2, 3]);
});

/** A safetensors file of a float32, a float16 and a byte array. */
function file(metadata: Record<string, string> | null, floats: number[], halves: number[], bytes: number[]): ArrayBuffer {
  const [a, b, c] = [floats.length, floats.length + halves.length, floats.length + halves.length + bytes.length];
  const header = JSON.stringify({
    ...(metadata && { __metadata__: metadata }),
    floats: { dtype: "F32", shape: [floats.length / 4], data_offsets: [0, a] },
    halves: { dtype: "F16", shape: [halves.length / 2], data_offsets: [a, b] },
    bytes: { dtype: "U8", shape: [1, bytes.length], data_offsets: [b, c] },
  });
  const whole = new Uint8Array(8 + header.length + c);
  new DataView(whole.buffer).setBigUint64(0, BigInt(header.length), true);
  whole.set(new TextEncoder().encode(header), 8);
  whole.set([...floats, ...halves, ...bytes], 8 + header.length);
  return whole.buffer;
}

test("arrays read the same with their bytes in a row and apart", () => {
  // 1 and -2 as float32, 1 and -2 as float16, from IEEE 754's tables.
  const row = file(null, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], [0, 0x3c, 0, 0xc0], [7, 8]);
  const apart = file({ bytes: "apart" }, [0, 0, 0, 0, 0x80, 0, 0x3f, 0xc0], [0, 0, 0x3c, 0xc0], [7, 8]);
  for (const found of [parseSafetensors(row), parseSafetensors(apart)]) {
    expect([...found.keys()]).toEqual(["floats", "halves", "bytes"]);
    for (const name of ["floats", "halves"]) expect(Array.from(found.get(name)!.data)).toEqual([1, -2]);
    expect(found.get("bytes")).toEqual({ shape: [1, 2], data: Uint8Array.of(7, 8) });
  }
});

test("equal pictures share a tile", () => {
  const sprite = { file: "", tile_px: [1, 1] as [number, number], columns: 9, count: 2 };
  expect([0, 1, 2].map((i) => tileOf({ ...sprite, tiles: [0, 1, 0] }, i))).toEqual([0, 1, 0]);
  expect(tileOf({ ...sprite, tiles: null }, 1)).toBe(1);
});
