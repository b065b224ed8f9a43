/**
 * Layouts of device lists, by their header line; and the files of other kinds that people take for one, which are named for
 * what they are instead of being told that their header is wrong.
 */
import type { FindingCode, Note } from "./codes.ts";

/** Columns by their exact names: the service compares them letter by letter. */
export const columns = {
  serial: "Device Serial Number",
  productId: "Windows Product ID",
  hash: "Hardware Hash",
  tag: "Group Tag",
  user: "Assigned User",
  manufacturer: "Manufacturer name",
  model: "Device model",
} as const;
export type ColumnKey = keyof typeof columns;
const keys = Object.keys(columns) as ColumnKey[];

/** How many columns of Intune's a file has, or Partner Center's five. */
export type LayoutName = (typeof layoutNames)[number];
export const layoutNames = [
  "intune3",
  "intune4",
  "intune5",
  "partner5",
  "corporate3",
  "unknown",
] as const;

/** What a file's lines are read by. */
export type Layout = {
  readonly name: LayoutName;
  readonly target: "intune" | "partnerCenter";
  readonly delimiter: string;
  /** Where a known column stands; undefined: what is no column of the layout. */
  readonly places: readonly (ColumnKey | undefined)[];
  /** Columns with a name, and all of them: trailing commas make some without. */
  readonly named: number;
  readonly width: number;
};

const foldedKeys = new Map(keys.map((key) => [columns[key].toLowerCase(), key] as const));
const intune: readonly ColumnKey[] = ["serial", "productId", "hash", "tag", "user"];
const partner: readonly ColumnKey[] = ["serial", "productId", "hash", "manufacturer", "model"];
/** An earlier template of Partner Center's. */
const oldNames = ["Device serial number", "Windows product ID", "Hardware hash"];
/** What scripts of 2018 and 2019 called the tag. */
const oldTags = new Set(["orderid", "order id"]);

const keyOf = (cell: string): ColumnKey | undefined =>
  foldedKeys.get(cell.trim().replaceAll(/\s+/g, " ").toLowerCase());

/** A line's values without quotation marks, which are no part of the format. */
export function cellsOf(text: string, delimiter: string): string[] {
  const cells: string[] = [];
  if (!text.includes('"')) {
    // `split` takes twice as long, and is what judging a list took longest for.
    let from = 0;
    for (let at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, from)) {
      cells.push(text.slice(from, at));
      from = at + 1;
    }
    cells.push(text.slice(from));
    return cells;
  }
  // As whoever wrote the marks meant it: what they enclose is one value.
  let cell = "";
  let inside = false;
  for (const sign of text) {
    if (sign === '"') inside = !inside;
    else if (sign === delimiter && !inside) {
      cells.push(cell);
      cell = "";
    } else cell += sign;
  }
  return [...cells, cell];
}

/** Where a cell of a line begins and ends, with the marks around it. */
export function spanOf(
  text: string,
  delimiter: string,
  place: number,
): readonly [from: number, to: number] {
  let [from, at, inside] = [0, 0, false];
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '"') inside = !inside;
    if (text[index] !== delimiter || inside) continue;
    if (at === place) return [from, index];
    [from, at] = [index + 1, at + 1];
  }
  return [from, text.length];
}

const delimiters = [",", ";", "\t", "|"];

/** The separator with which a line is a header; undefined where it is none. */
export const headerDelimiter = (text: string): string | undefined =>
  delimiters.find((each) => cellsOf(text, each).filter((cell) => keyOf(cell)).length > 1);

const shown = (name: string): string => name.replaceAll(/[\p{C}]/gu, "?").slice(0, 60);

/** The columns that a file should have, by those that it has. */
function expectedOf(found: readonly (ColumnKey | undefined)[]): readonly ColumnKey[] {
  if (found.includes("manufacturer") || found.includes("model")) return partner;
  if (found.includes("user")) return intune;
  return intune.slice(0, found.includes("tag") ? 4 : 3);
}

/** Most columns that are named one by one. */
const maxNamed = 20;

/** Reads a header line, and notes what is wrong with it. */
export function layoutOf(text: string, delimiter: string, line: number, note: Note): Layout {
  const cells = cellsOf(text, delimiter);
  const width = cells.length;
  while (cells.length > 1 && cells.at(-1)?.trim() === "") cells.pop();
  const found = cells.map(keyOf);
  const expected = expectedOf(found);
  const isPartner = expected === partner;
  const places = found.map((key, at) =>
    key !== undefined && expected.includes(key) && found.indexOf(key) === at ? key : undefined,
  );
  const known = places.filter((key) => key !== undefined);
  const at = (column: string | null) => ({ row: null, line, column });
  for (const key of expected.filter((each) => !known.includes(each)))
    note("E_HEADER_MISSING", at(columns[key]), `The column "${columns[key]}" is missing.`);
  noteExtra(cells, places, width, at, note);
  if (known.some((key, index) => expected.indexOf(key) < expected.indexOf(known[index - 1] ?? key)))
    note("E_HEADER_ORDER", at(null), `The columns must come in this order: ${namesOf(expected)}.`);
  noteCase(cells, places, isPartner, at, note);
  const isExact = known.length === expected.length && places.length === known.length;
  const target = isPartner ? "partnerCenter" : "intune";
  const name = isPartner ? "partner5" : (`intune${expected.length}` as LayoutName);
  return {
    name: isExact && width === cells.length ? name : "unknown",
    target,
    delimiter,
    places,
    named: cells.length,
    width,
  };
}

type At = (column: string | null) => { row: null; line: number; column: string | null };

const namesOf = (listed: readonly ColumnKey[]): string =>
  listed.map((key) => columns[key]).join(", ");

function noteExtra(
  cells: readonly string[],
  places: Layout["places"],
  width: number,
  at: At,
  note: Note,
): void {
  const extra = [...cells.entries()].filter(([index]) => places[index] === undefined);
  for (const [index, cell] of extra.slice(0, maxNamed)) {
    const name = shown(cell.trim());
    const why = oldTags.has(name.toLowerCase())
      ? "is what older scripts called Group Tag"
      : "is not part of the format";
    note("E_HEADER_EXTRA_COLUMN", at(name), `Column ${index + 1} "${name}" ${why}.`);
  }
  if (extra.length > maxNamed)
    note("E_HEADER_EXTRA_COLUMN", at(null), `${extra.length} columns are not part of the format.`);
  if (width > cells.length)
    note("E_HEADER_EXTRA_COLUMN", at(null), "Commas at the end make columns without a name.", {
      repair: "Drop the commas at the end of the lines.",
      by: "trailingCommas",
    });
}

function noteCase(
  cells: readonly string[],
  places: Layout["places"],
  isPartner: boolean,
  at: At,
  note: Note,
): void {
  const wrong = places.flatMap((key, index) =>
    key === undefined || cells[index] === columns[key] ? [] : [cells[index] ?? ""],
  );
  if (wrong.length === 0) return;
  if (isPartner && wrong.join() === oldNames.join())
    return note("W_HEADER_OLD_CASING", at(null), "The names are those of an earlier template.");
  const names = wrong.map(shown).join(", ");
  note(
    "E_HEADER_CASE",
    at(null),
    `Names are compared exactly, these differ in case or spaces: ${names}.`,
  );
}

/** The header line with exact names, whatever else stands in it. */
export const exactHeader = (text: string, { delimiter, places }: Layout): string =>
  text
    .split(delimiter)
    .map((cell, at) => {
      const key = places[at];
      return key === undefined ? cell : cell.replace(cell.replaceAll('"', ""), columns[key]);
    })
    .join(delimiter);

// Files without a header, and files of other kinds.

const maxIdentifierChars = 128;
/** Longer values are hashes. */
const hashChars = 100;

/** The layout of lines without a header, if they look like devices. */
export function layoutWithoutHeader(cells: readonly string[]): Layout | undefined {
  const [, productId = "", hash = "", fourth = "", fifth = ""] = cells;
  const { length } = cells;
  const isTuple = length === 5 && hash === "" && fourth !== "" && fifth !== "";
  const isDevice = hash.length > hashChars || /^\d{13}$/.test(productId) || isTuple;
  if (!isDevice || length < 3 || length > 5) return undefined;
  const target = isTuple ? "partnerCenter" : "intune";
  const places = (isTuple ? partner : intune).slice(0, length);
  return { name: "unknown", target, delimiter: ",", places, named: length, width: length };
}

/** Corporate device identifiers, with a header or without, where they are what is wanted. */
export const corporateLayout: Layout = {
  name: "corporate3",
  target: "partnerCenter",
  delimiter: ",",
  places: ["manufacturer", "model", "serial"],
  named: 3,
  width: 3,
};

export type OtherKind = {
  readonly code: FindingCode;
  readonly reason: string;
  /** Its columns stand in another order than its own. */
  readonly reordered?: boolean;
};

const corporate: OtherKind = {
  code: "E_FORMAT_CORPORATE_IDENTIFIER",
  reason:
    "This is a list of corporate device identifiers (manufacturer, model, serial number), for Autopilot device preparation. It registers nothing: hand it in with backEnd=corporateIdentifiers, or import it in Intune under Enrollment, Corporate device identifiers.",
};
const report: OtherKind = {
  code: "E_HEADER_PREAMBLE",
  reason:
    "This is Configuration Manager's report about Autopilot devices, exported: lines stand before the header, and each row repeats the column names as its first three values. Keep only the values behind them, under a header of their own.",
};
const endpointAnalytics: OtherKind = {
  code: "E_FORMAT_ENDPOINT_ANALYTICS",
  reason:
    "This is an export of Endpoint analytics. It has no hardware hashes: nothing can be registered from it.",
};
const deviceExport: OtherKind = {
  code: "E_FORMAT_DEVICE_EXPORT",
  reason:
    "This is an export of devices that are registered or enrolled already. It has no hardware hashes: nothing can be registered from it.",
};

/** Headers of other kinds, by their names without case and spaces. */
const otherHeaders: readonly (readonly [names: string, OtherKind])[] = [
  [
    "serialnumber,manufacturer,model,data",
    {
      code: "E_FORMAT_DEVICELINK",
      reason:
        "This is a device link file (*.devicelink.csv), for Windows Autopilot device association. It registers nothing into Autopilot: import it in Intune under Device association.",
    },
  ],
  [
    "manufacturer,model,serialnumber,hardwarehash",
    {
      code: "E_FORMAT_MMD_SELFSERVICE",
      reason:
        "This is a list for Microsoft Managed Desktop's own portal, which is retired. Its hashes can be registered: move serial number and hash under Intune's header.",
    },
  ],
  ["manufacturer,model,serial", corporate],
];
/** What else lists of corporate identifiers call their columns. */
const otherNames = new Map([
  ["make", "manufacturer"],
  ["manufacturername", "manufacturer"],
  ["devicemanufacturer", "manufacturer"],
  ["modelname", "model"],
  ["devicemodel", "model"],
  ["serialnumber", "serial"],
  ["deviceserialnumber", "serial"],
]);
/** Column names that one kind of export has and no device list. */
const tellingNames = new Map<string, OtherKind>([
  ...[
    "autopilotregistered",
    "autopilotprofileassigned",
    "workfromanywherescore",
    "cloudidentityscore",
    "cloudmanagementscore",
    "cloudprovisioningscore",
    "endpointanalyticsscore",
    "startupperformancescore",
    "devicehealthscore",
    "healthscore",
    "healthstatus",
    "startupscore",
    "bootscore",
    "coreboottime",
    "coresignintime",
    "appreliabilityscore",
    "batteryhealthscore",
  ].map((name) => [name, endpointAnalytics] as const),
  ...["profilestatus", "enrollmentstate", "intuneregistered", "deviceid", "devicename"].map(
    (name) => [name, deviceExport] as const,
  ),
]);

const folded = (cell: string): string => cell.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** Whether a row is one of Configuration Manager's report: it repeats the column names before its values. */
export function reportIn(text: string): OtherKind | undefined {
  const cells = splitCells(text);
  const repeats = [columns.serial, columns.productId, columns.hash].every(
    (name, at) => folded(cells[at] ?? "") === folded(name),
  );
  return repeats && cells.slice(3).some(({ length }) => length > hashChars) ? report : undefined;
}

/** A line's values, by whatever separates them. */
export const splitCells = (text: string): string[] =>
  cellsOf(text, [",", ";", "\t"].find((each) => text.includes(each)) ?? ",");
const sorted = (names: readonly string[]): string => names.toSorted().join();

/** What a line shows a file to be, if not a device list. */
export function otherKindOf(text: string): OtherKind | undefined {
  const isReport = reportIn(text);
  if (isReport !== undefined) return isReport;
  const names = splitCells(text).map(folded);
  while (names.at(-1) === "") names.pop();
  const isList = headerDelimiter(text) !== undefined;
  for (const [header, kind] of otherHeaders) {
    const isMapped = kind === corporate && !isList;
    const own = isMapped ? names.map((name) => otherNames.get(name) ?? name) : names;
    if (sorted(own) === sorted(header.split(",")))
      return { ...kind, reordered: own.join() !== header };
  }
  if (isList) return undefined;
  const telling = names.map((name) => tellingNames.get(name)).filter((kind) => kind !== undefined);
  return telling.find((kind) => kind === endpointAnalytics) ?? telling[0];
}

/** What lines without a header are, if not devices: three short values each name a model that a company owns. */
export const otherKindOfLines = (lines: readonly (readonly string[])[]): OtherKind | undefined =>
  lines.length > 0 &&
  lines.every(
    (cells) =>
      cells.length === 3 &&
      cells.every((cell) => cell.trim() !== "" && cell.length <= maxIdentifierChars),
  )
    ? corporate
    : undefined;
