/** The filters that lists of configuration understand: comparisons for equality, all of which must hold. */
import type { Body } from "./configuration/types.ts";

/** Tests an item, or says what is wrong. */
export type Condition = { readonly test: (body: Body) => boolean } | { readonly wrong: string };

const comparison = /^(\w+) (eq|ne) ('(?:[^']|'')*'|true|false|null|-?\d+)$/;
const beginning = /^startswith\((\w+), ?'((?:[^']|'')*)'\)$/i;
const member = /^(\w+) in \(([^)]*)\)$/;

/** Reads `$filter`. `ands` names the properties that were compared. */
export function readCondition(
  text: string | undefined,
): Condition & { readonly names: readonly string[] } {
  const names: string[] = [];
  const tests: ((body: Body) => boolean)[] = [];
  for (const part of text === undefined ? [] : text.split(/ and (?=(?:[^']*'[^']*')*[^']*$)/)) {
    const test = one(part.trim().replace(/^\((.*)\)$/, "$1"), names);
    if (test === undefined) return { wrong: `Invalid filter clause: '${part}'.`, names };
    tests.push(test);
  }
  return { names, test: (body) => tests.every((test) => test(body)) };
}

function one(part: string, names: string[]): ((body: Body) => boolean) | undefined {
  const [, name = "", operator, literal = ""] = comparison.exec(part) ?? [];
  if (operator !== undefined) {
    names.push(name);
    const isSame = same(valueOf(literal));
    return (body) => isSame(body[name] ?? null) === (operator === "eq");
  }
  const [, start, text = ""] = beginning.exec(part) ?? [];
  if (start !== undefined) {
    const wanted = unquoted(text).toLowerCase();
    return (body) => String(body[start]).toLowerCase().startsWith(wanted);
  }
  const [, list, values = ""] = member.exec(part) ?? [];
  if (list === undefined) return undefined;
  const tests = values.split(",").map((value) => same(valueOf(value.trim())));
  return (body) => tests.some((test) => test(body[list]));
}

/** Texts are compared without regard to case, as the directory does. */
const same =
  (wanted: unknown) =>
  (value: unknown): boolean =>
    typeof wanted === "string" && typeof value === "string"
      ? wanted.toLowerCase() === value.toLowerCase()
      : wanted === value;

const unquoted = (text: string): string => text.replaceAll("''", "'");

const valueOf = (literal: string): unknown =>
  literal.startsWith("'") ? unquoted(literal.slice(1, -1)) : (JSON.parse(literal) as unknown);
