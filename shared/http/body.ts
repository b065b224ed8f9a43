/**
 * A request's content: what is wrong with it, with the JSON pointer of each fault, in words of our own; and its body: how
 * much is read of it and for how long, and what of JSON is taken. However much is wrong, the answer stays small: it is
 * written for somebody who may have no right to send anything.
 */
import * as z from "zod";
import { type Failure, type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { plainText } from "../kernel/outside-text.ts";

/** Most faults that an answer names; the rest is counted. */
const maxFaults = 100;
/** Most characters of a pointer or a reason: names and values of a request stand in them. */
const maxChars = 200;
/** Most values that a fault lists. */
const maxListed = 12;

/** A JSON pointer (RFC 6901) for a path inside a document. */
export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** Turns a schema's complaints into faults below `prefix`; an unknown property is named by itself. */
export function faultsOf(error: z.ZodError, prefix = ""): Fault[] {
  const faults: Fault[] = [];
  for (const issue of error.issues) {
    if (faults.length > maxFaults) break;
    faults.push(...faultsOfIssue(issue, prefix));
  }
  return faults.slice(0, maxFaults + 1);
}

function faultsOfIssue(issue: z.core.$ZodIssue, prefix: string): Fault[] {
  const pointer = prefix + pointerOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys
      .slice(0, maxFaults + 1)
      .map((key) => faultAt(pointer + pointerOf([key]), "unknown property"));
  if (issue.code === "invalid_union") {
    const closest = closestBranch(issue.errors);
    if (closest.length > 0)
      return closest.slice(0, maxFaults + 1).flatMap((inner) => faultsOfIssue(inner, pointer));
  }
  return [faultAt(pointer, issue.message)];
}

const faultAt = (pointer: string, detail: string): Fault => ({
  pointer: short(pointer),
  detail: short(detail),
});

const short = (text: string): string =>
  text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}\u2026`;

// The schemas' own words, where a schema has none of its own for the case.

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
  undefined: "left out",
};
const kind = (name: string): string => kinds[name] ?? name;

const formats: Readonly<Record<string, string>> = {
  datetime: "an instant such as 2026-11-29T08:00:00Z",
  guid: "a GUID such as 7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01",
  uuid: "a GUID such as 7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01",
  url: "an address such as https://muster.example",
  duration: "a duration such as PT30M",
  email: "an e-mail address",
};

const sizes: Readonly<Record<string, string>> = {
  string: "characters",
  array: "entries",
  set: "entries",
  map: "entries",
  object: "properties",
  record: "properties",
};

/** What is wrong, in one line that does not repeat what was sent. */
function wordsFor(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return `is missing: ${kind(issue.expected)} is needed here`;
      return `must be ${kind(issue.expected)}`;
    case "invalid_value":
      return `must be ${listed(issue.values)}`;
    case "too_big":
      return atMost(issue.origin, issue.maximum, issue.inclusive === false);
    case "too_small":
      return atLeast(issue.origin, issue.minimum, issue.inclusive === false);
    case "invalid_format": {
      const wanted = formats[issue.format];
      return wanted === undefined ? "is not of the form that is taken here" : `must be ${wanted}`;
    }
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return "has an unknown property";
    case "invalid_union": {
      const { options } = issue as { readonly options?: readonly unknown[] };
      return options?.length ? `must be ${listed(options)}` : "is none of the forms taken here";
    }
    case "invalid_key":
      return "has a name that is not taken here";
    case "invalid_element":
      return "has an entry that is not taken here";
    default:
      return "is not taken here";
  }
}

function listed(values: readonly unknown[]): string {
  const texts = values.slice(0, maxListed).map(String);
  if (values.length > maxListed)
    return `one of ${values.length} values, such as ${texts.slice(0, 3).join(", ")}; the API document lists them`;
  return texts.length === 1 ? texts.join("") : `one of ${texts.join(", ")}`;
}

type Limit = number | bigint;

function atMost(origin: string, limit: Limit, isOpen: boolean): string {
  const countable = sizes[origin];
  if (countable !== undefined) return `must have at most ${limit} ${countable}`;
  return isOpen ? `must be below ${limit}` : `must be at most ${limit}`;
}

function atLeast(origin: string, limit: Limit, isOpen: boolean): string {
  const countable = sizes[origin];
  if (countable !== undefined) return `must have at least ${limit} ${countable}`;
  return isOpen ? `must be above ${limit}` : `must be at least ${limit}`;
}

z.config({ localeError: wordsFor });

/** Of a union's branches, the one that most likely was meant: the one with the lightest complaints. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]) {
  const [first, ...rest] = branches;
  return rest.reduce(
    (best, branch) => (weightOf(branch) < weightOf(best) ? branch : best),
    first ?? [],
  );
}

/** Whoever got deep before something was wrong was on the right branch. */
const deepWeight = 0.001;

/** A value that is wrong inside weighs less than a shape that is none of this branch's. */
function weightOf(branch: readonly z.core.$ZodIssue[]): number {
  return branch.reduce((sum, issue) => {
    if (issue.code === "unrecognized_keys") return sum + issue.keys.length;
    if (issue.path.length > 1) return sum + deepWeight;
    const noSuchKind = issue.code === "invalid_union" && issue.errors.length === 0;
    return sum + (noSuchKind ? 2 : 1);
  }, 0);
}

/** The failure that refuses a request whole and names its faults: all of them, or the first hundred. */
export function invalidRequest(faults: readonly Fault[]): { ok: false; failure: Failure } {
  const named = faults.slice(0, maxFaults);
  const places = named.map(({ pointer }) => pointer || "the whole").slice(0, 5);
  const cut = faults.length > named.length;
  const rest = named.length - places.length;
  const more = rest > 0 ? ` and ${rest} more` : "";
  const count = cut ? `more than ${maxFaults}` : String(faults.length);
  return fail(
    "invalid-request",
    `Nothing was done: ${count} fault(s), at ${places.join(", ")}${more}. See errors${cut ? ", which has the first ones" : ""}.`,
    { faults: named },
  );
}

// Bodies, as they come.

/** Largest body that an operation takes, in bytes. */
export const maxBodyBytes = 1024 * 1024;

/** How long a body may take to come. */
const maxBodyMs = 30_000;
/**
 * What is read, and forgotten, so that a caller gets to hear the answer: the host listens for one only when it has sent the
 * whole body, and where the connection is closed before that, the caller gets an empty 500 instead.
 */
type Surplus = { readonly bytes: number; readonly ms: number };

/** Of a body whose length is known: all. The host has it whole already, and takes no more than that. */
const announced: Surplus = { bytes: 100 * 1024 * 1024, ms: 5_000 };
/** Of one that comes as it is sent, and that nobody wants: it may be a stranger's, and need not end. */
const unwanted: Surplus = { bytes: 16 * 1024 * 1024, ms: 5_000 };
/** Of one that comes as it is sent, and is larger than it may be, from somebody who may send it. */
const tooLarge: Surplus = { bytes: announced.bytes, ms: 15_000 };

/** What a body is read from: the Fetch API's request, or anything of that shape. */
export type BodySource = {
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
};

/** The media type that a body says it is of. */
export const mediaTypeOf = ({ headers }: Pick<BodySource, "headers">): string =>
  (headers.get("content-type") ?? "nothing").split(";")[0]?.trim().toLowerCase() ?? "";

/** Refuses a body that is packed: what a few bytes unpack to is known only once it is there. */
export function refusePacked({ headers }: Pick<BodySource, "headers">): Result<undefined> {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return succeed(undefined);
  const shown = plainText(encoding, 40);
  return fail("unsupported-media-type", `Send the body as it is, without ${shown}.`);
}

/** Reads and checks a body. Nothing larger than the limit is ever held in memory. */
export async function readBody<S extends z.ZodType>(
  source: BodySource,
  schema: S,
  maxBytes = maxBodyBytes,
): Promise<Result<{ value: z.output<S>; text: string }>> {
  const type = mediaTypeOf(source);
  if (type !== "application/json" && !type.endsWith("+json"))
    return fail("unsupported-media-type", `Send the body as application/json, not as ${type}.`);
  const packed = refusePacked(source);
  if (!packed.ok) return packed;
  const [, ...parameters] = (source.headers.get("content-type") ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice(8);
  if (charset !== undefined && !/^"?(utf-?8|us-ascii)"?$/.test(charset))
    return fail("unsupported-media-type", `Send JSON in UTF-8, not in ${charset}.`);
  const text = await readText(source, maxBytes);
  return text.ok ? checkText(text.value, schema) : text;
}

/** Reads a text as JSON of a schema, within what any body may have. */
export function checkText<S extends z.ZodType>(
  text: string,
  schema: S,
): Result<{ value: z.output<S>; text: string }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const why = plainText(cause instanceof Error ? cause.message : "unreadable", 200);
    return fail("malformed-json", `The body is not JSON: ${why}`);
  }
  if (!isWithinBounds(json))
    return fail(
      "invalid-request",
      `Nothing was done: a body may have ${maxValues} values in all and ${maxDepth} levels. Split the request.`,
    );
  const parsed = schema.safeParse(json);
  if (!parsed.success) return invalidRequest(faultsOf(parsed.error));
  return succeed({ value: parsed.data, text });
}

/** Most values and property names in a body: what an inventory part of 1,000 devices has, twice. */
const maxValues = 50_000;
/** Deepest nesting of a body; rules, the deepest that is taken, have their own, smaller bound. */
const maxDepth = 64;

/**
 * Whether a schema may look at a document. A megabyte of brackets and commas is half a million values, and a schema
 * that complains of each one takes more memory than a worker has.
 */
function isWithinBounds(json: unknown): boolean {
  let values = 0;
  const visit = (value: unknown, depth: number): boolean => {
    values += 1;
    if (values > maxValues || depth > maxDepth) return false;
    if (typeof value !== "object" || value === null) return true;
    return Object.values(value).every((inner) => visit(inner, depth + 1));
  };
  return visit(json, 0);
}

/**
 * Reads a body piece by piece; `take` is given each as it comes. Of one that turns out to be too large some more is read
 * for a while, and forgotten; what is left is left where it is.
 */
export async function readPieces(
  { headers, body }: BodySource,
  maxBytes: number,
  take: (piece: Uint8Array) => void,
): Promise<Result<undefined>> {
  const large = fail("body-too-large", `A body may have ${maxBytes} bytes. Split the request.`);
  if (Number(headers.get("content-length") ?? 0) > maxBytes) return large;
  switch (await readChunks(body, maxBytes, maxBodyMs, take, tooLarge)) {
    case "whole":
      return succeed(undefined);
    case "more":
      return large;
    case "late":
      return fail(
        "body-too-slow",
        `The body had not come after ${maxBodyMs / 1000} seconds. Send it again, without a pause.`,
      );
  }
}

async function readText(source: BodySource, maxBytes: number): Promise<Result<string>> {
  const chunks: Uint8Array[] = [];
  const read = await readPieces(source, maxBytes, (piece) => chunks.push(piece));
  return read.ok ? decoded(Buffer.concat(chunks)) : read;
}

/** Bytes as text, without the byte order mark. What is not UTF-8 is refused: a replaced character would be stored. */
export function decoded(bytes: Uint8Array): Result<string> {
  try {
    return succeed(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return fail("malformed-json", "The body is not UTF-8: send JSON in that encoding.");
  }
}

/** Why reading stopped: at the end, at the limit of bytes, or at the limit of time. */
type End = "whole" | "more" | "late";

/** How the bodies ended that were read: a stream is read once. */
const ends = new WeakMap<object, End>();

/** Reads at most so many bytes, for at most so long; what is left is left where it is. */
async function readChunks(
  body: BodySource["body"],
  maxBytes: number,
  ms: number,
  take: (chunk: Uint8Array) => void,
  surplus?: Surplus,
): Promise<End> {
  if (body === null) return "whole";
  const known = ends.get(body);
  if (known !== undefined) return known;
  const source = body[Symbol.asyncIterator]();
  const end = await readUpTo(source, maxBytes, ms, take);
  ends.set(body, end);
  if (end === "more" && surplus !== undefined)
    await readUpTo(source, surplus.bytes, surplus.ms, () => undefined);
  return end;
}

async function readUpTo(
  source: AsyncIterator<Uint8Array>,
  maxBytes: number,
  ms: number,
  take: (chunk: Uint8Array) => void,
): Promise<End> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, ms, "late");
  });
  try {
    for (let bytes = 0; ; ) {
      const next = await Promise.race([source.next(), late]);
      if (next === "late") return "late";
      if (next.done === true) return "whole";
      bytes += next.value.byteLength;
      if (bytes > maxBytes) return "more";
      take(next.value);
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The bytes of a body whose length is known, and a body to read them from again. Undefined where it is larger than
 * any operation takes: then it is left unread.
 */
export async function takeBytes(
  body: BodySource["body"],
  length: number,
): Promise<{ readonly bytes: Uint8Array; readonly body: BodySource["body"] } | undefined> {
  if (length > maxBodyBytes) return undefined;
  const chunks: Uint8Array[] = [];
  const end = await readChunks(body, length, maxBodyMs, (chunk) => chunks.push(chunk));
  if (end !== "whole") throw new Error(`a body of ${length} bytes ended otherwise: ${end}`);
  const bytes = Buffer.concat(chunks);
  return { bytes, body: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

/**
 * Reads what nobody wanted, and forgets it; false when more is still coming. A body that is left lying blocks its
 * connection, so the connection has to end with the answer then.
 */
export async function discardBody({ headers, body }: BodySource): Promise<boolean> {
  const { bytes, ms } = isAnnounced(headers) ? announced : unwanted;
  try {
    return (await readChunks(body, bytes, ms, () => undefined)) === "whole";
  } catch {
    // The caller hung up: then nobody is to be told, and nothing kept free.
    return true;
  }
}

/** Whether the host has read the whole of a body before it says anything of the request. */
export const isAnnounced = (headers: BodySource["headers"]): boolean =>
  Number(headers.get("content-length") ?? 0) > 0 && headers.get("transfer-encoding") === null;
