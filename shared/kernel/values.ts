/**
 * Identifiers and addresses: those of our own making (random, newest first, deterministic), and those from outside, each
 * with the schema that admits it.
 */
import { hash, randomBytes, randomUUID } from "node:crypto";
import * as z from "zod";
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

/** An identifier like that of a moment, and the same one for the same names: whoever comes second finds it there. */
export const idFor = (at: Instant, ...names: readonly string[]): string =>
  invertedTime(at) + digest(...names, String(at)).slice(0, randomDigits);

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
export const digest = (...parts: readonly string[]): string => hash("sha256", parts.join("\n"));

function chance(digits: number): string {
  return Array.from(randomBytes(digits), (byte) => alphabet.charAt(byte % 32)).join("");
}

const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "must be a GUID")
  .transform((text) => text.toLowerCase());

/** A customer's Entra tenant id, in lower case. */
export const TenantId = guid.describe("Entra tenant id");
export type TenantId = string;

/** A device's Intune id (`managedDevice.id`), in lower case; not the Entra device id. */
export const DeviceId = guid.describe("Intune managed device id");
export type DeviceId = string;

/** Any other GUID from outside, such as a script's id. */
export const Guid = guid;

/** An id of our own making from outside, such as a collection's: nothing that a row key cannot hold. */
export const OwnId = z.string().regex(/^[0-9A-Za-z-]{1,64}$/, "is not an id of ours");

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Whether what is sent to an address can be read on the way by nobody: https, or never off this machine. */
export function staysPrivate(address: string): boolean {
  const url = URL.parse(address);
  if (url === null) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && loopback.test(url.hostname));
}

/** An address in the settings that tokens and devices are sent to; what a query says is part of it. */
export const Address = z
  .url({ protocol: /^https?$/, abort: true, error: "must be an address that begins with https://" })
  .refine(staysPrivate, "must begin with https://, since it leaves this machine")
  .refine(bearsNoName, "must not hold a name and password");

/** The address of a service: the paths of its calls are written behind it. */
export const BaseAddress = Address.refine(
  (text) => !/[?#]/.test(text),
  "must not have a query or a fragment",
).transform((text) => text.replace(/\/+$/, ""));

function bearsNoName(address: string): boolean {
  const url = URL.parse(address);
  return url === null || (url.username === "" && url.password === "");
}

/** A link of an answer as a whole address, where it is written relative to the one that was asked. Nothing stays nothing. */
export function wholeLink(link: string, asked: string): string {
  if (link === "" || URL.canParse(link)) return link;
  return URL.parse(link, asked)?.href ?? link;
}

/**
 * The part of an address behind a service's base, to be asked for there. Undefined where it leads anywhere else, or
 * bears a name: what we sign requests with goes to the address of the settings only.
 */
export function pathBelow(base: string, address: string): string | undefined {
  const [own, url] = [new URL(`${base}/`), URL.parse(address)];
  if (url === null || url.origin !== own.origin || !url.pathname.startsWith(own.pathname))
    return undefined;
  if (!bearsNoName(address)) return undefined;
  return (url.pathname + url.search).slice(own.pathname.length - 1);
}
