/** Files that nobody wrote by hand: of any bytes, and valid ones written in every way that the service does not take. */
import {
  array,
  assert,
  constantFrom,
  integer,
  property,
  record,
  sample,
  string,
  uint8Array,
} from "fast-check";
import { expect, test } from "vitest";
import { succeed } from "../../../shared/kernel/failure.ts";
import { checkFile } from "../../../shared/registration/check-list.ts";
import { repairNames } from "../../../shared/registration/list/codes.ts";
import { ListJudge } from "../../../shared/registration/list/judge.ts";
import { heldMiB } from "../../support/held-memory.ts";
import { csv, hashOf, intune, judged, partner } from "./lists.ts";

const columns = new Set([...intune.split(","), ...partner.split(",")]);

/** Bytes as they go wrong: any at all, and pieces of lists put together at random. */
const snippets = [
  intune,
  partner,
  hashOf("PF1"),
  "PF1",
  ",",
  ",,",
  "\r\n",
  "\n",
  "\r",
  '"',
  ";",
  "\0",
  "\u001a",
  "\ufeff",
  "é",
  "=",
  "sep=,",
  "Microsoft365Managed_kiosk",
  "1.65E+11",
  "   ",
];
const pieces = array(constantFrom(...snippets), { maxLength: 40 });

/** What is not as it must be of a file's verdict: places outside of it, or another verdict for other pieces. */
function unsound(bytes: Uint8Array, pieceBytes: number): unknown[] {
  const verdict = judged(bytes, pieceBytes);
  const lines = Buffer.from(bytes)
    .toString("latin1")
    .split(/[\r\n]/).length;
  const outside = verdict.findings.filter(
    ({ row, line, column, severity, code }) =>
      (row ?? 0) > verdict.rows ||
      (line ?? 0) > lines ||
      (severity === "error") !== code.startsWith("E_") ||
      (row !== null && column !== null && !columns.has(column)),
  );
  const whole = judged(bytes, bytes.length + 1);
  const same = JSON.stringify(whole) === JSON.stringify(verdict);
  const counted = verdict.bytes === bytes.length && verdict.acceptedRows <= verdict.rows;
  return [...outside, ...(same && counted ? [] : [verdict, whole])];
}

const expectSound = (bytes: Uint8Array, size: number): void => {
  expect(unsound(bytes, size)).toEqual([]);
};

test("any bytes have a verdict within their bounds, and the same one in whatever pieces they come", () => {
  const pieceBytes = integer({ min: 1, max: 300 });
  assert(property(uint8Array({ maxLength: 400 }), pieceBytes, expectSound), { numRuns: 300 });
  const written = constantFrom<BufferEncoding>("utf8", "latin1", "utf16le");
  const any = property(pieces, written, pieceBytes, (texts, encoding, size) => {
    expectSound(Buffer.from(texts.join(""), encoding), size);
  });
  assert(any, { numRuns: 150 });
});

const sign = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
const word = string({ unit: constantFrom(...sign.split("")), minLength: 4, maxLength: 12 });
const device = record({
  serial: word.map((text) => `0${text}Z`),
  tag: constantFrom("", "shop", "Microsoft365Managed_Standard"),
  user: constantFrom("", "ada@contoso.example"),
  size: integer({ min: 2_049, max: 3_200 }),
});

/** Repairs a file, and reads the copy by hand. */
async function repaired(bytes: Uint8Array) {
  const checked = await checkFile(async (take) => {
    for (let at = 0; at < bytes.length; at += 999) take(bytes.subarray(at, at + 999));
    return succeed(undefined);
  }, repairNames.join(","));
  if (!checked.ok || checked.value.repaired === undefined) throw new Error("nothing was repaired");
  const { repaired: copy } = checked.value;
  if (!("contentBase64" in copy)) throw new Error(copy.impossible);
  return { ...copy, text: Buffer.from(copy.contentBase64, "base64").toString("latin1") };
}

test("a valid list is accepted, and every value of it is what it was after the repair of what is not", async () => {
  const lists = array(device, { minLength: 1, maxLength: 4 });
  for (const devices of sample(lists, 20)) {
    const distinct = [...new Map(devices.map((each) => [each.serial, each])).values()];
    const cells = distinct.map(({ serial, tag, user, size }) => [
      serial,
      "",
      hashOf(serial, 1, size),
      tag,
      user,
    ]);
    const right = csv(intune, ...cells.map((row) => row.join(",")));
    expect(judged(right)).toMatchObject({
      valid: true,
      acceptedRows: distinct.length,
      findings: [],
    });
    expect(await repaired(Buffer.from(right))).toMatchObject({ text: right, changes: [] });
    const unpadded = cells.map((row) => row.map((value) => value.replace(/=+$/, "")).join(","));
    const wrong = csv(`${intune.toUpperCase()},,`, ...unpadded.map((row) => `${row},,`));
    for (const bytes of [
      Buffer.from(wrong),
      Buffer.from(`\ufeff${wrong}`),
      Buffer.from(`\ufeff${wrong}`, "utf16le"),
      Buffer.from(`\ufeff${wrong}`, "utf16le").swap16(),
    ]) {
      expect(judged(bytes).valid).toBe(false);
      // Padding is the one thing that a repair may add, and it adds no bit to what the hash says.
      expect(await repaired(bytes)).toMatchObject({ text: right, valid: true });
    }
  }
});

test("a repair changes nothing but what it is asked for, and names the lines", async () => {
  const unpadded = hashOf("PF2", 1, 3_001).replace(/=+$/, "");
  const text = `\ufeff${csv(intune.toLowerCase(), `PF1,,${hashOf("PF1")},Zoë,,`, `PF2,,${unpadded},,`)}`;
  const read = async (take: (piece: Uint8Array) => void) => {
    take(Buffer.from(text));
    return succeed(undefined);
  };
  const checked = await checkFile(read, "padding");
  expect(checked).toMatchObject({
    value: {
      repairsOffered: ["encoding", "padding", "trailingCommas", "headerCase"],
      repaired: { changes: [{ repair: "padding", lines: 1, first: [3] }], valid: false },
    },
  });
  const all = await checkFile(read, repairNames.join(","));
  const bytes = Buffer.from(JSON.parse(JSON.stringify(all)).value.repaired.contentBase64, "base64");
  expect(bytes.toString("latin1").split("\r\n")[1]).toContain("Zoë");
});

test.each([
  ["SNAB1,,AB1,,", "SNAB1,,AB1=,,"],
  ['"SN,AB1",AB1,"AB1",,AB1', '"SN,AB1",AB1,"AB1=",,AB1'],
  ['AB1,, A"B"1,,', "AB1,,AB1=,,"],
])("a hash is padded in its own column, whatever else the row says: %s", async (row, mended) => {
  const bytes = Buffer.from(csv(intune, row));
  const checked = await checkFile(async (take) => succeed(take(bytes) as undefined), "padding");
  const { contentBase64 } = JSON.parse(JSON.stringify(checked)).value.repaired;
  const text = Buffer.from(contentBase64, "base64").toString("latin1");
  expect(text.split("\r\n")[1]).toBe(mended);
});

test("what ANSI cannot say is not replaced: there is no repaired file then", async () => {
  const bytes = Buffer.from(csv(partner, "A1,,,華碩,1"));
  const checked = await checkFile(async (take) => succeed(take(bytes) as undefined), "encoding");
  expect(checked).toMatchObject({
    value: { repaired: { impossible: expect.stringContaining("line 2") } },
  });
});

test("a file that never ends a line, and one of nothing but commas, cost the memory of a line", () => {
  const judge = new ListJudge();
  const piece = Buffer.alloc(64 * 1024, ",");
  const before = heldMiB();
  for (let at = 0; at < 1_000; at += 1) judge.write(piece);
  expect(heldMiB() - before).toBeLessThan(5);
  expect(judge.end().findings.map(({ code }) => code)).toContain("E_LINE_LENGTH");
});
