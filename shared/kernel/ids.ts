/** Identifiers: random ones, ones that sort newest first, and deterministic ones. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Instant } from "./clock.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
/** Beyond the year 10,000, so that an inverted time never turns negative. */
const endOfTime = 2 ** 48;
const timeDigits = 10;
const randomDigits = 12;

/** A random identifier without any order. */
export const randomId = (): string => randomUUID();

/**
 * An identifier that sorts newest first as text, so that a table's natural order is the order people
 * want: ten characters of inverted time, twelve of chance (60 bits).
 */
export function newestFirstId(now: Instant): string {
  return invertedTime(now) + chance(randomDigits);
}

/** The sortable time part alone: larger moments give smaller text. */
export function invertedTime(now: Instant): string {
  let rest = endOfTime - now;
  let text = "";
  for (let digit = 0; digit < timeDigits; digit += 1) {
    text = alphabet.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The moment that a newest-first identifier was made at. */
export function timeOf(id: string): Instant {
  const digits = Array.from(id.slice(0, timeDigits), (char) => alphabet.indexOf(char));
  return endOfTime - digits.reduce((sum, digit) => sum * 32 + digit, 0);
}

/** SHA-256 in hexadecimal: the same input names the same thing for ever. */
export const digest = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\n")).digest("hex");

function chance(digits: number): string {
  return Array.from(randomBytes(digits), (byte) => alphabet.charAt(byte % 32)).join("");
}
