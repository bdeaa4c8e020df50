// What the reader is looking at, in one place. It lives in the address, so that everything has a link.

import { flushSync } from "svelte";
import { FIRST, parsed, written, type Place, type ViewName } from "./address";

export { FIRST } from "./address";

/** Where there is no room for a unit beside its layer, it opens in the drawer there too. */
const narrow = matchMedia("(max-width: 800px)");
const placeOf = (hash: string): Place => {
  const place = parsed(hash);
  return place.name === "layers" && place.unit !== FIRST ? { ...place, open: narrow.matches } : place;
};

export const view = $state<Place>(placeOf(location.hash));

let last = "";

/** Follow the address; a picture is chosen by `choose`, for it may have to be computed first. */
export function followAddress(choose: (sample: number) => void): void {
  const follow = (): void => {
    const { sample, ...place } = placeOf(location.hash);
    const moved = place.name !== view.name;
    Object.assign(view, place);
    last = written(view); // the reader went there: nothing to write
    if (sample !== view.sample) choose(sample);
    if (moved) scrollTo(0, 0);
  };
  addEventListener("popstate", follow);
}

/** An address without the pixel that is told and the moment that is played: the same thing is looked at. */
const coarse = (text: string): string => text.replace(/[?&](at|frame)=[^&]*/g, "");
const SETTLED_MS = 300;
let settling: ReturnType<typeof setTimeout> | undefined;

/** Write what is looked at into the address: a step that Back undoes. Moving over a map's pixels or a training's moments is no step. */
export function writeAddress(): void {
  const text = written(view);
  clearTimeout(settling);
  if (text === last) return;
  if (last && coarse(text) === coarse(last)) {
    settling = setTimeout(() => {
      history.replaceState(null, "", text);
      last = text;
    }, SETTLED_MS);
    return;
  }
  // A view may keep more behind its own name; that is its own to write.
  if (text === written(placeOf(location.hash))) {
    last = text;
    return;
  }
  // The first is where the reader came in.
  if (last) history.pushState(null, "", text);
  else history.replaceState(null, "", text);
  last = text;
}

export function go(name: ViewName): void {
  if (name !== view.name) scrollTo(0, 0);
  view.name = name;
  view.open = false;
}

/** Choose a unit, which opens in the drawer, or in its place among the layers; a layer alone is gone to. */
export function openUnit(layer: string, unit = FIRST): void {
  if (unit === FIRST) go("layers");
  view.layer = layer;
  view.unit = unit;
  view.open = unit !== FIRST && (view.name !== "layers" || narrow.matches);
}

/** The address of one unit, as a link. */
export function unitHash(layer: string, unit = FIRST): string {
  return written({ ...view, name: "layers", layer, unit });
}

/** The address of a view, as a link. */
export function viewHash(name: ViewName): string {
  return written({ ...view, name, open: false });
}

/** Let a plain click stay on the page; a click for a new tab or window goes where the link says. */
export function here(act: () => void): (event: MouseEvent) => void {
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    act();
  };
}

export function motion(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

const preferred = matchMedia("(prefers-color-scheme: dark)");
export const theme = $state<{ name: "light" | "dark" }>({ name: preferred.matches ? "dark" : "light" });
preferred.addEventListener("change", () => (theme.name = preferred.matches ? "dark" : "light"));

/** Paper shows several views one after the other, complete; the screen shows one. */
const paper = matchMedia("print");
export const printing = $state<{ on: boolean }>({ on: paper.matches });
paper.addEventListener("change", ({ matches }) => flushSync(() => (printing.on = matches)));
// Browsers count the pages before they tell of the change of media: what is added after that is cut off.
addEventListener("beforeprint", () => flushSync(() => (printing.on = true)));
addEventListener("afterprint", () => flushSync(() => (printing.on = paper.matches)));
