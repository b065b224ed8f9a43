import { expect, test } from "vitest";
import { deviceNames } from "../../../shared/registration/contract.ts";
import type { FindingCode } from "../../../shared/registration/list/codes.ts";
import { judgeDevices, ListJudge } from "../../../shared/registration/list/judge.ts";
import { csv, hashOf, intune, judged, partner } from "./lists.ts";

const [serial, productId, hash, tag, user] = intune.split(",") as [
  string,
  string,
  string,
  string,
  string,
];
const three = `${serial},${productId},${hash}`;
const of = (name: string, seed?: number): string => hashOf(name, seed);
const row = (name: string, more = ",,"): string => `${name},,${of(name)}${more}`;
const long = of("PF1");
const utf16 = (text: string, mark = true): Buffer =>
  Buffer.from((mark ? "\ufeff" : "") + text, "utf16le");
const bigEndian = (text: string): Buffer => utf16(text).swap16();
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const tagged = (text: string): string => csv(intune, row("PF1", `,${text},`));
const tuple = (text: string): string => csv(partner, text);

type Expected = readonly [
  FindingCode,
  row: number | null,
  line: number | null,
  column: string | null,
];
const file = (
  code: FindingCode,
  line: number | null = 1,
  column: string | null = null,
): Expected => [code, null, line, column];
const cell = (code: FindingCode, column: string | null, at = 1): Expected => [
  code,
  at,
  at + 1,
  column,
];

/** Each rule, with what is found by it and nothing else. */
const examples: readonly (readonly [string, string | Buffer, readonly Expected[]])[] = [
  ["five columns", csv(intune, row("PF1"), row("PF2")), []],
  ["three columns", csv(three, row("PF1", "")), []],
  ["four columns", csv(`${three},${tag}`, row("PF1", ",shop")), []],
  ["line feeds alone, and none at the end", `${intune}\n${row("PF1")}`, []],
  [
    "a partner's identities",
    csv(partner, "A1,,,LENOVO,20XW", ",3289930885111,,,", `,,${long},,`),
    [],
  ],
  // How a file is written.
  ["a mark of UTF-8", `\ufeff${csv(three, row("PF1", ""))}`, [file("E_ENC_UTF8_BOM")]],
  ["a mark of UTF-8 and letters", `\ufeff${tuple("A1,,,Fabriqué,1")}`, [file("E_ENC_UTF8_BOM")]],
  ["UTF-16 LE", utf16(csv(three, row("PF1", ""))), [file("E_ENC_UTF16")]],
  ["UTF-16 BE", bigEndian(csv(three, row("PF1", ""))), [file("E_ENC_UTF16")]],
  ["UTF-16 without its mark", utf16(csv(three, row("PF1", "")), false), [file("E_ENC_UTF16")]],
  ["UTF-8", tuple("A1,,,Fabriqué,1"), [file("E_ENC_UTF8", 2)]],
  ["ANSI letters", latin1(tuple("A1,,,Fabriqué,1")), [cell("W_NON_ASCII", "Manufacturer name")]],
  [
    "one line in ANSI, one in UTF-8",
    Buffer.concat([latin1(tuple("A1,,,Fabriqué,1")), Buffer.from("A2,,,Fabriqué,1\r\n")]),
    [cell("W_NON_ASCII", "Manufacturer name"), file("E_ENC_UTF8", 3)],
  ],
  [
    "UTF-16 to which a program has added plain text",
    Buffer.concat([utf16(csv(three, row("PF1", ""))), Buffer.from(csv(row("PF2", "")))]),
    [file("E_ENC_UTF16"), cell("E_FIELD_COUNT", null, 2)],
  ],
  [
    "what Excel saves as Unicode text",
    utf16(csv(intune, row("PF1")).replaceAll(",", "\t")),
    [file("E_ENC_UTF16"), file("E_DELIMITER")],
  ],
  [
    "what Excel saves in French",
    csv(intune, `1,65E+11;;${long};;`).replaceAll(
      "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User",
      intune.replaceAll(",", ";"),
    ),
    [file("E_DELIMITER"), cell("E_SERIAL_SCIENTIFIC", serial)],
  ],
  [
    "blanks that break no line",
    latin1(csv(intune, row("A\u00a01"), `A2\u00a0,,${of("A2")},,`)),
    [cell("W_NON_ASCII", serial), cell("E_SERIAL_CHARS", serial), cell("W_TRIMMED", serial, 2)],
  ],
  [
    "a line break inside of quotation marks",
    csv(partner, 'A1,,,"Dell', 'Inc",1'),
    [file("E_QUOTES", 2), cell("E_FIELD_COUNT", null), cell("E_FIELD_COUNT", null, 2)],
  ],
  [
    "commas under a header of semicolons",
    csv(intune.replaceAll(",", ";"), row("PF1")),
    [file("E_DELIMITER"), cell("E_FIELD_COUNT", null)],
  ],
  ["CR alone", csv(intune, row("PF1")).replaceAll("\n", ""), [file("E_EOL_CR")]],
  ["the end of DOS", `${csv(intune, row("PF1"))}\u001a`, [file("W_DOS_EOF", 3)]],
  ["the end of DOS behind a row", `${intune}\r\n${row("PF1")}\u001a`, [file("W_DOS_EOF", 2)]],
  ["a blank line inside", csv(intune, "", row("PF1")), [file("W_BLANK_LINE", 2)]],
  [
    "blank lines at both ends",
    csv("", intune, row("PF1"), " "),
    [file("W_BLANK_LINE", 1), file("W_BLANK_LINE", 4)],
  ],
  [
    "quotation marks",
    csv(...[intune, row("PF1")].map((line) => `"${line.replaceAll(",", '","')}"`)),
    [file("E_QUOTES")],
  ],
  ["a quoted comma", tuple('A1,,,"Dell, Inc.",1'), [file("E_QUOTES", 2)]],
  ["semicolons", csv(intune, row("PF1")).replaceAll(",", ";"), [file("E_DELIMITER")]],
  ["tabulators", csv(intune, row("PF1")).replaceAll(",", "\t"), [file("E_DELIMITER")]],
  ["NUL in a value", tuple("A\u00001,,,LENOVO,1"), [cell("E_CONTROL_CHAR", serial)]],
  [
    "NUL in a hash",
    csv(intune, `PF1,,${long.replace("AAAA", "AA\0A")},,`),
    [cell("E_CONTROL_CHAR", hash)],
  ],
  [
    "a CR inside of a line",
    tuple("A1,,,LEN\rOVO,1"),
    [cell("E_CONTROL_CHAR", "Manufacturer name")],
  ],
  ["a line too long", csv(intune, "x".repeat(20_000), row("PF1")), [["E_LINE_LENGTH", 1, 2, null]]],
  // Headers.
  ["a header in lower case", csv(intune.toLowerCase(), row("PF1")), [file("E_HEADER_CASE")]],
  ["spaces in a header", csv(intune.replace(",W", ", W"), row("PF1")), [file("E_HEADER_CASE")]],
  [
    "an earlier template",
    csv(
      partner
        .replace("Serial Number", "serial number")
        .replace("Product", "product")
        .replace("Hash", "hash"),
      "A1,,,LENOVO,1",
    ),
    [file("W_HEADER_OLD_CASING")],
  ],
  [
    "an earlier template, but for one name",
    csv(partner.replace("Serial Number", "serial number"), "A1,,,LENOVO,1"),
    [file("E_HEADER_CASE")],
  ],
  [
    "a header in French",
    latin1(csv("Numéro de série,ID de produit,Hachage", row("PF1", ""))),
    [file("E_HEADER_MISSING")],
  ],
  [
    "a column twice",
    csv(`${three},${hash}`, row("PF1", `,${long}`)),
    [file("E_HEADER_EXTRA_COLUMN", 1, hash)],
  ],
  [
    "another order",
    csv(`${hash},${serial},${productId}`, `${long},PF1,`),
    [file("E_HEADER_ORDER")],
  ],
  [
    "a column more",
    csv(`${intune},Purchase Order`, row("PF1", ",,,PO-1")),
    [file("E_HEADER_EXTRA_COLUMN", 1, "Purchase Order")],
  ],
  [
    "the tag's old name",
    csv(`${three},OrderID`, row("PF1", ",x")),
    [file("E_HEADER_EXTRA_COLUMN", 1, "OrderID")],
  ],
  [
    "a tag for a partner",
    csv(`${partner},${tag}`, "A1,,,LENOVO,1,x"),
    [file("E_HEADER_EXTRA_COLUMN", 1, tag)],
  ],
  [
    "commas at all ends",
    csv(...[intune, row("PF1")].map((line) => `${line},,`)),
    [file("E_HEADER_EXTRA_COLUMN")],
  ],
  [
    "no product ID",
    csv(`${serial},${hash}`, `PF1,${long}`),
    [file("E_HEADER_MISSING", 1, productId)],
  ],
  [
    "no model",
    csv(partner.replace(",Device model", ""), `A1,,${of("A1")},LENOVO`),
    [file("E_HEADER_MISSING", 1, "Device model")],
  ],
  ["no header", csv(row("PF1", ""), row("PF2", "")), [file("E_HEADER_MISSING")]],
  ["no header of a partner's", csv("A1,,,LENOVO,1"), [file("E_HEADER_MISSING")]],
  ["something else", "{}", [file("E_HEADER_MISSING")]],
  ["sep= before it", csv("sep=,", intune, row("PF1")), [file("E_HEADER_PREAMBLE")]],
  ["nothing", "", [file("E_NO_ROWS", null)]],
  ["a header and nothing else", csv(intune), [file("E_NO_ROWS", null)]],
  // Files of other kinds: one finding each.
  [
    "a device link",
    utf16("SerialNumber,Manufacturer,Model,Data\r\nPF1,LENOVO,20XW,abc\r\n"),
    [file("E_FORMAT_DEVICELINK")],
  ],
  [
    "a device link in quotation marks and another order",
    csv('"Manufacturer","Model","SerialNumber","Data",', '"LENOVO","20XW","PF1","abc",'),
    [file("E_FORMAT_DEVICELINK")],
  ],
  [
    "corporate identifiers with semicolons",
    csv("LENOVO;20XW;PF1", "", "LENOVO;20XW;PF2"),
    [file("E_FORMAT_CORPORATE_IDENTIFIER")],
  ],
  [
    "corporate identifiers",
    csv("LENOVO,20XWCTO1WW,PF1", "LENOVO,20XWCTO1WW,PF2"),
    [file("E_FORMAT_CORPORATE_IDENTIFIER")],
  ],
  [
    "corporate identifiers with a header",
    csv("Manufacturer,Model,Serial", "LENOVO,20XW,PF1"),
    [file("E_FORMAT_CORPORATE_IDENTIFIER")],
  ],
  [
    "Managed Desktop's own list",
    csv("Manufacturer,Model,Serial Number,Hardware Hash", `LENOVO,20XW,PF1,${long}`),
    [file("E_FORMAT_MMD_SELFSERVICE")],
  ],
  [
    "Configuration Manager's report",
    csv(
      "Windows Autopilot Device Information",
      "",
      "Textbox1,Textbox2,Textbox3,S,P,H",
      `${three},PF1,,${long}`,
    ),
    [file("E_HEADER_PREAMBLE")],
  ],
  [
    "its report with its own header and ours in one line",
    csv("Windows Autopilot", "", `Name1,Name2,Name3,${three}`, `${three},PF1,,${long}`),
    [file("E_HEADER_PREAMBLE")],
  ],
  [
    "Endpoint analytics' device performance",
    csv("Device name,Model,Manufacturer,Startup score,Core boot time", "PC,M,L,80,12"),
    [file("E_FORMAT_ENDPOINT_ANALYTICS")],
  ],
  [
    "Endpoint analytics",
    csv('"Device name","Manufacturer","Autopilot registered"', '"PC-1","LENOVO","Yes"'),
    [file("E_FORMAT_ENDPOINT_ANALYTICS")],
  ],
  [
    "registered devices",
    csv(
      "Serial number,Manufacturer,Model,Group tag,Profile status",
      "PF1,LENOVO,20XW,shop,Assigned",
    ),
    [file("E_FORMAT_DEVICE_EXPORT")],
  ],
  // Rows.
  [
    "commas behind a row",
    csv(intune, row("PF1"), row("PF2", ",,,,")),
    [cell("E_FIELD_COUNT", null, 2)],
  ],
  ["a value too few", csv(intune, row("PF1", ",")), [cell("E_FIELD_COUNT", null)]],
  ["a comma in a value", tuple("A1,,,Dell, Inc.,1"), [cell("E_FIELD_COUNT", null)]],
  [
    "spaces around a value",
    csv(intune, row(" PF1 ").replace(of(" PF1 "), long)),
    [cell("W_TRIMMED", serial)],
  ],
  [
    "formulas",
    csv(intune, `=1+1,,${long},+1,@x`),
    [cell("E_FORMULA", serial), cell("E_FORMULA", tag), cell("E_FORMULA", user)],
  ],
  ["a formula for a hash", csv(intune, "PF1,,=A1,,"), [cell("E_FORMULA", hash)]],
  [
    "no serial number, no hash",
    csv(intune, ",,,,"),
    [cell("E_SERIAL_MISSING", serial), cell("E_HASH_MISSING", hash)],
  ],
  ["a partner's half tuple", tuple("A1,,,LENOVO,"), [cell("E_IDENTITY_INCOMPLETE", null)]],
  [
    "nothing but spaces for a model",
    tuple("A1,,,LENOVO, "),
    [cell("W_TRIMMED", "Device model"), cell("E_IDENTITY_INCOMPLETE", null)],
  ],
  ["a product ID that is short", tuple(",329993088511,,,"), [cell("E_PKID_FORMAT", productId)]],
  ["a product key", tuple(",ABCDE-ABCDE-ABCDE-ABCDE-ABCDE,,,"), [cell("E_PKID_FORMAT", productId)]],
  [
    "a product ID twice, and with a serial number",
    tuple(`,3289930885111,,,\r\n,3289930885111,,,\r\nA1,3289930885111,,,`),
    [cell("E_DUP_PKID", productId, 2)],
  ],
  ["a product ID that Excel opened", tuple(",3.28993E+12,,,"), [cell("E_PKID_FORMAT", productId)]],
  ["signs that no serial number has", tuple("A*1,,,LENOVO,1"), [cell("E_SERIAL_CHARS", serial)]],
  ["no user principal name", csv(intune, row("PF1", ",,ada")), [cell("E_UPN_FORMAT", user)]],
  [
    "a user of a domain without a dot",
    csv(intune, row("PF1", ",,ada@contoso")),
    [cell("E_UPN_FORMAT", user)],
  ],
  [
    "a hash without padding",
    csv(intune, `PF1,,${hashOf("PF1", 1, 3_001).replace(/=+$/, "")},,`),
    [cell("E_HASH_PADDING", hash)],
  ],
  [
    "a hash with a sign too many",
    csv(intune, `PF1,,${long.slice(0, -1)}==,,`),
    [cell("E_HASH_PADDING", hash)],
  ],
  [
    "a hash for addresses",
    csv(intune, `PF1,,${long.slice(0, -4)}A-_A,,`),
    [cell("E_HASH_BASE64", hash)],
  ],
  [
    "a hash in two lines",
    csv(intune, `PF1,,${long.slice(0, 76)}`, `${long.slice(76)},,`),
    [cell("E_FIELD_COUNT", null), cell("E_FIELD_COUNT", null, 2)],
  ],
  [
    "a hash with a blank inside",
    csv(intune, `PF1,,${long.slice(0, 76)} ${long.slice(76)},,`),
    [cell("E_HASH_BASE64", hash)],
  ],
  ["padding inside", csv(intune, `PF1,,AA==${long},,`), [cell("E_HASH_BASE64", hash)]],
  [
    "a hash that is cut",
    csv(intune, `PF1,,${long.slice(0, 400)},,`),
    [cell("E_HASH_LENGTH", hash)],
  ],
  [
    "a hash of an old Windows",
    csv(intune, `PF1,,${hashOf("P", 1, 126)},,`),
    [cell("E_HASH_LENGTH", hash)],
  ],
  [
    "a hash of something else",
    csv(intune, `PF1,,${"QUJD".repeat(1_000)},,`),
    [cell("W_HASH_HEADER", hash)],
  ],
  [
    "a hash twice",
    csv(intune, row("PF1"), `,,${long},,`),
    [cell("E_SERIAL_MISSING", serial, 2), cell("E_DUP_HASH", hash, 2)],
  ],
  [
    "a serial number twice",
    csv(intune, row("PF1"), `PF1,,${of("PF1", 2)},,`),
    [cell("E_DUP_SERIAL", serial, 2)],
  ],
  [
    "a hash of another device",
    csv(intune, `PF2,,${long},,`),
    [cell("W_SERIAL_HASH_MISMATCH", serial)],
  ],
  [
    "lost zeros",
    csv(intune, `12345,,${of("00012345")},,`),
    [cell("W_SERIAL_HASH_MISMATCH", serial)],
  ],
  ["kept zeros", csv(intune, `00012345,,${of("00012345")},,`), []],
];

test.each(examples)("%s", (_title, bytes, expected) => {
  for (const pieceBytes of [7, 1_000_000]) {
    const { findings } = judged(bytes, pieceBytes);
    const found = findings.map(({ code, row: at, line, column }) =>
      JSON.stringify([code, at, line, column]),
    );
    expect(found.toSorted()).toEqual(expected.map((each) => JSON.stringify(each)).toSorted());
  }
});

test.each(["1.65E+11", "0.00E+00", "1E+5", "1.65208E+11", "1E+11", "1.2e+15", "5.00E-02"])(
  "%s is what Excel made of a serial number",
  (text) => {
    const { findings } = judged(tuple(`${text},,,LENOVO,1`));
    expect(findings.map(({ code, repairable }) => [code, repairable])).toEqual([
      ["E_SERIAL_SCIENTIFIC", false],
    ]);
  },
);

test.each([
  "5E10000",
  "1E-22",
  "0E1",
  "12E5",
  "E11",
  "0165-2077-1357-01",
  "VMware-56 4d 0f",
  "00000001",
])("%s is a serial number, and no damage", (text) => {
  expect(judged(tuple(`${text},,,LENOVO,1`)).findings).toEqual([]);
});

test.each([
  ["Manufacturer,Model,Serial Number", [1]],
  ["Make,Model Name,Serial", [1]],
  ["SerialNumber,Manufacturer,Model", [0, "E_HEADER_ORDER 1"]],
])(
  "corporate identifiers under %s are not taken for others, where they are what is wanted",
  (header, expected) => {
    const judge = new ListJudge(undefined, true, [], true);
    judge.write(Buffer.from(csv(header, "LENOVO,20XW,PF1")));
    const { findings, acceptedRows } = judge.end();
    expect([acceptedRows, ...findings.map(({ code, line }) => `${code} ${line}`)]).toEqual(
      expected,
    );
  },
);

test.each([
  "To Be Filled By O.E.M.",
  "Default string",
  "System Serial Number",
  "0000000",
  "XXXXXXXX",
  "123456789",
  "N/A",
])("%s is a filler", (text) => {
  const { findings } = judged(tuple(`${text},,,LENOVO,1`));
  expect(findings.map(({ code }) => code)).toEqual(["W_SERIAL_PLACEHOLDER"]);
});

test.each([
  ["Microsoft365Managed_SensitiveData", undefined],
  ["Microsoft365Managed_SensitiveData-Shared", undefined],
  ["Microsoft365Managed_PowerUser", undefined],
  ["Microsoft365Managed_PowerUser-Shared", "E_TAG_UNSUPPORTED"],
  ["microsoft365managed_poweruser-shared", "E_TAG_UNSUPPORTED"],
  ["Microsoft365Managed_Standard", undefined],
  ["Microsoft365Managed_Standard-Shared", undefined],
  ["Microsoft365Managed_Standard-shared", "E_TAG_CASE"],
  ["MICROSOFT365MANAGED_KIOSK", "E_TAG_CASE"],
  ["Microsoft365Managed_Kiosk", undefined],
  ["Microsoft365Managed_Kiosk-Shared", "W_TAG_CONTESTED"],
  ["microsoft365Managed_Kiosk-Shared", "E_TAG_CASE"],
  ["Microsoft365Managed_Standard_Shared", "E_TAG_UNSUPPORTED"],
  ["Sales-EMEA", undefined],
  ["x".repeat(65), "W_TAG_LENGTH"],
  ["x".repeat(513), "E_TAG_LENGTH"],
])("the tag %s is judged as %s", (text, code) => {
  const { findings } = judged(tagged(text));
  expect(findings.map((each) => each.code)).toEqual(code === undefined ? [] : [code]);
  const named = findings.filter((each) => each.code === "E_TAG_CASE");
  for (const { reason } of named) expect(reason).toMatch(/from Microsoft365Managed_\w+/);
});

test("five hundred devices are a file, one more is too many, and rows are judged all the same", () => {
  const rows = Array.from({ length: 501 }, (_, at) => `,${3_300_000_000_000 + at},,,`);
  expect(judged(csv(partner, ...rows.slice(1)))).toMatchObject({ valid: true, rows: 500 });
  const { findings, acceptedRows } = judged(csv(partner, ...rows, ",1,,,"));
  expect(findings.map(({ code, row: at }) => [code, at])).toEqual([
    ["E_ROW_LIMIT", null],
    ["E_PKID_FORMAT", 502],
  ]);
  expect(acceptedRows).toBe(0);
});

test("a thousand findings are named and all are counted, and what refuses the file is among them", () => {
  const bytes = Buffer.from(`\ufeff${csv(partner, ...Array<string>(5_000).fill(",1,,,"))}`);
  const { findings, errors } = judged(bytes);
  expect(errors).toBe(5_002);
  expect(findings.length).toBeLessThan(1_010);
  expect(findings.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["E_ENC_UTF8_BOM", "E_ROW_LIMIT"]),
  );
});

test("findings say what the service would have said and how they are repaired", () => {
  const [finding] = judged(csv(intune, `PF1,,${hashOf("PF1", 1, 3_001).slice(0, -1)},,`)).findings;
  expect(finding).toMatchObject({
    serviceError: expect.stringContaining("Edm.Binary"),
    repairable: true,
    repairBy: "padding",
  });
});

test("devices of JSON are judged by the same rules, by the names that they have there", () => {
  const devices = [
    { serial: "1.65E+11", hash: long, tag: "MICROSOFT365MANAGED_KIOSK" },
    { serial: "A1", manufacturer: "LENOVO" },
  ];
  const { findings, acceptedRows } = judgeDevices(devices, deviceNames).verdict;
  expect(findings.map(({ code, row: at, line, column }) => [code, at, line, column])).toEqual([
    ["E_SERIAL_SCIENTIFIC", 1, null, "serialNumber"],
    ["E_TAG_CASE", 1, null, "groupTag"],
    ["E_IDENTITY_INCOMPLETE", 2, null, null],
  ]);
  expect(acceptedRows).toBe(0);
});
