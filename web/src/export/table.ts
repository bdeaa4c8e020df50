// A table on the page as rows of text; in a field one can write in, its value counts.

export function rowsOf(table: HTMLTableElement): string[][] {
  return [...table.rows].map((row) =>
    [...row.cells].filter((one) => !one.hasAttribute("data-export-skip")).flatMap((one) => {
      const field = one.querySelector<HTMLInputElement>("input");
      const text = field ? field.value : one.innerText || (one.textContent ?? ""); // folded away, it has no innerText
      return [text, ...Array<string>(one.colSpan - 1).fill("")];
    }),
  );
}
