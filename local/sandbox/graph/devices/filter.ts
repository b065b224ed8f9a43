/**
 * The part of $filter that lists of devices understand: comparisons, startswith, contains, and, or,
 * not, brackets. Two faults of the real service are kept on purpose, see `comparison`.
 */

import type { GraphVersion } from "../exchange.ts";
import type { DeviceAt, PropertyValue } from "./device-property.ts";
import { propertyReader } from "./device-record.ts";

// Cuts a $filter into words, texts and marks.

/** One piece of a filter. A text has lost its quotes. */
export type FilterToken = { readonly kind: "word" | "text" | "mark"; readonly text: string };

const piece = /\s*(?:'((?:[^']|'')*)'|([(),])|([^\s(),']+))/y;

/** The pieces, in order. What cannot be cut becomes a mark that no rule expects. */
function filterTokens(filter: string): readonly FilterToken[] {
  const tokens: FilterToken[] = [];
  const text = filter.trimEnd();
  piece.lastIndex = 0;
  while (piece.lastIndex < text.length) {
    const at = piece.lastIndex;
    const found = piece.exec(text);
    if (found === null) return [...tokens, { kind: "mark", text: text.slice(at) }];
    const [, quoted, mark, word] = found;
    if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.replaceAll("''", "'") });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark });
    else tokens.push({ kind: "word", text: word ?? "" });
  }
  return tokens;
}

/** Whether a device is part of the answer. */
export type DeviceTest = (device: DeviceAt) => boolean;

/** A filter, or why it is refused. `exact` names the only device that can match, where that is known. */
export type DeviceFilter =
  | {
      readonly test: DeviceTest;
      readonly exact?: { readonly property: string; readonly value: string };
    }
  | { readonly wrong: string };

type Node = {
  readonly test: DeviceTest;
  readonly equals?: { readonly property: string; readonly value: string };
};

/** Filters that Intune takes and ignores, so that every device comes back. */
const ignored = new Set(["userId", "deviceEnrollmentType"]);
/** Properties of which each value names one device. */
const unique = new Set(["id", "azureADDeviceId"]);

class Unreadable extends Error {}

/** Reads a filter. */
export function readFilter(version: GraphVersion, text: string): DeviceFilter {
  try {
    const parser = { version, tokens: filterTokens(text), at: 0 };
    const node = either(parser);
    if (parser.at < parser.tokens.length) throw new Unreadable("unexpected text after the filter");
    const { equals } = node;
    return equals !== undefined && unique.has(equals.property)
      ? { test: node.test, exact: equals }
      : { test: node.test };
  } catch (error) {
    if (error instanceof Unreadable) return { wrong: `Invalid filter clause: ${error.message}` };
    throw error;
  }
}

type Parser = {
  readonly version: GraphVersion;
  readonly tokens: readonly FilterToken[];
  at: number;
};

function either(parser: Parser): Node {
  let left = both(parser);
  while (takeWord(parser, "or")) {
    const right = both(parser);
    const [a, b] = [left, right];
    // Intune answers "azureADDeviceId eq 'a' or azureADDeviceId eq 'b'" with the first device alone.
    const first =
      a.equals?.property === "azureADDeviceId" && b.equals?.property === "azureADDeviceId";
    left = first ? a : { test: (device) => a.test(device) || b.test(device) };
  }
  return left;
}

function both(parser: Parser): Node {
  let left = single(parser);
  while (takeWord(parser, "and")) {
    const right = single(parser);
    const [a, b] = [left, right];
    const test: DeviceTest = (device) => a.test(device) && b.test(device);
    const equals = [a, b].find(
      (node) => node.equals !== undefined && unique.has(node.equals.property),
    );
    left = equals?.equals === undefined ? { test } : { test, equals: equals.equals };
  }
  return left;
}

function single(parser: Parser): Node {
  if (takeWord(parser, "not")) {
    const inner = single(parser);
    return { test: (device) => !inner.test(device) };
  }
  if (take(parser, "(")) {
    const inner = either(parser);
    expect(parser, ")");
    return inner;
  }
  const name = next(parser);
  if (name.kind !== "word") throw new Unreadable("a property name was expected");
  if (name.text === "startswith" || name.text === "contains")
    return textFunction(parser, name.text);
  return comparison(parser, name.text);
}

function textFunction(parser: Parser, name: "startswith" | "contains"): Node {
  expect(parser, "(");
  const property = next(parser);
  const read = readerOf(parser, property);
  expect(parser, ",");
  const value = next(parser);
  expect(parser, ")");
  if (value.kind !== "text") throw new Unreadable(`${name} needs a text`);
  const wanted = value.text.toLowerCase();
  return {
    test: (device) => {
      const found = String(orderable(read(device)));
      return name === "startswith" ? found.startsWith(wanted) : found.includes(wanted);
    },
  };
}

function comparison(parser: Parser, name: string): Node {
  const read = readerOf(parser, { kind: "word", text: name });
  const operator = next(parser).text;
  const compare = comparisons[operator];
  if (compare === undefined) throw new Unreadable(`the operator '${operator}' is not supported`);
  const value = next(parser);
  const wanted = literal(value);
  // Intune answers these with every device, without a word.
  if (ignored.has(name)) return { test: () => true };
  const test: DeviceTest = (device) => compare(orderable(read(device)), wanted);
  return operator === "eq" && typeof wanted === "string"
    ? { test, equals: { property: name, value: value.text } }
    : { test };
}

type Orderable = string | number | boolean | null;

const comparisons: Readonly<Record<string, (a: Orderable, b: Orderable) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a !== null && b !== null && a > b,
  ge: (a, b) => a !== null && b !== null && a >= b,
  lt: (a, b) => a !== null && b !== null && a < b,
  le: (a, b) => a !== null && b !== null && a <= b,
};

const timePattern = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/;

/** Texts compare without case, times by their moment. */
function orderable(value: PropertyValue): Orderable {
  if (typeof value === "string")
    return timePattern.test(value) ? Date.parse(value) : value.toLowerCase();
  return typeof value === "object" && value !== null ? value.json : value;
}

function literal(token: FilterToken): Orderable {
  if (token.kind === "text") return token.text.toLowerCase();
  if (token.kind === "mark") throw new Unreadable("a value was expected");
  if (token.text === "null") return null;
  if (token.text === "true" || token.text === "false") return token.text === "true";
  if (timePattern.test(token.text)) return Date.parse(token.text);
  const number = Number(token.text);
  if (Number.isNaN(number)) throw new Unreadable(`'${token.text}' is not a value`);
  return number;
}

function readerOf(parser: Parser, name: FilterToken): (device: DeviceAt) => PropertyValue {
  const read = name.kind === "word" ? propertyReader(parser.version, name.text) : undefined;
  if (read === undefined) throw new Unreadable(`could not find a property named '${name.text}'`);
  return read;
}

function next(parser: Parser): FilterToken {
  const token = parser.tokens[parser.at];
  if (token === undefined) throw new Unreadable("it ends too early");
  parser.at += 1;
  return token;
}

function take(parser: Parser, mark: string): boolean {
  const token = parser.tokens[parser.at];
  if (token?.kind !== "mark" || token.text !== mark) return false;
  parser.at += 1;
  return true;
}

function takeWord(parser: Parser, word: string): boolean {
  const token = parser.tokens[parser.at];
  if (token?.kind !== "word" || token.text !== word) return false;
  parser.at += 1;
  return true;
}

function expect(parser: Parser, mark: string): void {
  if (!take(parser, mark)) throw new Unreadable(`'${mark}' was expected`);
}
