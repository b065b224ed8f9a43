/**
 * Hardware hashes: what of one can be judged without the service. It is base64 that devices may write without padding, of
 * some 3,000 bytes: `OA`, a length, and records, of which one is the serial number. No more than a warning is built on that
 * structure, since Microsoft does not document it.
 */
import { hash } from "node:crypto";

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The text with the padding that its device left out: the same text where none is missing, undefined where no padding makes
 * it base64. As Microsoft's page has it: two signs that are one too many become an `A`, which is six zero bits.
 */
export function padded(text: string): string | undefined {
  if (!base64.test(text)) return undefined;
  let whole = text;
  while (whole.length % 4 !== 0)
    whole = whole.endsWith("==") ? `${whole.slice(0, -2)}A` : `${whole}=`;
  return whole;
}

/** How many bytes a padded text stands for. */
export const bytesIn = (text: string): number =>
  (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);

/** Fewest and most bytes that are believed: there is no one right size. */
export const fewestBytes = 2_048;
export const mostBytes = 6_144;

/** What two captures share only if one is a copy of the other. Zero bits at the end say nothing. */
export const printOf = (text: string): string => hash("sha256", withoutTail(text), "base64");

function withoutTail(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === "=" || text[end - 1] === "A")) end -= 1;
  return text.slice(0, end);
}

/** What a record holds. */
const serialRecord = 14;
const headBytes = 4;
/** Characters that are decoded at first: the rest is zeros in most. */
const frontChars = 1_024;

/** What the structure shows: whether it begins as it should, and the serial number if there is one. */
export type Inside = { readonly begins: boolean; readonly serial?: string };

/** Reads the structure of a hash, as far as it has one. */
export function structureOf(text: string): Inside {
  const front = Buffer.from(text.slice(0, frontChars), "base64");
  if (front.toString("latin1", 0, 2) !== "OA") return { begins: false };
  const total = front.readUInt16LE(2);
  const bytes = total > front.length ? Buffer.from(text, "base64") : front;
  const serial = serialIn(bytes, Math.min(total, bytes.length));
  return { begins: true, ...(serial === undefined ? {} : { serial }) };
}

function serialIn(bytes: Buffer, total: number): string | undefined {
  for (let at = headBytes; at + headBytes <= total; ) {
    const length = bytes.readUInt16LE(at + 2);
    if (length < headBytes || at + length > total) return undefined;
    if (bytes.readUInt16LE(at) === serialRecord) {
      const [text = ""] = bytes.toString("latin1", at + headBytes, at + length).split("\0");
      return /^[\x20-\x7e]+$/.test(text.trim()) ? text.trim() : undefined;
    }
    at += length;
  }
  return undefined;
}
