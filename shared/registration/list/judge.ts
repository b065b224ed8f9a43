/**
 * Judges a list of devices before anything of it leaves: in one pass over its bytes, with the memory of a line and of
 * what tells devices apart. First the file is recognised for what it is, then its header is read, then each device is
 * judged. Nothing is repaired unless it is asked for by name, and then only in a copy.
 */
import { createHash } from "node:crypto";
import { type Finding, type FindingCode, findingOf, type Note } from "./codes.ts";
import { padded } from "./hardware-hash.ts";
import {
  type ColumnKey,
  cellsOf,
  corporateLayout,
  exactHeader,
  headerDelimiter,
  type Layout,
  type LayoutName,
  layoutOf,
  layoutWithoutHeader,
  type OtherKind,
  otherKindOf,
  otherKindOfLines,
  reportIn,
  spanOf,
  splitCells,
} from "./layouts.ts";
import { type Encoding, type Line, LineReader, maxLineChars } from "./lines.ts";
import type { Repaired, Repairing } from "./repair.ts";
import { type Hardware, type Names, type Row, RowJudge, valuesOf } from "./rows.ts";

/** Most devices in one file. */
const maxRows = 500;
/** Findings that are named one by one; the rest is counted. */
const maxFindings = 1_000;
/** Lines that are looked at: more are no list for one file, and what tells devices apart is kept of each. */
const maxLines = 100_000;
/** Lines in which a header is looked for. */
const maxHuntedLines = 10;

/** What was found of a list. */
export type Verdict = {
  readonly layout: LayoutName;
  /** Whether nothing is wrong that refuses a row or the file. */
  readonly valid: boolean;
  /** Whether something refuses the file as a whole: then no row of it is accepted. */
  readonly fileRejected: boolean;
  readonly rows: number;
  readonly acceptedRows: number;
  readonly errors: number;
  readonly warnings: number;
  /** The first thousand, in the order of the lines. */
  readonly findings: readonly Finding[];
};

/** Why a row is not taken. */
export type Refusal = { readonly code: string; readonly reason: string };

/** A device of a list that is to be done something with: `refused` is not. */
export type ListedDevice = {
  readonly row: number;
  readonly hardware: Hardware;
  readonly refused?: Refusal;
};

/** Most devices that are kept of a list: more than any one request may bring. */
const maxKept = 5_000;

/** Gathers findings, and counts those that it does not keep. */
class Findings {
  readonly #kept: Finding[] = [];
  #errors = 0;
  #warnings = 0;
  #refusedRows = 0;
  #lastRefused = 0;
  #fileRejected = false;
  /** What refuses a row, the first of it. */
  readonly refused = new Map<number, Refusal>();

  readonly note: Note = (code, place, reason, own) => {
    const isError = code.startsWith("E_");
    if (isError) this.#errors += 1;
    else this.#warnings += 1;
    const isOfFile = isError && place.row === null;
    this.#fileRejected ||= isOfFile;
    if (isError && place.row !== null && place.row !== this.#lastRefused) {
      this.#lastRefused = place.row;
      this.#refusedRows += 1;
      if (this.refused.size < maxKept) this.refused.set(place.row, { code, reason });
    }
    // What refuses the whole file is never the one that is left out: there is little of it.
    if (isOfFile || this.#kept.length < maxFindings)
      this.#kept.push(findingOf(code, place, reason, own));
  };

  /** Drops what was said of a file that turns out to be of another kind. */
  drop(): void {
    this.#kept.length = 0;
    this.#errors = 0;
    this.#warnings = 0;
  }

  verdict(layout: LayoutName, rows: number): Verdict {
    return {
      layout,
      valid: this.#errors === 0,
      fileRejected: this.#fileRejected,
      rows,
      acceptedRows: this.#fileRejected ? 0 : rows - this.#refusedRows,
      errors: this.#errors,
      warnings: this.#warnings,
      findings: this.#kept.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0)),
    };
  }
}

/** What a file is besides its devices. */
export type FileVerdict = Verdict & {
  readonly encoding: Encoding;
  readonly bytes: number;
  readonly sha256: string;
};

const dropCommas = { repair: "Drop the commas at the end.", by: "trailingCommas" } as const;

/** Takes a file piece by piece, and tells at its end what is wrong with it. */
export class ListJudge {
  readonly #repairing: Repairing | undefined;
  readonly #findings = new Findings();
  readonly #rowJudge: RowJudge;
  readonly #digest = createHash("sha256");
  readonly #reader = new LineReader((line) => {
    this.#takeLine(line);
  });
  readonly #told = new Set<FindingCode>();
  #bytes = 0;
  #rows = 0;
  #layout: Layout | undefined;
  /** Lines before the header; undefined once it is found, or known not to come. */
  #hunted: Line[] | undefined = [];
  #isOther = false;
  readonly #devices: ListedDevice[] | undefined;
  readonly #isCorporate: boolean;

  /**
   * `keep` says that the devices are wanted too; `ownTags` are group tags of whoever's list it is; `isCorporate`, that a list
   * of corporate device identifiers is what is wanted.
   */
  constructor(
    repairing?: Repairing,
    keep = false,
    ownTags: readonly string[] = [],
    isCorporate = false,
  ) {
    this.#repairing = repairing;
    this.#isCorporate = isCorporate;
    this.#rowJudge = new RowJudge(this.#findings.note, undefined, ownTags);
    this.#devices = keep ? [] : undefined;
  }

  /** The devices of the list, where they were to be kept. */
  devices(): readonly ListedDevice[] {
    return withRefusals(this.#devices ?? [], this.#findings.refused);
  }

  /** Takes the next bytes. */
  write(piece: Uint8Array): void {
    this.#bytes += piece.byteLength;
    this.#digest.update(piece);
    this.#reader.write(piece);
  }

  /** Ends the file. */
  end(): FileVerdict {
    this.#reader.end();
    if (this.#hunted !== undefined) this.#endHunt();
    const { encoding, endsWithCr } = this.#reader;
    if (!this.#isOther) {
      this.#noteEncoding(encoding, endsWithCr === true);
      if (this.#rows === 0) this.#noteAt("E_NO_ROWS", null, "The file has no device.");
      const most = this.#layout === corporateLayout ? maxKept : maxRows;
      if (this.#layout !== undefined && this.#rows > most) {
        const reason = `The file has ${this.#rows} devices; ${most} are allowed in one.`;
        this.#noteAt("E_ROW_LIMIT", null, reason);
      }
    }
    const rows = this.#isOther ? 0 : this.#rows;
    const verdict = this.#findings.verdict(this.#layout?.name ?? "unknown", rows);
    return { ...verdict, encoding, bytes: this.#bytes, sha256: this.#digest.digest("hex") };
  }

  /** The repaired file, where a device list was asked to be repaired. */
  repaired(): Repaired | undefined {
    return this.#isOther ? undefined : this.#repairing?.file();
  }

  #noteAt(code: FindingCode, line: number | null, reason: string): void {
    this.#findings.note(code, { row: null, line, column: null }, reason);
  }

  #keep(line: Line, text = line.text): void {
    this.#repairing?.add(line, text, this.#reader.encoding);
  }

  #noteEncoding(encoding: Encoding, endsWithCr: boolean): void {
    if (encoding === "utf-8-bom")
      this.#noteAt("E_ENC_UTF8_BOM", 1, "Only ANSI is taken; the file begins with a UTF-8 mark.");
    if (encoding.startsWith("utf-16"))
      this.#noteAt("E_ENC_UTF16", 1, "Only ANSI is taken; this is UTF-16, as Out-File writes it.");
    if (endsWithCr) this.#noteAt("E_EOL_CR", 1, "Lines end with CR alone.");
  }

  /** Notes what is wrong with the file where it shows first. */
  #noteLine({ number, text, above, dosEnd }: Line): void {
    const { encoding } = this.#reader;
    if (above === "utf8" && (encoding === "utf-8" || encoding === "ansi"))
      this.#once("E_ENC_UTF8", number, "Only ANSI is taken; the file has characters in UTF-8.");
    if (text.includes('"'))
      this.#once("E_QUOTES", number, "Quotation marks are not allowed anywhere in the file.");
    if (dosEnd) this.#noteAt("W_DOS_EOF", number, "The file ends with the byte 1A, as in DOS.");
  }

  #once(code: FindingCode, line: number, reason: string): void {
    if (!this.#told.has(code)) this.#noteAt(code, line, reason);
    this.#told.add(code);
  }

  #takeLine(line: Line): void {
    if (this.#isOther) return;
    if (line.number > maxLines) return this.#stop(line);
    if (this.#hunted === undefined) this.#takeRow(line);
    else this.#hunt(line, this.#hunted);
  }

  #stop({ number }: Line): void {
    this.#reader.stop();
    const reason = `No more than ${maxLines} lines are looked at, and the file goes on.`;
    this.#noteAt("E_LINE_LIMIT", number, reason);
    this.#repairing?.lose(`it has more than ${maxLines} lines`);
  }

  // First: what is it?

  #hunt(line: Line, before: Line[]): void {
    const kind = otherKindOf(line.text);
    if (kind !== undefined && !this.#isWanted(kind)) return this.#recognise(kind);
    if (kind !== undefined) return this.#skipHeader(line, before, kind);
    const delimiter = headerDelimiter(line.text);
    if (delimiter !== undefined) return this.#readHeader(line, delimiter, before);
    before.push(line);
    if (before.length === maxHuntedLines || line.tooLong) this.#endHunt();
  }

  /** Whether a file of another kind is just what was asked for. */
  #isWanted({ code }: OtherKind): boolean {
    if (!this.#isCorporate || code !== "E_FORMAT_CORPORATE_IDENTIFIER") return false;
    this.#layout = corporateLayout;
    return true;
  }

  #skipHeader(line: Line, before: readonly Line[], { reordered }: OtherKind): void {
    this.#hunted = undefined;
    if (reordered) this.#noteAt("E_HEADER_ORDER", line.number, corporateOrder);
    for (const each of before) this.#skipBlank(each);
    this.#noteLine(line);
    this.#keep(line);
  }

  #recognise({ code, reason }: OtherKind): void {
    this.#hunted = undefined;
    this.#isOther = true;
    this.#reader.stop();
    this.#findings.drop();
    this.#noteAt(code, 1, reason);
  }

  #readHeader(line: Line, delimiter: string, before: readonly Line[]): void {
    this.#hunted = undefined;
    if (before.some(({ text }) => text.trim() !== ""))
      this.#noteAt("E_HEADER_PREAMBLE", 1, "Lines stand before the header line.");
    for (const each of before) {
      if (each.text.trim() === "") this.#skipBlank(each);
      else this.#keep(each);
    }
    this.#noteLine(line);
    const separated = `Values are separated by ${JSON.stringify(delimiter)}, not by commas.`;
    if (delimiter !== ",") this.#noteAt("E_DELIMITER", line.number, separated);
    const layout = layoutOf(line.text, delimiter, line.number, this.#findings.note);
    this.#layout = layout;
    if (this.#repairing !== undefined)
      this.#keep(line, repairHeader(line, layout, this.#repairing));
  }

  /** No header came: the lines are devices all the same, or something else. */
  #endHunt(): void {
    const lines = this.#hunted ?? [];
    this.#hunted = undefined;
    const filled = lines.filter(({ text, tooLong }) => tooLong || text.trim() !== "");
    const kind = otherKindOfLines(filled.map(({ text }) => splitCells(text)));
    if (kind !== undefined && !this.#isWanted(kind)) return this.#recognise(kind);
    const [first] = filled;
    if (first !== undefined && kind === undefined) {
      const reason = "No line has the column names of a device list.";
      this.#noteAt("E_HEADER_MISSING", first.number, reason);
      this.#layout = layoutWithoutHeader(cellsOf(first.text, ","));
    }
    for (const line of lines) this.#takeRow(line);
  }

  // Then: its devices.

  #skipBlank(line: Line): void {
    // Where nothing but the DOS end stands, nothing is blank.
    if (line.text !== "" || !line.dosEnd)
      this.#noteAt("W_BLANK_LINE", line.number, "The line is blank.");
    this.#noteLine(line);
    this.#keep(line);
  }

  #takeRow(line: Line): void {
    if (!line.tooLong && line.text.trim() === "") return this.#skipBlank(line);
    // Its own header is hard to tell from ours, its rows are not.
    const kind = this.#rows === 0 ? reportIn(line.text) : undefined;
    if (kind !== undefined) return this.#recognise(kind);
    this.#rows += 1;
    if (line.tooLong) return this.#refuseLong(line);
    this.#noteLine(line);
    const layout = this.#layout;
    if (layout === undefined) return this.#keep(line);
    const cells = cellsOf(line.text, layout.delimiter);
    const { target, places } = layout;
    const { number, above } = line;
    const row: Row = { row: this.#rows, line: number, cells, places, target, above };
    if (cells.length === layout.named || fits(row, layout, this.#findings.note))
      this.#rowJudge.judge(row);
    if (this.#devices !== undefined && this.#devices.length < maxKept)
      this.#devices.push({ row: this.#rows, hardware: valuesOf(row) });
    if (this.#repairing !== undefined)
      this.#keep(line, repairRow(line, cells, layout, this.#repairing));
  }

  #refuseLong({ number }: Line): void {
    const reason = `The line has more than ${maxLineChars} characters.`;
    this.#findings.note("E_LINE_LENGTH", { row: this.#rows, line: number, column: null }, reason);
    this.#devices?.push({ row: this.#rows, hardware: {} });
    this.#repairing?.lose(`line ${number} is too long`);
  }
}

const corporateOrder = "The columns must come in this order: Manufacturer, Model, Serial Number.";

/** Whether a row can be judged; notes where it has another number of values than there are columns. */
function fits({ row, line, cells }: Row, { named, width }: Layout, note: Note): boolean {
  if (cells.length === width) return true;
  const onlyCommas = cells.length > named && cells.slice(named).every((cell) => cell === "");
  const reason = `The row has ${cells.length} values for ${named} columns.`;
  note("E_FIELD_COUNT", { row, line, column: null }, reason, onlyCommas ? dropCommas : undefined);
  return onlyCommas;
}

// The copy that is repaired.

function repairHeader(line: Line, layout: Layout, repairing: Repairing): string {
  const text = withoutCommas(line, layout, repairing);
  if (!repairing.asked.has("headerCase")) return text;
  const exact = exactHeader(text, layout);
  if (exact !== text) repairing.changed("headerCase", line.number);
  return exact;
}

function repairRow(
  line: Line,
  cells: readonly string[],
  layout: Layout,
  repairing: Repairing,
): string {
  const text = withoutCommas(line, layout, repairing);
  if (!repairing.asked.has("padding")) return text;
  const place = layout.places.indexOf("hash");
  const hash = cells[place]?.trim() ?? "";
  const better = padded(hash) ?? hash;
  if (better === hash) return text;
  repairing.changed("padding", line.number);
  // In its own column: a serial number may have the same letters.
  const [from, to] = spanOf(text, layout.delimiter, place);
  const cell = text.slice(from, to);
  const mended = cell.includes(hash) ? cell.replace(hash, better) : better;
  return text.slice(0, from) + mended + text.slice(to);
}

/** A line without the separators behind its last column. */
function withoutCommas(
  { text, number }: Line,
  { named, delimiter }: Layout,
  repairing: Repairing,
): string {
  if (!repairing.asked.has("trailingCommas") || !text.endsWith(delimiter)) return text;
  let shorter = text;
  for (let extra = cellsOf(text, delimiter).length - named; extra > 0; extra -= 1)
    if (shorter.endsWith(delimiter)) shorter = shorter.slice(0, -1);
  if (shorter !== text) repairing.changed("trailingCommas", number);
  return shorter;
}

// Devices that do not come as a file.

const withRefusals = (
  devices: readonly ListedDevice[],
  refusals: ReadonlyMap<number, Refusal>,
): ListedDevice[] =>
  devices.map((device) => {
    const refused = refusals.get(device.row);
    return refused === undefined ? device : { ...device, refused };
  });

/** Judges devices by the names that their values have in JSON; answers them too. */
export function judgeDevices(
  devices: readonly Hardware[],
  names: Names,
  ownTags: readonly string[] = [],
): { readonly verdict: Verdict; readonly devices: readonly ListedDevice[] } {
  const findings = new Findings();
  const rows = new RowJudge(findings.note, names, ownTags);
  const places = Object.keys(names) as ColumnKey[];
  // Whoever writes JSON has no template: what a partner may know a device by does so here.
  const listed = devices.map((device, at): ListedDevice => {
    const cells = places.map((key) => device[key] ?? "");
    const row = at + 1;
    rows.judge({ row, line: null, cells, places, target: "partnerCenter", above: "none" });
    return { row, hardware: valuesOf({ cells, places }) };
  });
  const verdict = findings.verdict("unknown", devices.length);
  return { verdict, devices: withRefusals(listed, findings.refused) };
}
