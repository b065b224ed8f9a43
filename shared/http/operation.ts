/**
 * An HTTP operation as a value: what it takes and answers. Handlers read it, and so does the OpenAPI 3.1 document, which is
 * built from the same zod schemas that check the requests.
 */

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { Problem } from "./reply.ts";

/** Which headers and conventions an operation keeps, beyond its schemas. */
type Conventions = {
  /** Takes `Idempotency-Key`: the same key and body get the same answer. */
  readonly idempotent?: boolean;
  /** Takes `If-Match` with the etag that a read gave. */
  readonly conditional?: boolean;
};

/** What an operation is, without how it is done. */
export type Operation = Conventions & {
  /** Name of the function and `operationId`. */
  readonly name: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
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
type Answer = {
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

// The document. Zod gives JSON Schema 2020-12, the dialect of OpenAPI 3.1. Named schemas are kept in one place
// and referred to: a reference inside an OpenAPI document starts at the document, not at the schema.

type Json = Record<string, unknown>;

/** Renders schemas and collects the named ones for `components/schemas`. */
type SchemaBook = {
  readonly of: (schema: z.ZodType, io: "input" | "output") => Json;
  readonly named: () => Json;
};

const localPrefix = "#/$defs/";
const suffixOf = { input: "Input", output: "Output" } as const;

/** An empty book. */
function schemaBook(): SchemaBook {
  const kept = new Map<string, unknown>();
  return {
    of: (schema, io) => {
      const { $schema: _, $defs = {}, ...json } = z.toJSONSchema(schema, { io, reused: "inline" });
      const render = (suffix: string) =>
        Object.entries($defs as Json).map(
          ([name, definition]) => [name + suffix, referring(definition, suffix)] as const,
        );
      // What is taken in otherwise than it is given out needs two names.
      const clashes = render("").some(
        ([name, definition]) => kept.has(name) && !isDeepStrictEqual(kept.get(name), definition),
      );
      const suffix = clashes ? suffixOf[io] : "";
      for (const [name, definition] of render(suffix)) kept.set(name, definition);
      return referring(json, suffix) as Json;
    },
    named: () => Object.fromEntries(kept),
  };
}

/** The same schema, with its references leading to the document's components. */
function referring(json: unknown, suffix: string): unknown {
  if (Array.isArray(json)) return json.map((part) => referring(part, suffix));
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string"
        ? value.replace(localPrefix, "#/components/schemas/") + suffix
        : referring(value, suffix),
    ]),
  );
}

/** Builds the document for all operations; `publicUrl` is where callers reach them, if that is not where they are served. */
export function openApiDocument(
  operations: readonly Operation[],
  version: string,
  publicUrl = "/",
): Json {
  const paths: Record<string, Json> = {};
  const book = schemaBook();
  const problem = book.of(Problem, "output");
  for (const each of operations) {
    const path = `/${each.path}`;
    const described = describe(each, book, problem);
    paths[path] = { ...paths[path], [each.method.toLowerCase()]: described };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Muster",
      version,
      description: "Runs a Microsoft 365 device fleet: actions on devices, with every outcome.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: publicUrl }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: book.named(),
    },
  };
}

function describe(declared: Operation, book: SchemaBook, problem: Json): Json {
  return {
    operationId: declared.name,
    summary: declared.summary,
    tags: [declared.tag],
    ...(declared.anonymous ? { security: [] } : {}),
    parameters: [
      ...parametersOf("path", declared.params, book),
      ...parametersOf("query", declared.query, book),
      ...headerParameters(declared),
    ],
    ...(declared.body ? { requestBody: requestBody(declared.body, book) } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(declared.answers).map(([status, answer]) => [
          status,
          response(answer, book),
        ]),
      ),
      default: {
        description: "A problem document (RFC 9457)",
        content: { "application/problem+json": { schema: problem } },
      },
    },
  };
}

function parametersOf(
  place: "path" | "query",
  schema: z.ZodObject | undefined,
  book: SchemaBook,
): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = book.of(schema, "input") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, shape]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: shape,
  }));
}

const header = (name: string, description: string): Json => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string", maxLength: 256 },
});

function headerParameters({ idempotent, conditional }: Operation): Json[] {
  return [
    ...(idempotent
      ? [header("Idempotency-Key", "The same key and body get the same answer for 24 hours")]
      : []),
    ...(conditional ? [header("If-Match", "The ETag that you read")] : []),
  ];
}

const requestBody = (schema: z.ZodType, book: SchemaBook): Json => ({
  required: true,
  content: { "application/json": { schema: book.of(schema, "input") } },
});

function response({ description, body, headers, also }: Answer, book: SchemaBook): Json {
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            headers.map((name) => [name, { schema: { type: "string" } }]),
          ),
        }
      : {}),
    ...(body
      ? {
          content: {
            "application/json": { schema: book.of(body, "output") },
            ...Object.fromEntries(
              (also ?? []).map((type) => [type, { schema: { type: "string" } }]),
            ),
          },
        }
      : {}),
  };
}
