// How each kind of unit is shown: a word, a colour and a pattern, so that none rests on colour alone.

export interface Look {
  one: string;
  /** What many such units respond to, after "units respond to". */
  many: string;
}

const LOOKS: Record<string, Look> = {
  colour: { one: "colour", many: "colours" },
  edge: { one: "edge", many: "edges" },
  corner: { one: "corner", many: "corners" },
  texture: { one: "texture", many: "textures" },
  part: { one: "part", many: "parts of things" },
  object: { one: "object", many: "single classes (class-selective)" },
  unnamed: { one: "no name", many: "nothing that has a simple name" },
};

export function lookOf(kind: string): Look {
  return LOOKS[kind] ?? { one: kind, many: kind };
}

/** The CSS class that carries a kind's colour and pattern; see kinds.css. */
export function classOf(kind: string): string {
  return kind in LOOKS ? `kind kind-${kind}` : "kind kind-unnamed";
}
