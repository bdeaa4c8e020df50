// One tab stop for a field of cells; the arrow keys move between them.

/** Cells are the elements with `data-cell="row,column"`; the one that is focused keeps the tab stop. */
export function roving(node: Element): { destroy: () => void } {
  const cells = (): (HTMLElement | SVGElement)[] => [...node.querySelectorAll<HTMLElement | SVGElement>("[data-cell]")];
  const placeOf = (cell: Element): [number, number] => {
    const [row, column] = cell.getAttribute("data-cell")!.split(",").map(Number);
    return [row, column];
  };
  function stopAt(cell: Element | undefined): void {
    for (const other of cells()) other.setAttribute("tabindex", other === cell ? "0" : "-1");
  }
  function keys(event: KeyboardEvent): void {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const from = (event.target as Element).closest?.("[data-cell]");
    if (!step || !from) return;
    const [row, column] = placeOf(from);
    const along = step[0] ? 0 : 1;
    // The nearest cell on that side; rows need not be of one length.
    const found = cells()
      .map((cell) => ({ cell, at: placeOf(cell) }))
      .filter(({ at }) => (along ? at[0] === row : true) && (at[along] - [row, column][along]) * (step[0] + step[1]) > 0)
      .sort(
        (a, b) =>
          Math.abs(a.at[along] - [row, column][along]) - Math.abs(b.at[along] - [row, column][along]) ||
          Math.abs(a.at[1 - along] - [row, column][1 - along]) - Math.abs(b.at[1 - along] - [row, column][1 - along]),
      )[0];
    if (!found) return;
    event.preventDefault();
    (found.cell as HTMLElement).focus();
  }
  const focused = (event: Event): void => {
    const cell = (event.target as Element).closest?.("[data-cell]");
    if (cell) stopAt(cell);
  };
  // Cells come and go; one of them is always the stop.
  const settle = (): void => {
    const all = cells();
    if (!all.some((cell) => cell.getAttribute("tabindex") === "0")) stopAt(all[0]);
  };
  const changes = new MutationObserver(settle);
  changes.observe(node, { childList: true, subtree: true });
  stopAt(cells()[0]);
  node.addEventListener("keydown", keys as EventListener);
  node.addEventListener("focusin", focused);
  return {
    destroy() {
      changes.disconnect();
      node.removeEventListener("keydown", keys as EventListener);
      node.removeEventListener("focusin", focused);
    },
  };
}
