import { expect, it } from "vitest";
import { toCsv } from "./files";

it("writes numbers as programs read them", () => {
  expect(toCsv([["a", "b"], ["1,234", "\u22120.5"], ["12,345,678.9", "97.3%"]])).toBe("a,b\r\n1234,-0.5\r\n12345678.9,97.3%\r\n");
});
it("quotes what holds commas, quotes or lines, and tidies space", () => {
  expect(toCsv([['cat, "tabby"', " two\n words "]])).toBe('"cat, ""tabby""",two words\r\n');
  expect(toCsv([["1,23"]])).toBe('"1,23"\r\n');
});
it("leaves nothing that a spreadsheet would run", () => {
  expect(toCsv([["=1+1", "@x", "+cmd", "+3.5", "-2", "-x"]])).toBe("'=1+1,'@x,'+cmd,+3.5,-2,'-x\r\n");
});
