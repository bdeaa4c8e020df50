import { expect, it } from "vitest";
import type { Atlas, Layer, Unit } from "../lib/formats";
import { roundsOf, scoresOf } from "./rounds";

/** Unit u has patches 9..1 of pictures 20u to 20u + 8, unless it is told otherwise. */
function unit(index: number, change: Partial<{ dead: boolean; rows: number[]; values: number[] }> = {}): Unit {
  const rows = change.rows ?? Array.from({ length: 9 }, (_, j) => 20 * index + j);
  const values = change.values ?? rows.map((_, j) => 9 - j);
  return { index, dead: change.dead ?? false, patches: rows.map((row, j) => ({ row, value: values[j] })) } as unknown as Unit;
}
const atlasOf = (...units: Unit[]): Atlas => ({ layers: [{ name: "a", shape: [units.length, 4, 4], patch_sprite: {}, units } as unknown as Layer] }) as unknown as Atlas;

it("asks each unit once, with its own fifth patch beside another unit's strongest", () => {
  const rounds = roundsOf(atlasOf(unit(0), unit(1), unit(2)), 1);
  expect(rounds.map((round) => round.unit).sort()).toEqual([0, 1, 2]);
  for (const { unit: asked, pair, shown, value, most_of_others } of rounds) {
    const more = pair.find((choice) => choice.more)!;
    const less = pair.find((choice) => !choice.more)!;
    expect(more.tile).toBe(9 * asked + 4);
    expect(less.tile % 9).toBe(0);
    expect(less.tile / 9).not.toBe(asked);
    expect(shown).toEqual([0, 1, 2, 3].map((j) => 9 * asked + j));
    expect(value).toBeGreaterThan(most_of_others);
  }
});
it("is the same for the same seed, and puts the right one on either side", () => {
  const atlas = atlasOf(...Array.from({ length: 40 }, (_, u) => unit(u)));
  expect(roundsOf(atlas, 4)).toEqual(roundsOf(atlas, 4));
  expect(roundsOf(atlas, 4)).toHaveLength(10);
  const first = roundsOf(atlas, 4, 40).filter(({ pair }) => pair[0].more).length;
  expect(first).toBeGreaterThan(8);
  expect(first).toBeLessThan(32);
});
it("never sets a unit's own strong picture against it, and asks no dead unit or one whose patches are alike", () => {
  const shared = unit(1, { rows: [3, 21, 22, 23, 24, 25, 26, 27, 28] });
  expect(roundsOf(atlasOf(unit(0), shared), 1).map((round) => round.unit)).toEqual([1]);
  expect(roundsOf(atlasOf(unit(0, { dead: true }), unit(1, { values: Array(9).fill(2) })), 1)).toEqual([]);
});
it("counts by unit", () => {
  const rounds = roundsOf(atlasOf(unit(0), unit(1)), 1);
  expect(scoresOf([...rounds, rounds[0]], [true, false, false])).toEqual([
    { layer: "a", unit: rounds[0].unit, asked: 2, right: 1 }, { layer: "a", unit: rounds[1].unit, asked: 1, right: 0 },
  ]);
});
