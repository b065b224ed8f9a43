/**
 * Route templates as ASP.NET Core reads them: `devices/{id:int}/{*rest}`, `{id?}`, `{id=5}`.
 *
 * Pure. A template becomes one regular expression and a list of parameters.
 */

// The inline constraints of ASP.NET Core routes, as predicates over a path value.

type Constraint = (value: string) => boolean;

const integer = (value: string): boolean => /^[+-]?\d+$/.test(value);
const within = (value: string, bits: bigint): boolean =>
  integer(value) &&
  BigInt(value.replace("+", "")) >= -(2n ** (bits - 1n)) &&
  BigInt(value.replace("+", "")) < 2n ** (bits - 1n);
const decimal: Constraint = (value) =>
  /^[+-]?(\d{1,3}(,\d{3})+|\d*)(\.\d+)?$/.test(value) && /\d/.test(value);
const real: Constraint = (value) => /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(value);

const plain: Readonly<Record<string, Constraint>> = {
  int: (value) => within(value, 32n),
  long: (value) => within(value, 64n),
  bool: (value) => /^(true|false)$/i.test(value),
  datetime: (value) => !Number.isNaN(Date.parse(value)),
  decimal,
  double: real,
  float: real,
  guid: (value) => /^[{(]?[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}[)}]?$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value !== "",
  file: (value) => /\.[^/.]+$/.test(value),
  nonfile: (value) => !/\.[^/.]+$/.test(value),
};

const sized: Readonly<Record<string, (first: number, second: number) => Constraint>> = {
  minlength: (least) => (value) => value.length >= least,
  maxlength: (most) => (value) => value.length <= most,
  length: (least, most) => (value) => value.length >= least && value.length <= most,
  min: (least) => (value) => integer(value) && Number(value) >= least,
  max: (most) => (value) => integer(value) && Number(value) <= most,
  range: (least, most) => (value) =>
    integer(value) && Number(value) >= least && Number(value) <= most,
};

/** The predicate that `name(argument)` stands for. @throws When there is no such constraint. */
function constraint(name: string, argument: string | undefined): Constraint {
  const key = name.toLowerCase();
  if (key === "regex" && argument !== undefined) {
    const pattern = new RegExp(argument, "i");
    return (value) => pattern.test(value);
  }
  const simple = plain[key];
  if (simple && argument === undefined) return simple;
  const [first, second = first] = (argument ?? "").split(",").map(Number);
  const make = sized[key];
  if (make && argument?.trim() && !Number.isNaN(first) && !Number.isNaN(second)) {
    return make(first ?? 0, second ?? 0);
  }
  throw new Error(
    `the constraint '${name}${argument === undefined ? "" : `(${argument})`}' is unknown`,
  );
}

type Parameter = {
  readonly name: string;
  readonly kind: "required" | "optional" | "default" | "catch-all";
  readonly fallback?: string;
  readonly constraints: readonly ((value: string) => boolean)[];
};

type Part = string | Parameter;

/** Values of the parameters when `path` (decoded, without leading slash) matches, else undefined. */
export type TemplateTest = (path: string) => Readonly<Record<string, string>> | undefined;

/**
 * Compiles a template.
 * @throws When it is malformed, saying how.
 */
export function compileTemplate(template: string): TemplateTest {
  const segments = splitSegments(template).map(parseSegment);
  const parameters = segments.flat().filter((part) => typeof part !== "string");
  const names = parameters.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new Error(`the parameter '${twice}' occurs twice`);
  const pattern = new RegExp(`^${segmentsPattern(segments)}$`, "i");
  return (path) => {
    const trimmed = path.replace(/^\/|\/$/g, "");
    const found = pattern.exec(trimmed && `/${trimmed}`);
    return found ? valuesOf(parameters, found.slice(1)) : undefined;
  };
}

function valuesOf(
  parameters: readonly Parameter[],
  found: readonly (string | undefined)[],
): Record<string, string> | undefined {
  const values: Record<string, string> = {};
  for (const [index, { name, fallback, constraints }] of parameters.entries()) {
    const value = found[index] || fallback;
    if (value === undefined) continue;
    if (!constraints.every((holds) => holds(value))) return undefined;
    values[name] = value;
  }
  return values;
}

/** Trailing segments that may be absent nest, so that each needs the one before it. */
function segmentsPattern([segment, ...rest]: readonly (readonly Part[])[]): string {
  if (!segment) return "";
  const tail = segmentsPattern(rest);
  const [only] = segment;
  if (segment.length === 1 && typeof only === "object") {
    if (only.kind === "catch-all") {
      if (rest.length > 0) throw new Error("a catch-all parameter must come last");
      return "(?:/(.*))?";
    }
    if (only.kind !== "required" && mayBeAbsent(rest)) return `(?:/([^/]+)${tail})?`;
    if (only.kind === "optional")
      throw new Error(`the optional parameter '${only.name}' must come last`);
  }
  return `/${segment.map(partPattern).join("")}${tail}`;
}

const mayBeAbsent = (segments: readonly (readonly Part[])[]): boolean =>
  segments.every(
    ([part, ...more]) => more.length === 0 && typeof part === "object" && part.kind !== "required",
  );

function partPattern(part: Part): string {
  if (typeof part === "string") return escapeLiteral(part);
  if (part.kind === "catch-all") throw new Error("a catch-all parameter must be a whole segment");
  // ASP.NET Core knows one such case, `{name}.{extension?}`; here it is refused rather than half right.
  if (part.kind === "optional") throw new Error("an optional parameter must be a whole segment");
  return "([^/]+)";
}

const escapeLiteral = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** Splits at slashes, but not inside braces, where a regular expression may hold one. */
function splitSegments(template: string): readonly string[] {
  if (template === "") return [];
  const segments: string[] = [""];
  let depth = 0;
  for (const char of template) {
    if (char === "{") depth++;
    if (char === "}") depth--;
    if (char === "/" && depth === 0) segments.push("");
    else segments[segments.length - 1] += char;
  }
  if (depth !== 0) throw new Error("the braces do not pair up");
  if (segments.includes("")) throw new Error("it has an empty segment or a leading slash");
  return segments;
}

/** Literals and parameters of one segment; doubled braces are literal ones. */
function parseSegment(segment: string): readonly Part[] {
  const parts: Part[] = [];
  const tokens = /\{\{|\}\}|\{((?:[^{}]|\{\{|\}\})*)\}|[^{}]+|./g;
  for (const [token, body] of segment.matchAll(tokens)) {
    const previous = parts.at(-1);
    if (body !== undefined) {
      if (typeof previous === "object")
        throw new Error("two parameters need a literal between them");
      parts.push(parseParameter(body));
    } else if (token === "{" || token === "}") throw new Error("the braces do not pair up");
    else if (token.includes("?")) throw new Error("a literal cannot contain '?'");
    else if (typeof previous === "string") parts[parts.length - 1] = previous + unescape(token);
    else parts.push(unescape(token));
  }
  return parts;
}

const unescape = (text: string): string => text.replace("{{", "{").replace("}}", "}");

function parseParameter(body: string): Parameter {
  const [, star = "", name = "", inline = "", fallback, question] =
    /^(\*{0,2})([^*:=?/]*)((?::\w+(?:\((?:[^()]|\([^()]*\))*\))?)*)(?:=([^?]*))?(\?)?$/.exec(
      body,
    ) ?? [];
  if (!name) throw new Error(`'{${body}}' is not a parameter`);
  if (fallback !== undefined && question)
    throw new Error(`'${name}' is optional and has a default`);
  const constraints = [...inline.matchAll(/:(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?/g)].map(
    ([, key = "", argument]) =>
      constraint(key, argument?.replaceAll("{{", "{").replaceAll("}}", "}")),
  );
  const kind = star
    ? "catch-all"
    : question
      ? "optional"
      : fallback === undefined
        ? "required"
        : "default";
  return { name, kind, constraints, ...(fallback === undefined ? {} : { fallback }) };
}
