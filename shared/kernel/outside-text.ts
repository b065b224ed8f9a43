/**
 * Texts that come from outside: what callers may write for others to read, whether a body is a service's own answer at
 * all, and what may be kept of its words.
 * Everything that another machine says passes here before it enters a row, a message, an answer or a log.
 */

import * as z from "zod";

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

const unfitInLine = new RegExp(`[${unfit}\\p{Cc}\\u2028\\u2029]+`, "gu");
const atEnd = `[\\s${unseen.slice(1)}`;
/** A run begins where none is before it: tried from each of its places, one in the middle would cost its square. */
const unseenAtEnds = new RegExp(`^${atEnd}+|(?<!${atEnd})${atEnd}+$`, "gu");

/** A text in one line as `Line` takes it: for what comes from systems that take more. */
const lineOf = (text: string): string =>
  text.toWellFormed().replaceAll(unfitInLine, " ").replaceAll(unseenAtEnds, "");

// What services say.

/** A body, before anybody asks what it means. */
export type OutsideBody =
  /** Nothing was said. */
  | { readonly kind: "none" }
  | { readonly kind: "object"; readonly fields: Readonly<Record<string, unknown>> }
  /** A page or another text that none of our services writes: whoever stands in between wrote it. */
  | { readonly kind: "foreign"; readonly text: string };

/** Looks at a body as it came, or as a batch carries it. An object without members says as little as no body. */
export function bodyOf(given: unknown): OutsideBody {
  const value = typeof given === "string" ? parsed(given) : given;
  if (value === undefined || value === null || value === "") return { kind: "none" };
  if (typeof value !== "object" || Array.isArray(value))
    return { kind: "foreign", text: typeof given === "string" ? given : JSON.stringify(given) };
  const fields = value as Record<string, unknown>;
  return Object.keys(fields).length === 0 ? { kind: "none" } : { kind: "object", fields };
}

/** An error as a service words it, ready to be kept. */
export type ServiceError = {
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
};

/**
 * The error in a body, by the shape that OData services (Graph, AdminService) share: an `error` with a code and a
 * message that are texts. Undefined where the body is no such thing, and so is not the service's word.
 */
export function serviceErrorIn(body: OutsideBody): ServiceError | undefined {
  if (body.kind !== "object") return undefined;
  const error = recordOf(body.fields["error"]);
  const { code, message } = error;
  if (typeof code !== "string" || (code === "" && typeof message !== "string")) return undefined;
  const requestId = recordOf(error["innerError"])["request-id"];
  return {
    code: plainText(code, maxCodeChars) || "unknown",
    message: reasonIn(message),
    ...(typeof requestId === "string" ? { requestId: plainText(requestId, maxCodeChars) } : {}),
  };
}

/** What somebody in between wrote, for the person who has to find out who that was. */
export function foreignWords(text: string): string {
  const title = /<title[^<>]*>([^<]*)/i.exec(text.slice(0, maxParsedChars))?.[1];
  return plainText(title ?? text.slice(0, maxParsedChars).replaceAll(/<[^<>]*>/g, " "), 100);
}

/** Longest reason that is kept. Rows that keep many cut it further, by `plainText`. */
export const maxReasonChars = 400;
const maxCodeChars = 100;
/** Where a service nests its reasons, deeper is noise. */
const maxDepth = 8;
/** Longer texts are not parsed: their two ends are all that anybody will read. */
const maxParsedChars = 200_000;

/** The words of a reason: taken out of the JSON that services wrap it in, however often, and bounded. */
export function reasonIn(text: unknown, maxChars = maxReasonChars): string {
  return plainText(unwrapped(text, maxDepth), maxChars);
}

/** The words of something that was thrown, with what was below it. */
export function reasonOf(thrown: unknown, maxChars = maxReasonChars): string {
  if (!(thrown instanceof Error)) return reasonIn(String(thrown), maxChars);
  const { cause } = thrown;
  const below = cause instanceof Error ? ownWords(cause) : "";
  const own = unwrapped(ownWords(thrown), maxDepth);
  return plainText(below === "" || own.includes(below) ? own : `${own}: ${below}`, maxChars);
}

/** An error that stands for several, one for each address of a host, has no words but theirs. */
function ownWords(error: Error): string {
  const several: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  const words = several.flatMap((each) => (each instanceof Error && each.message) || []);
  return error.message || [...new Set(words)].join("; ") || error.name;
}

/** Marks that tell which way a text is written, and of which bytes it was: in a reason they only hide something. */
const marks = /[\u200e\u200f\ufeff]+/gu;

/** A text in one line that any row and any reader can take; of one that is too long, its two ends. */
export function plainText(text: string, maxChars: number): string {
  // Far more than is kept, so that a text of megabytes costs nothing.
  const ends = cut(text, maxChars * 20);
  return cut(lineOf(ends.replaceAll(marks, " ")).replaceAll(/ {2,}/g, " "), maxChars);
}

/** A text of many lines, such as the output of a script: its beginning, without what is no text. */
export function proseIn(text: string, maxChars: number): string {
  const begins = text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, "");
  return begins.toWellFormed().replaceAll("\r\n", "\n").replaceAll(noProse, " ").trim();
}
const noProse = new RegExp(`(?![\\t\\n])[${unfit}\\p{Cc}]|${unseen}`, "gu");

const gap = " … ";

function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  // The reason may stand at the end, behind what is always the same.
  const tail = Math.floor((maxChars - gap.length) / 3);
  const head = maxChars - gap.length - tail;
  return (text.slice(0, head) + gap + text.slice(text.length - tail))
    .replace(/[\ud800-\udbff](?= … )/, "")
    .replace(/(?<= … )[\udc00-\udfff]/, "");
}

/** Members that hold the reason, the best first. */
const reasonNames = [
  "message",
  "error_description",
  "errormessage",
  "exceptionmessage",
  "detail",
  "description",
  "error",
  "innererror",
];
/** Members that name the fault by one word, which says more than "An error has occurred". */
const phraseNames = ["customapierrorphrase", "code", "errorcode"];

function unwrapped(value: unknown, depth: number): string {
  if (typeof value === "string") return depth > 0 ? unwrappedText(value, depth) : value;
  const members = new Map(
    Object.entries(recordOf(value)).map(([name, member]) => [name.toLowerCase(), member]),
  );
  const found = reasonNames.find((name) => isSomething(members.get(name)));
  if (found === undefined || depth === 0) return value === undefined ? "" : JSON.stringify(value);
  const reason = unwrapped(members.get(found), depth - 1);
  const phrase = phraseNames.map((name) => members.get(name)).find(isWord);
  return phrase === undefined || reason.includes(phrase) ? reason : `${phrase}: ${reason}`;
}

/** A text that is JSON, or holds some, as its innermost words; words around it stay. */
function unwrappedText(text: string, depth: number): string {
  const from = text.indexOf("{");
  const to = text.lastIndexOf("}");
  if (from < 0 || to < from || text.length > maxParsedChars) return text;
  const inner = parsed(text.slice(from, to + 1));
  if (!hasReason(inner)) return text;
  return text.slice(0, from) + unwrapped(inner, depth - 1) + text.slice(to + 1);
}

const hasReason = (value: unknown): boolean =>
  Object.entries(recordOf(value)).some(
    ([name, member]) => reasonNames.includes(name.toLowerCase()) && isSomething(member),
  );

const isSomething = (value: unknown): boolean =>
  (typeof value === "string" && value !== "") || (typeof value === "object" && value !== null);

const isWord = (value: unknown): value is string =>
  typeof value === "string" && /^\w{3,100}$/.test(value);

/** JSON, or the text itself where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
