// What the page writes: text and pictures, as files that the browser saves.

/** Save a blob under a name. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const saveText = (text: string, name: string, type: string): void => save(new Blob([text], { type: `${type};charset=utf-8` }), name);

/** Numbers as programs read them: with a plain minus, and no marks of a thousand. */
function cell(text: string): string {
  const tidy = text.replaceAll("\u2212", "-").replaceAll("\u00a0", " ").replace(/\s+/g, " ").trim();
  return /^-?\d{1,3}(,\d{3})+(\.\d+)?%?$/.test(tidy) ? tidy.replaceAll(",", "") : tidy;
}

/** What stands in a row: null where there is no number. */
export type Cell = string | number | null;

/** Rows as CSV, by RFC 4180; what a spreadsheet would run as a formula stays text. */
export function toCsv(rows: Cell[][]): string {
  const quoted = (text: string): string => {
    const safe = /^[=@\t\r]|^[+-](?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => `${row.map((text) => quoted(cell(`${text ?? ""}`))).join(",")}\r\n`).join("");
}
