/** An HTTP operation as a value: what it takes and answers. Handler and OpenAPI read the same one. */
import type { z } from "zod";

/** HTTP methods that operations use. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Which headers and conventions an operation keeps, beyond its schemas. */
export type Conventions = {
  /** Takes `Idempotency-Key`: the same key and body get the same answer. */
  readonly idempotent?: boolean;
  /** Takes `If-Match` with the etag that a read gave. */
  readonly conditional?: boolean;
};

/** What an operation is, without how it is done. */
export type Operation = Conventions & {
  /** Name of the function and `operationId`. */
  readonly name: string;
  readonly method: Method;
  /** Path with `{parameters}`, without leading slash: `api/v1/tenants/{tenantId}`. */
  readonly path: string;
  /** One line for the reader of the API document. */
  readonly summary: string;
  readonly tag: string;
  /** Open to callers who have not signed in. */
  readonly anonymous?: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Success: status, and the schema of the body (absent when there is none). */
  readonly answers: Readonly<Record<number, Answer>>;
};

/** One successful answer. */
export type Answer = {
  readonly description: string;
  readonly body?: z.ZodType;
  readonly headers?: readonly string[];
  /** Further media types that `Accept` may ask for. */
  readonly also?: readonly string[];
};

/** Declares an operation; the types of its schemas stay known to the handler. */
export const operation = <const T extends Operation>(declared: T): T => declared;

/**
 * The values of the names in `template` where `pathname` is of its form, else undefined. As the Functions host does it:
 * letters of the fixed parts may be of either case, and `%2F` stays what it is.
 */
export function valuesIn(template: string, pathname: string): Record<string, string> | undefined {
  const wanted = template.split("/");
  const given = pathname.replace(/^\//, "").replace(/\/$/, "").split("/").map(decoded);
  if (wanted.length !== given.length) return undefined;
  const values: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at] ?? "";
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined && value !== "") values[name] = value;
    else if (part.toLowerCase() !== value.toLowerCase()) return undefined;
  }
  return values;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment.replace(/%2f/gi, "%252F"));
  } catch {
    return segment;
  }
}
