/**
 * What is wrong with a request's content, with the JSON pointer of each fault, in words of our own. However much is wrong,
 * the answer stays small: it is written for somebody who may have no right to send anything.
 */
import * as z from "zod";
import { type Failure, type Fault, fail } from "../kernel/failure.ts";

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
      return sized(issue.origin, "at most", issue.maximum, issue.inclusive === false);
    case "too_small":
      return sized(issue.origin, "at least", issue.minimum, issue.inclusive === false);
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

function sized(origin: string, word: string, limit: number | bigint, open: boolean): string {
  const countable = sizes[origin];
  if (countable !== undefined) return `must have ${word} ${limit} ${countable}`;
  return open
    ? `must be ${word === "at most" ? "below" : "above"} ${limit}`
    : `must be ${word} ${limit}`;
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
