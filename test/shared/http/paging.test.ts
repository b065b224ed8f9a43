import { assert, constantFrom, nat, pre, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import {
  csvOf,
  csvRows,
  pageBody,
  pageSeal,
  pageToken,
  positionOf,
} from "../../../shared/http/paging.ts";

const refused = {
  ok: false,
  failure: { code: "bad-page-token", faults: [{ pointer: "/query/pageToken" }] },
};

test("a token leads back to its position, in its own list only", () => {
  assert(
    property(string(), string(), string(), (list, position, other) => {
      const token = pageToken(list, position);
      expect(token).toMatch(/^[\w-]+$/);
      expect(positionOf(list, token)).toEqual({ ok: true, value: position });
      pre(other !== list);
      expect(positionOf(other, token)).toMatchObject(refused);
    }),
  );
});

test("no token is the first page", () => {
  expect(positionOf("tenants", undefined)).toEqual({ ok: true, value: undefined });
});

test("whatever text comes, it is refused and not thrown", () => {
  assert(
    property(string(), (text) => {
      expect(positionOf("tenants", text)).toMatchObject(refused);
    }),
  );
});

const packed = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
test.each([
  ["no position", packed([2, "tenants"])],
  ["another version", packed([1, "tenants", "p", "x"])],
  ["nothing but JSON", packed({})],
  ["a token cut short", pageToken("tenants", "position").slice(0, -5)],
])("%s is refused", (_name, token) => {
  expect(positionOf("tenants", token)).toMatchObject(refused);
});

test("the link keeps the query, and changes the token alone", () => {
  const url = new URL("http://host/api/v1/tenants?top=5&pageToken=old");
  const { value, nextLink } = pageBody(url, "tenants", { items: [1], next: "p" });
  expect(value).toEqual([1]);
  const link = new URL(nextLink ?? "");
  expect(link.searchParams.get("top")).toBe("5");
  expect(positionOf("tenants", link.searchParams.get("pageToken") ?? "")).toMatchObject({
    value: "p",
  });
  expect(pageBody(url, "tenants", { items: [1] })).toEqual({ value: [1] });
});

const seal = pageSeal("a secret of the installation");
const anyToken = string().map((position) => pageToken("tenants", position));

test("what was closed opens again, in every instance that has the secret", () => {
  assert(
    property(anyToken, (token) => {
      const sealed = seal.close(token);
      expect(sealed).toMatch(/^[\w-]+$/);
      expect(pageSeal("a secret of the installation").open(sealed)).toBe(token);
    }),
  );
});

test("nothing of a token shows through, and the same one looks different each time", () => {
  const token = pageToken("tenants", "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01");
  const [one, other] = [seal.close(token), seal.close(token)];
  expect(one).not.toBe(other);
  expect(Buffer.from(one, "base64url").toString("latin1")).not.toContain("7d1c0f5e");
});

test("a changed bit anywhere closes it for ever", () => {
  assert(
    property(anyToken, nat(), (token, at) => {
      const bytes = Buffer.from(seal.close(token), "base64url");
      const bit = at % (bytes.byteLength * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(seal.open(bytes.toString("base64url"))).toBeUndefined();
    }),
  );
});

test("another secret, a plain token or any bytes open nothing, and nothing is thrown", () => {
  const token = pageToken("tenants", "x");
  expect(pageSeal("another secret").open(seal.close(token))).toBeUndefined();
  expect(seal.open(token)).toBeUndefined();
  assert(
    property(uint8Array({ maxLength: 60 }), string(), (bytes, text) => {
      expect(seal.open(Buffer.from(bytes).toString("base64url"))).toBeUndefined();
      expect(seal.open(text)).toBeUndefined();
    }),
  );
});

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

test("a mark is the same for the same text and key, and shows neither", () => {
  const mark = seal.mark("https://host/?pageToken=position");
  expect(pageSeal("a secret of the installation").mark("https://host/?pageToken=position")).toBe(
    mark,
  );
  expect(seal.mark("https://host/?pageToken=positioN")).not.toBe(mark);
  expect(pageSeal("another secret").mark("https://host/?pageToken=position")).not.toBe(mark);
});
