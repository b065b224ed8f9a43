/**
 * A queue message on its way into a function: its text, and the trigger metadata beside it; what a function's outputs
 * become as messages; and what happens to a message that failed. Pure.
 */
import type { DataType, TypedData } from "../app/protocol.ts";

export type Encoding = "base64" | "none";

/** A received message, as the storage SDK shows it. */
export type ReceivedMessage = {
  readonly messageId: string;
  readonly messageText: string;
  readonly popReceipt: string;
  readonly dequeueCount: number;
  readonly insertedOn: Date;
  readonly expiresOn: Date;
  readonly nextVisibleOn: Date;
};

/** The body of a message; undefined when it is not encoded as host.json says. */
export function decodeMessage(text: string, encoding: Encoding): Buffer | undefined {
  if (encoding === "none") return Buffer.from(text);
  const compact = text.replace(/[ \t\r\n]/g, "");
  const valid = compact.length % 4 === 0 && /^[a-z\d+/]*={0,2}$/i.test(compact);
  return valid ? Buffer.from(compact, "base64") : undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that a body is; undefined when it is not UTF-8. */
export function textOf(body: Uint8Array): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}

/** A body in the form it takes in the queue. */
export const encodeMessage = (body: string | Uint8Array, encoding: Encoding): string =>
  Buffer.from(body as string).toString(encoding === "base64" ? "base64" : "utf8");

/**
 * What a function is given of a message; undefined when it asks for text and the body is none.
 *
 * With text, the metadata is merged with the properties of the body where that is a JSON object. The body wins, whatever the case of its letters: a body with `id` hides the id of the message
 * (Azure/azure-functions-nodejs-library issue 459).
 */
export function queueTriggerInput(
  message: ReceivedMessage,
  body: Buffer,
  dataType: DataType,
): { data: TypedData; triggerMetadata: Readonly<Record<string, TypedData>> } | undefined {
  const text = textOf(body);
  const own = {
    ...(text === undefined ? {} : { QueueTrigger: { string: text } }),
    DequeueCount: { int: message.dequeueCount },
    ExpirationTime: { string: instantText(message.expiresOn) },
    Id: { string: message.messageId },
    InsertionTime: { string: instantText(message.insertedOn) },
    NextVisibleTime: { string: instantText(message.nextVisibleOn) },
    PopReceipt: { string: message.popReceipt },
  };
  if (dataType === "binary") return { data: { bytes: body }, triggerMetadata: own };
  if (text === undefined) return undefined;
  return { data: { string: text }, triggerMetadata: mergeBody(own, text) };
}

/** Puts the top-level properties of a JSON object over `metadata`; arrays and nulls are left out. */
export function mergeBody(
  metadata: Readonly<Record<string, TypedData>>,
  body: string,
): Readonly<Record<string, TypedData>> {
  const properties = jsonObject(body);
  if (!properties) return metadata;
  const merged: Record<string, TypedData> = { ...metadata };
  const names = new Map(Object.keys(merged).map((name) => [name.toLowerCase(), name]));
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || Array.isArray(value)) continue;
    const key = names.get(name.toLowerCase()) ?? name;
    names.set(name.toLowerCase(), key);
    merged[key] =
      typeof value === "object" ? { json: JSON.stringify(value) } : { string: dotNetText(value) };
  }
  return merged;
}

function jsonObject(body: string): Record<string, unknown> | undefined {
  // Most bodies that are no objects are told by their first letter.
  if (!/^\s*\{/.test(body)) return undefined;
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A scalar as .NET prints it. */
const dotNetText = (value: unknown): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : String(value);

/** An instant as the host sends it: whole seconds and a numeric offset. */
const instantText = (instant: Date): string => instant.toISOString().replace(/\.\d+Z$/, "+00:00");

// What a function hands to a queue output becomes messages.

/**
 * The bodies of the messages that `data` stands for.
 *
 * An array, also one inside a string, is a message per element; an object is written indented, which
 * counts towards the size of the message. Both are what the Functions host does.
 */
export function outputMessages(data: TypedData): readonly (string | Uint8Array)[] {
  if (data.bytes) return [data.bytes];
  if (data.int !== undefined || data.double !== undefined) return [String(data.int ?? data.double)];
  if (data.json !== undefined) return fromJson(JSON.parse(data.json));
  const text = data.string ?? "";
  return /^\s*[[{]/.test(text) ? fromText(text) : [text];
}

function fromText(text: string): readonly string[] {
  try {
    return fromJson(JSON.parse(text));
  } catch {
    return [text];
  }
}

const fromJson = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => item !== null).map(bodyOf) : [bodyOf(value)];

const bodyOf = (value: unknown): string =>
  typeof value === "object" ? JSON.stringify(value, null, 2) : dotNetText(value);

// What happens to a message, by how often it was taken already.

const suffix = "-poison";
/** Longest name of a queue. */
const longestName = 63;

/** Name of the queue for messages that failed too often; undefined when there can be none. */
export const poisonQueueName = (queue: string): string | undefined =>
  queue.endsWith(suffix) || queue.length + suffix.length > longestName ? undefined : queue + suffix;

/**
 * Whether a message may run at all: one beyond the maximum was poison before. Where there is no poison queue,
 * nothing counts (storage extension 5.3.8 and later).
 */
export const mayRun = (queue: string, dequeueCount: number, maximum: number): boolean =>
  poisonQueueName(queue) === undefined || dequeueCount <= maximum;

/**
 * What to do with a message that failed: show it again, or move it away. Where it cannot be moved, it stays
 * invisible until its lease ends, so that it is not tried again without a pause.
 */
export function afterFailure(
  queue: string,
  dequeueCount: number,
  maximum: number,
): "show" | "poison" | "leave" {
  if (poisonQueueName(queue) === undefined) return "leave";
  return dequeueCount < maximum ? "show" : "poison";
}
