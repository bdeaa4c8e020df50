// What the reader is looking at. It lives in the address, so that every unit has a link.

/** The unit that a layer shows first, whichever that is. */
export const FIRST = -1;

export interface View {
  step: number;
  sample: number;
  layer: string;
  unit: number;
}

/** The parts of an address such as `#/evidence` or `#/layers/features.1/3`; none of the older form. */
function placeInHash(): string[] {
  if (!location.hash.startsWith("#/")) return [];
  try {
    return location.hash.slice(2).split("/").map(decodeURIComponent);
  } catch {
    return []; // not an address that this page wrote
  }
}

function fromHash(): Partial<View> {
  const [section, layer, unit] = placeInHash();
  if (section) return section === "layers" && layer ? { layer, unit: /^\d+$/.test(unit ?? "") ? Number(unit) : FIRST } : {};
  const given = new URLSearchParams(location.hash.slice(1));
  const view: Partial<View> = {};
  for (const key of ["step", "sample", "unit"] as const) {
    const value = Number(given.get(key));
    if (given.has(key) && Number.isInteger(value) && value >= 0) view[key] = value;
  }
  if (given.has("layer")) view.layer = given.get("layer")!;
  return view;
}

export const view = $state<View>({ step: 1, sample: 0, layer: "", unit: FIRST, ...fromHash() });

/** Follow the address; a picture is chosen by `choose`, for it may have to be computed first. */
export function followHash(choose: (sample: number) => void): void {
  window.addEventListener("hashchange", () => {
    const { sample, ...rest } = fromHash();
    Object.assign(view, rest);
    drawer.open = false;
    written = hashOf(); // the reader went there: nothing to write
    if (sample !== undefined && sample !== view.sample) choose(sample);
    showPlace();
  });
}

/** Bring the section that the address names into sight. */
export function showPlace(): void {
  const [section] = placeInHash();
  if (section) document.getElementById(section)?.scrollIntoView({ block: "start" });
}

/** Go to a section and put it into the address. */
export function showSection(section: string): void {
  history.pushState(null, "", `#/${section}`);
  document.getElementById(section)?.scrollIntoView({ behavior: motion() });
}

/** The address of one unit, as a link. */
export function unitHash(layer: string, unit = FIRST): string {
  return `#/layers/${encodeURIComponent(layer)}${unit === FIRST ? "" : `/${unit}`}`;
}

let written = "";

function hashOf(): string {
  const hash = new URLSearchParams({ step: `${view.step}`, sample: `${view.sample}` });
  if (view.layer) {
    hash.set("layer", view.layer);
    if (view.unit !== FIRST) hash.set("unit", `${view.unit}`);
  }
  return `#${hash}`;
}

/** Write what is looked at into the address. A section named there stays until the view changes. */
export function writeHash(): void {
  const text = hashOf();
  if (text === written || text === location.hash || (!written && placeInHash().length)) {
    written = text;
    return;
  }
  // The first is where the reader came in; every later one is a step that Back undoes.
  if (written) history.pushState(null, "", text);
  else history.replaceState(null, "", text);
  written = text;
}

/** Whether the chosen unit stands in a drawer beside whatever is read. */
export const drawer = $state<{ open: boolean }>({ open: false });

/** Choose a unit, which opens in the drawer; a layer alone is gone to. */
export function openUnit(layer: string, unit = FIRST): void {
  view.layer = layer;
  view.unit = unit;
  drawer.open = unit !== FIRST;
  if (unit === FIRST) document.getElementById("layers")?.scrollIntoView({ behavior: motion(), block: "start" });
}

export function motion(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

const preferred = matchMedia("(prefers-color-scheme: dark)");
export const theme = $state<{ name: "light" | "dark" }>({ name: preferred.matches ? "dark" : "light" });
preferred.addEventListener("change", () => (theme.name = preferred.matches ? "dark" : "light"));
