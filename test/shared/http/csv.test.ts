import { assert, constantFrom, property, string } from "fast-check";
import { expect, test } from "vitest";
import { csvOf, csvRows } from "../../../shared/http/csv.ts";

/** Reads CSV as RFC 4180 has it, and ends rows also where lenient readers do. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] ?? "";
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") {
      row.push(cell);
      cell = "";
    } else if (/[\n\v\f\r\u0085\u2028\u2029]/.test(sign)) {
      if (sign === "\r" && text[at + 1] === "\n") at += 1;
      rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += sign;
  }
  return rows;
}

const formula = /^[=+\-@\t\r＝＋－＠]/;
const hostile = string({
  unit: constantFrom(
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\u2028",
    "\u0085",
    '"',
    ",",
    "'",
    "＝",
    " ",
    "a",
    "ü",
  ),
});

test("what comes out is what went in, cell by cell and row by row, and never a formula", () => {
  assert(
    property(hostile, hostile, (left, right) => {
      const rows = parse(csvRows([[left, right, "end"]]));
      expect(rows).toHaveLength(1);
      const cells = rows[0] ?? [];
      expect(cells.map((cell) => formula.test(cell))).toEqual([false, false, false]);
      expect(cells).toEqual(
        [left, right, "end"].map((cell) => (formula.test(cell) ? `'${cell}` : cell)),
      );
    }),
    { numRuns: 3_000 },
  );
});

test.each(["PC-1\r=HYPERLINK(1)", "PC-1\n=1+1", "PC-1\u2028=1+1"])("%j stays one row", (name) => {
  expect(csvRows([[name]])).toBe(`"${name}"\r\n`);
});

async function* records() {
  yield* [{ a: 1, b: "x" }, { b: "=y" }];
}

const read = async (bom?: string) =>
  (await Array.fromAsync(csvOf(["a", "b"], records(), bom))).join("");

test("a document has a header line and empty cells, and a byte order mark on request", async () => {
  expect(await read()).toBe("a,b\r\n1,x\r\n,'=y\r\n");
  expect(await read("false")).toBe(await read());
  expect(await read("true")).toBe(`\u{feff}${await read()}`);
});
