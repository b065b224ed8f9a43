/** One device of a list: what is wrong with each of its values, and with all of them together. */
import type { FindingCode, Note } from "./codes.ts";
import { faultOfTag } from "./group-tags.ts";
import { bytesIn, fewestBytes, mostBytes, padded, printOf, structureOf } from "./hardware-hash.ts";
import { type ColumnKey, columns } from "./layouts.ts";

/** Where a device stands in what was sent. */
type RowPlace = { readonly row: number; readonly line: number | null };

/** A device: its values, and which column each is of. */
export type Row = RowPlace & {
  readonly cells: readonly string[];
  readonly places: readonly (ColumnKey | undefined)[];
  readonly target: "intune" | "partnerCenter";
  /** How its characters above 127 are written. */
  readonly above: "none" | "utf8" | "ansi";
};

/** Neither printable ASCII nor what comes behind the control characters of Latin-1. */
const control = /[^ -~\u00a0-\uffff]/;
const edges = /^[ \t\u00a0]+|[ \t\u00a0]+$/g;
/** Letters, digits, and the signs and spaces that makers of devices and of virtual machines use. */
const serialSigns = /^[A-Za-z0-9 ._\-/#:()]{1,128}$/;
const nine = 57;
/** A number as Excel shows it once it has taken a serial number for one: `1.65E+11`, in French `1,65E+11`. `5E10000` is none. */
const scientific = /^\d(?:[.,]\d+)?e\+\d{1,3}$|^\d[.,]\d+e-\d{2,3}$/i;
/** A product ID. */
const digits = /^\d{13}$/;
const placeholder =
  /^(?:to be filled by o\.?e\.?m\.?|system serial number|chassis serial number|base board serial number|serial ?number|default string|not (?:specified|applicable|available)|none|null|n\/?a|unknown|invalid|empty|oem|tbd|(.)\1{3,}|0+|0?123456789(?:0)?)$/i;
const user = /^[A-Za-z0-9.'_!#^~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}$/;

/** The values of a device, without the spaces around them; what is empty is left out. */
export function valuesOf({ cells, places }: Pick<Row, "cells" | "places">): Hardware {
  const values: Partial<Record<ColumnKey, string>> = {};
  for (const [index, key] of places.entries()) {
    const value = (cells[index] ?? "").replaceAll(edges, "");
    if (key !== undefined && value !== "") values[key] = value;
  }
  return values;
}

/** What a device is known by, and what is wanted of it. */
export type Hardware = Readonly<Partial<Record<ColumnKey, string>>>;

/** A bit for each column: most rows are right, and a set for each would be most of the work. */
const bits: Readonly<Record<ColumnKey, number>> = {
  serial: 1,
  productId: 2,
  hash: 4,
  tag: 8,
  user: 16,
  manufacturer: 32,
  model: 64,
};
const tuple = bits.serial | bits.manufacturer | bits.model;

/** What the values are called where they came from. */
export type Names = Readonly<Record<ColumnKey, string>>;

/** Values of one column with the rows that had them first. Most come once: until one does not, a look-up for each is enough. */
class Seen {
  readonly #values = new Set<string>();
  readonly #rows: number[] = [];
  #rowOf: Map<string, number> | undefined;

  /** The first row with this value; remembers this one where there was none. */
  earlier(value: string, row: number): number | undefined {
    if (this.#values.size < this.#values.add(value).size) {
      this.#rows.push(row);
      this.#rowOf?.set(value, row);
      return undefined;
    }
    this.#rowOf ??= new Map([...this.#values].map((each, at) => [each, this.#rows[at] ?? 0]));
    return this.#rowOf.get(value);
  }
}

/** Judges the devices of one list, one after the other: what was seen before makes a later one a duplicate. */
export class RowJudge {
  readonly #note: Note;
  readonly #names: Names;
  readonly #ownTags: readonly string[];
  readonly #serials = new Seen();
  readonly #prints = new Seen();
  readonly #productIds = new Seen();
  #row = 0;
  #line: number | null = null;

  constructor(note: Note, names: Names = columns, ownTags: readonly string[] = []) {
    this.#note = note;
    this.#names = names;
    this.#ownTags = ownTags;
  }

  /** Judges the next device. */
  judge(row: Row): void {
    this.#row = row.row;
    this.#line = row.line;
    const { cells, places, above } = row;
    let has = 0;
    let serial: string | undefined;
    let inHash: string | undefined;
    for (let index = 0; index < places.length; index += 1) {
      const key = places[index];
      const given = cells[index] ?? "";
      if (key === undefined || given === "") continue;
      const value = this.#plain(key, given, above);
      // What cannot be judged is there all the same; what is nothing but spaces is not.
      if (value !== "") has |= bits[key];
      if (value === undefined || value === "") continue;
      if (key === "serial") serial = this.#serial(value);
      else if (key === "hash") inHash = this.#hash(value);
      else this.#text(key, value);
    }
    this.#compare(serial, inHash);
    this.#missing(row, has);
  }

  /** What is known by its product ID and nothing else would be registered twice. */
  #unnamed(row: Row): void {
    const { productId = "" } = valuesOf(row);
    if (!digits.test(productId)) return;
    const first = this.#productIds.earlier(productId, this.#row);
    if (first !== undefined)
      this.#wrong("E_DUP_PKID", "productId", `The product ID is that of row ${first} already.`);
  }

  #compare(serial: string | undefined, inHash: string | undefined): void {
    if (serial === undefined || inHash === undefined || serial === inHash) return;
    this.#wrong("W_SERIAL_HASH_MISMATCH", "serial", mismatch(serial, inHash));
  }

  #wrong(code: FindingCode, key: ColumnKey | undefined, reason: string): void {
    const column = key === undefined ? null : this.#names[key];
    this.#note(code, { row: this.#row, line: this.#line, column }, reason);
  }

  /** What can be wrong with any value; undefined where it is not looked at further. */
  #plain(key: ColumnKey, given: string, above: Row["above"]): string | undefined {
    const value = edged(given) ? given.replaceAll(edges, "") : given;
    if (value !== given)
      this.#wrong("W_TRIMMED", key, "Spaces around the value are no part of it.");
    if (key !== "hash" && control.test(value)) {
      this.#wrong("E_CONTROL_CHAR", key, hasControl);
      return undefined;
    }
    if (above === "ansi" && /[\u0080-\uffff]/.test(value))
      this.#wrong("W_NON_ASCII", key, "The value has letters that other languages' ANSI lacks.");
    const sign = value.charAt(0);
    if (sign === "" || !(key === "hash" ? "=@" : "=@+-").includes(sign)) return value;
    const reason = `The value begins with "${sign}": a spreadsheet would calculate it.`;
    this.#wrong("E_FORMULA", key, reason);
    return undefined;
  }

  /** The serial number; undefined where nothing can be compared with it. */
  #serial(value: string): string | undefined {
    // Most begin with a letter, and are not looked at twice.
    if (value.charCodeAt(0) <= nine && scientific.test(value)) {
      this.#wrong("E_SERIAL_SCIENTIFIC", "serial", lostDigits);
      return undefined;
    }
    if (!serialSigns.test(value)) {
      const reason = "No serial number has such characters, or so many.";
      this.#wrong("E_SERIAL_CHARS", "serial", reason);
      return undefined;
    }
    if (placeholder.test(value))
      this.#wrong("W_SERIAL_PLACEHOLDER", "serial", "No maker gives out this serial number.");
    const first = this.#serials.earlier(value, this.#row);
    if (first !== undefined)
      this.#wrong("E_DUP_SERIAL", "serial", `The serial number is that of row ${first} already.`);
    return value;
  }

  /** The serial number inside of a hash. */
  #hash(value: string): string | undefined {
    const whole = padded(value);
    if (whole === undefined) {
      if (control.test(value)) this.#wrong("E_CONTROL_CHAR", "hash", hasControl);
      else this.#wrong("E_HASH_BASE64", "hash", "The hardware hash is not base64.");
      return undefined;
    }
    if (whole !== value)
      this.#wrong(
        "E_HASH_PADDING",
        "hash",
        "The padding is missing or wrong: devices leave it out.",
      );
    const bytes = bytesIn(whole);
    if (bytes < fewestBytes || bytes > mostBytes) {
      this.#wrong("E_HASH_LENGTH", "hash", wrongLength(bytes));
      return undefined;
    }
    const first = this.#prints.earlier(printOf(whole), this.#row);
    if (first !== undefined)
      this.#wrong("E_DUP_HASH", "hash", `The hardware hash is that of row ${first} already.`);
    const { begins, serial } = structureOf(whole);
    if (!begins)
      this.#wrong("W_HASH_HEADER", "hash", "The hash does not begin as those of Windows do.");
    return serial;
  }

  #text(key: ColumnKey, value: string): void {
    if (key === "productId" && !digits.test(value))
      this.#wrong("E_PKID_FORMAT", key, `A product ID has 13 digits: ${whyNoProductId(value)}.`);
    if (key === "user" && !user.test(value))
      this.#wrong("E_UPN_FORMAT", key, "This is no user principal name, such as ada@contoso.com.");
    const fault = key === "tag" ? faultOfTag(value, this.#ownTags) : undefined;
    if (fault !== undefined) this.#wrong(fault.code, key, fault.reason);
  }

  #missing(row: Row, has: number): void {
    const { target, places } = row;
    if (has === bits.productId) this.#unnamed(row);
    if (target === "intune") {
      if ((has & bits.serial) === 0 && places.includes("serial"))
        this.#wrong("E_SERIAL_MISSING", "serial", "The serial number is empty.");
      if ((has & bits.hash) === 0 && places.includes("hash"))
        this.#wrong("E_HASH_MISSING", "hash", "The hardware hash is empty.");
    } else if ((has & (bits.hash | bits.productId)) === 0 && (has & tuple) !== tuple)
      this.#wrong("E_IDENTITY_INCOMPLETE", undefined, identities);
  }
}

const wrongLength = (bytes: number): string =>
  `The hash has ${bytes} bytes, not ${fewestBytes} to ${mostBytes}: it is ${
    bytes > 100 && bytes < 200 ? "as those of Windows 10 1703 and older were" : "cut or foreign"
  }.`;
const lostDigits =
  "The serial number is in scientific notation: Excel took it for a number, and its digits are lost.";
const hasControl = "The value has a control character.";
const identities =
  "A device is known by its hardware hash, by its product ID, or by serial number, manufacturer and model together.";
const mismatch = (serial: string, inHash: string): string =>
  `The hardware hash is of a device with another serial number${
    inHash.replace(/^0+/, "") === serial ? ": the leading zeros are lost here" : ""
  }.`;

/** What is a space at an end: blank, tabulator, and the blank that breaks no line. */
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 160;
const edged = (text: string): boolean =>
  isSpace(text.charCodeAt(0)) || isSpace(text.charCodeAt(text.length - 1));

const whyNoProductId = (value: string): string => {
  if (scientific.test(value)) return "Excel has made a number of it";
  return /^\w{5}(-\w{5}){4}$/.test(value) ? "this is a product key" : "it stands on the box";
};
