/** What a function hands to a queue output becomes messages. Pure. */
import type { TypedData } from "./protocol.ts";
import { dotNetText } from "./queue-message.ts";

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
