// The address of everything that can be looked at: `#/layers/features.1/3?sample=2`.

/** The unit that a layer shows first, whichever that is. */
export const FIRST = -1;
export const STEPS = 8;
export const VIEWS = ["overview", "try", "forward", "decision", "layers", "training", "test", "evidence", "beside", "quiz", "neuron", "words"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Place {
  name: ViewName;
  /** Number of the chosen picture. */
  sample: number;
  /** Chapter of the way forward, from 1. */
  step: number;
  layer: string;
  unit: number;
  /** Whether the chosen unit stands in a drawer beside the view. */
  open: boolean;
  /** What is told in numbers on the way forward; null where nothing was chosen. */
  told: Told | null;
  /** Moment of the training that is played back; null is its end. */
  frame: number | null;
}

/** One number of the way forward: a unit, a place in its map, and the map behind a link that was chosen. */
export interface Told {
  layer: string;
  unit: number;
  at: [number, number] | null;
  channel: number | null;
}

export const START: Place = { name: "overview", sample: 0, step: 1, layer: "", unit: FIRST, open: false, told: null, frame: null };
/** What older links call a view. */
const OLDER: Record<string, ViewName> = { network: "forward", walk: "forward" };

const isView = (text: string): text is ViewName => (VIEWS as readonly string[]).includes(text);

function numberIn(text: string | null | undefined, most = Infinity): number | null {
  return text && /^\d+$/.test(text) && Number(text) <= most ? Number(text) : null;
}

function toldIn(given: URLSearchParams): Told | null {
  const found = given.get("map")?.match(/^(.+)\/(\d+)$/);
  if (!found) return null;
  const at = given.get("at")?.match(/^(\d+),(\d+)$/);
  return { layer: found[1], unit: Number(found[2]), at: at ? [Number(at[1]), Number(at[2])] : null, channel: numberIn(given.get("link")) };
}

/** What an address says; what it leaves out stays as it is at the start. */
export function parsed(hash: string): Place {
  const [path, query] = hash.replace(/^#/, "").split("?");
  if (!path.startsWith("/")) return older(new URLSearchParams(path));
  let parts: string[];
  try {
    parts = path.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return START; // not an address that this page wrote
  }
  const given = new URLSearchParams(query);
  const name = OLDER[parts[0]] ?? parts[0];
  const place: Place = {
    ...START,
    name: isView(name) ? name : START.name,
    sample: numberIn(given.get("sample")) ?? START.sample,
    step: Math.max(1, numberIn(given.get("step"), STEPS) ?? START.step),
  };
  if (place.name === "layers" && parts[1]) return { ...place, layer: parts[1], unit: numberIn(parts[2]) ?? FIRST };
  const unit = numberIn(given.get("unit"));
  const told = place.name === "forward" ? toldIn(given) : null;
  const frame = place.name === "training" ? numberIn(given.get("frame")) : null;
  return { ...place, layer: given.get("layer") ?? "", unit: unit ?? FIRST, open: unit !== null, told, frame };
}

/** Addresses of reports that were one long page: `#step=4&layer=features.4&unit=7`. */
function older(given: URLSearchParams): Place {
  const layer = given.get("layer") ?? "";
  return {
    ...START,
    name: layer ? "layers" : given.has("step") ? "forward" : START.name,
    sample: numberIn(given.get("sample")) ?? START.sample,
    step: Math.max(1, numberIn(given.get("step"), STEPS) ?? START.step),
    layer,
    unit: numberIn(given.get("unit")) ?? FIRST,
  };
}

/** The address of a place, with nothing in it that is as at the start. */
export function written(place: Place): string {
  const path: string[] = [place.name];
  const query = new URLSearchParams();
  if (place.name === "layers" && place.layer) {
    path.push(place.layer);
    if (place.unit !== FIRST) path.push(`${place.unit}`);
  }
  if (place.sample) query.set("sample", `${place.sample}`);
  if (place.name === "forward" && place.step > 1) query.set("step", `${place.step}`);
  if (place.name === "forward" && place.told) {
    const { layer, unit, at, channel } = place.told;
    query.set("map", `${layer}/${unit}`);
    if (at) query.set("at", at.join(","));
    if (channel !== null) query.set("link", `${channel}`);
  }
  if (place.name === "training" && place.frame !== null) query.set("frame", `${place.frame}`);
  if (place.name !== "layers" && place.open && place.unit !== FIRST) {
    query.set("layer", place.layer);
    query.set("unit", `${place.unit}`);
  }
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}
