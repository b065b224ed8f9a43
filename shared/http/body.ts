/**
 * Request bodies: how much is read of them and for how long, and what of JSON is taken; the first that is wrong is
 * said.
 */
import type { z } from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { plainText } from "../kernel/outside-text.ts";
import { faultsOf, invalidRequest } from "./faults.ts";

/** Largest body that an operation takes, in bytes. */
export const maxBodyBytes = 1024 * 1024;

/** How long a body may take to come. */
const maxBodyMs = 30_000;
/** What is read of a body that nobody wants, so that a caller who is still sending gets to hear the answer. */
const drain = { bytes: 64 * 1024, ms: 1_000 };

/** What a body is read from: the Fetch API's request, or anything of that shape. */
export type BodySource = {
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
};

/** Reads and checks a body. Nothing larger than the limit is ever held in memory. */
export async function readBody<S extends z.ZodType>(
  source: BodySource,
  schema: S,
): Promise<Result<{ value: z.output<S>; text: string }>> {
  const [type, ...parameters] = (source.headers.get("content-type") ?? "nothing")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  if (type !== "application/json" && !type?.endsWith("+json"))
    return fail("unsupported-media-type", `Send the body as application/json, not as ${type}.`);
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice(8);
  if (charset !== undefined && !/^"?(utf-?8|us-ascii)"?$/.test(charset))
    return fail("unsupported-media-type", `Send JSON in UTF-8, not in ${charset}.`);
  const text = await readText(source);
  return text.ok ? checkText(text.value, schema) : text;
}

function checkText<S extends z.ZodType>(
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

const tooLarge = () =>
  fail("body-too-large", `A body may have ${maxBodyBytes} bytes. Split the request.`);

async function readText({ headers, body }: BodySource): Promise<Result<string>> {
  if (Number(headers.get("content-length") ?? 0) > maxBodyBytes) return tooLarge();
  const read = await readChunks(body, maxBodyBytes, maxBodyMs);
  switch (read.end) {
    case "whole":
      return decoded(Buffer.concat(read.chunks));
    case "more":
      return tooLarge();
    case "late":
      return fail(
        "body-too-slow",
        `The body had not come after ${maxBodyMs / 1000} seconds. Send it again, without a pause.`,
      );
  }
}

/** Bytes as text, without the byte order mark. What is not UTF-8 is refused: a replaced character would be stored. */
function decoded(bytes: Uint8Array): Result<string> {
  try {
    return succeed(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return fail("malformed-json", "The body is not UTF-8: send JSON in that encoding.");
  }
}

/** Why reading stopped: at the end, at the limit of bytes, or at the limit of time. */
type Chunks = { readonly chunks: readonly Uint8Array[]; readonly end: "whole" | "more" | "late" };

/** How the bodies ended that were read: a stream is read once. */
const ends = new WeakMap<object, Chunks["end"]>();

/** Reads at most so many bytes, for at most so long; what is left is left where it is. */
async function readChunks(body: BodySource["body"], maxBytes: number, ms: number): Promise<Chunks> {
  if (body === null) return { chunks: [], end: "whole" };
  const known = ends.get(body);
  if (known !== undefined) return { chunks: [], end: known };
  const read = await readUpTo(body, maxBytes, ms);
  ends.set(body, read.end);
  return read;
}

async function readUpTo(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  ms: number,
): Promise<Chunks> {
  const chunks: Uint8Array[] = [];
  const source = body[Symbol.asyncIterator]();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, ms, "late");
  });
  try {
    for (let bytes = 0; ; ) {
      const next = await Promise.race([source.next(), late]);
      if (next === "late") return { chunks: [], end: "late" };
      if (next.done === true) return { chunks, end: "whole" };
      bytes += next.value.byteLength;
      if (bytes > maxBytes) return { chunks: [], end: "more" };
      chunks.push(next.value);
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
  announced: number,
): Promise<{ readonly bytes: Uint8Array; readonly body: BodySource["body"] } | undefined> {
  if (announced > maxBodyBytes) return undefined;
  const { chunks, end } = await readChunks(body, announced, maxBodyMs);
  if (end !== "whole") throw new Error(`a body of ${announced} bytes ended otherwise: ${end}`);
  const bytes = Buffer.concat(chunks);
  return { bytes, body: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

/**
 * Reads a little of what nobody wanted, and forgets it; false when more is still coming. A body that is left lying
 * blocks its connection, so the connection has to end with the answer then.
 */
export async function discardBody({ body }: Pick<BodySource, "body">): Promise<boolean> {
  try {
    return (await readChunks(body, drain.bytes, drain.ms)).end === "whole";
  } catch {
    // The caller hung up: then nobody is to be told, and nothing kept free.
    return true;
  }
}
