/** The identifiers and addresses that several rooms share, with the schema that admits them from outside. */
import * as z from "zod";

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

// Texts that callers write for others to read, in lists, logs, CSV and questions to a second person.

/** What is no character of any text: half of one, what Unicode keeps free, and what turns the direction of writing. */
const unfit = String.raw`\p{Cs}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069`;
/** What takes no room: inside it joins letters, at an end it only makes two names look like one. */
const unseen = String.raw`[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0]`;
const between = (inner: string): RegExp =>
  new RegExp(`^(?!${unseen})${inner}*(?<!${unseen})$`, "u");

const faultsOfTexts: readonly (readonly [RegExp, string])[] = [
  [/\p{Cs}/u, "half of a character (a lone surrogate)"],
  [/\p{Noncharacter_Code_Point}/u, "a code point that is no character"],
  [/[\u202a-\u202e\u2066-\u2069]/, "a character that turns the direction of writing"],
  [/[^\P{Cc}\t\n\r]/u, "a control character"],
  [new RegExp(`^${unseen}|${unseen}$`, "u"), "a character at an end that nobody sees"],
];
const breaks: readonly [RegExp, string] = [/[\t\n\r\u2028\u2029]/, "a line break or a tabulator"];

const textOf = (pattern: RegExp, faults: typeof faultsOfTexts) =>
  z.string().regex(pattern, {
    error: ({ input }) =>
      `must not have ${faults.flatMap(([fault, words]) => (fault.test(String(input)) ? [words] : [])).join(", nor ")}`,
  });

/** A name, a label or a value to compare with: one line of what people can read. */
export const Line = textOf(between(`[^${unfit}\\p{Cc}\\u2028\\u2029]`), [...faultsOfTexts, breaks]);

/** A note, a description, a query: what people can read, in as many lines as they like. */
export const Prose = textOf(between(`(?:[^${unfit}\\p{Cc}]|[\\t\\n\\r])`), faultsOfTexts);

/** A text in one line as `Line` takes it: for what comes from systems that take more. */
export const lineOf = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(new RegExp(`[${unfit}\\p{Cc}\\u2028\\u2029]+`, "gu"), " ")
    .replaceAll(new RegExp(`^(?:\\s|${unseen})+|(?:\\s|${unseen})+$`, "gu"), "");
