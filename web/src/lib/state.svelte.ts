// What the reader is looking at. It lives in the address, so that every unit has a link.

export interface View {
  step: number;
  sample: number;
  layer: string;
  unit: number;
}

function fromHash(): Partial<View> {
  const given = new URLSearchParams(location.hash.slice(1));
  const view: Partial<View> = {};
  for (const key of ["step", "sample", "unit"] as const) {
    const value = Number(given.get(key));
    if (given.has(key) && Number.isInteger(value) && value >= 0) view[key] = value;
  }
  if (given.has("layer")) view.layer = given.get("layer")!;
  return view;
}

export const view = $state<View>({ step: 1, sample: 0, layer: "", unit: 0, ...fromHash() });

export function followHash(): void {
  window.addEventListener("hashchange", () => Object.assign(view, fromHash()));
}

export function writeHash(): void {
  const hash = new URLSearchParams({ step: `${view.step}`, sample: `${view.sample}` });
  if (view.layer) {
    hash.set("layer", view.layer);
    hash.set("unit", `${view.unit}`);
  }
  history.replaceState(null, "", `#${hash}`);
}

export function openUnit(layer: string, unit: number): void {
  view.layer = layer;
  view.unit = unit;
  document.getElementById("layers")?.scrollIntoView({ behavior: motion(), block: "start" });
}

export function motion(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

const preferred = matchMedia("(prefers-color-scheme: dark)");
export const theme = $state<{ name: "light" | "dark" }>({ name: preferred.matches ? "dark" : "light" });
preferred.addEventListener("change", () => (theme.name = preferred.matches ? "dark" : "light"));
