// The whole lesson as text: what stands in the address brings back the same points and weights.

import { SETS, type SetName } from "./examples";
import { FUNCTIONS, paramCount, type FunctionName } from "./perceptron";

export const MOST_UNITS = 8;
export const RATES = [0.01, 0.03, 0.1, 0.3, 1, 3];

export interface LessonState {
  set: SetName;
  seed: number;
  units: number;
  activation: FunctionName;
  rate: number;
  steps: number;
  /** Null where they are those that the seed draws. */
  params: number[] | null;
}

export const BEGINNING: LessonState = { set: "circle", seed: 1, units: 4, activation: "tanh", rate: 0.3, steps: 0, params: null };

export function toText({ params, ...rest }: LessonState): string {
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${value}`);
  if (params) pairs.push(`params=${params.map((value) => Number(value.toPrecision(5))).join("_")}`);
  return pairs.join("&");
}

const integer = (text: string | null, low: number, high: number, otherwise: number): number =>
  text !== null && /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : otherwise;

/** What a text says, and the beginning where it says nothing that fits. */
export function fromText(text: string): LessonState {
  const given = new URLSearchParams(text);
  const set = given.get("set") ?? "";
  const activation = given.get("activation") ?? "";
  const rate = Number(given.get("rate"));
  const units = integer(given.get("units"), 1, MOST_UNITS, BEGINNING.units);
  const params = (given.get("params") ?? "").split("_").map((each) => (each === "" ? NaN : Number(each)));
  return {
    set: Object.hasOwn(SETS, set) ? (set as SetName) : BEGINNING.set,
    activation: Object.hasOwn(FUNCTIONS, activation) ? (activation as FunctionName) : BEGINNING.activation,
    rate: RATES.includes(rate) ? rate : BEGINNING.rate,
    units,
    seed: integer(given.get("seed"), 0, 2 ** 31, BEGINNING.seed),
    steps: integer(given.get("steps"), 0, 1e9, 0),
    params: params.length === paramCount(units) && params.every(Number.isFinite) ? params : null,
  };
}
