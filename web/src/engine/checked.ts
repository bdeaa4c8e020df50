// A network that the page may run: what it computes was held against what was recorded.

import type { Atlas, Sample } from "../lib/formats";
import type { Files } from "../lib/source";
import { Engine } from "./client";
import { agrees, difference, programOf, together, type Agreement } from "./network";

export interface Checked {
  /** The network; null where the page cannot run it, or computes something else than was recorded. */
  engine: Engine | null;
  /** How far apart the two are; null where the network cannot be built. */
  agreement: Agreement | null;
  /** Why it cannot be built; empty where it can. */
  refusal: string;
}

export async function checkedEngine(atlas: Atlas, files: Files, recorded: Sample[]): Promise<Checked> {
  const program = programOf(atlas, files);
  if (typeof program === "string") return { engine: null, agreement: null, refusal: program };
  const engine = new Engine(program);
  const found: Agreement[] = [];
  for (const sample of recorded) found.push(difference(await engine.run(files.tensor(sample.pixels)!), sample, files));
  const agreement = together(found);
  return { engine: agrees(agreement) ? engine : null, agreement, refusal: "" };
}
