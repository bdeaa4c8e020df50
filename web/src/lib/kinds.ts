// How each kind of unit is shown: a word, a colour and a pattern, so that none rests on colour alone.

export interface Look {
  one: string;
  /** What many such units respond to, after "units respond to". */
  many: string;
}

const LOOKS: Record<string, Look> = {
  brightness: { one: "brightness", many: "light and dark areas" },
  colour: { one: "colour", many: "colours" },
  edge: { one: "edge or line", many: "edges and lines" },
  spot: { one: "spot", many: "spots" },
  corner: { one: "corner or curve", many: "corners and curves" },
  texture: { one: "texture", many: "textures" },
  part: { one: "part", many: "parts of things" },
  class: { one: "class", many: "single classes (class-selective)" },
  undescribed: { one: "none of these", many: "nothing that has a simple description" },
};

export function lookOf(kind: string): Look {
  return LOOKS[kind] ?? { one: kind, many: kind };
}

/** The CSS class that carries a kind's colour and pattern; see kinds.css. */
export function classOf(kind: string): string {
  return kind in LOOKS ? `kind kind-${kind}` : "kind kind-undescribed";
}
