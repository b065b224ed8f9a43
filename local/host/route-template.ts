/**
 * Route templates as ASP.NET Core reads them: `devices/{id:int}/{*rest}`, `{id?}`, `{id=5}`.
 *
 * Pure. A template becomes one regular expression and a list of parameters.
 */
import { constraint } from "./route-constraints.ts";

type Parameter = {
  readonly name: string;
  readonly kind: "required" | "optional" | "default" | "catch-all";
  readonly fallback?: string;
  readonly constraints: readonly ((value: string) => boolean)[];
};

type Part = string | Parameter;

/** Values of the parameters when `path` (decoded, without leading slash) matches, else undefined. */
export type RouteMatcher = (path: string) => Readonly<Record<string, string>> | undefined;

/**
 * Compiles a template.
 * @throws When it is malformed, saying how.
 */
export function compileTemplate(template: string): RouteMatcher {
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
