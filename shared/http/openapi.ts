/** The OpenAPI 3.1 document, built from the same zod schemas that check the requests. */
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import type { Answer, Operation } from "./operation.ts";
import { Problem } from "./problem.ts";

// Zod schemas as JSON Schema 2020-12, the dialect of OpenAPI 3.1. Named schemas are kept in one place
// and referred to: a reference inside an OpenAPI document starts at the document, not at the schema.

type Json = Record<string, unknown>;

/** Renders schemas and collects the named ones for `components/schemas`. */
export type SchemaBook = {
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
  for (const operation of operations) {
    const path = `/${operation.path}`;
    const described = describe(operation, book, problem);
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: described };
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

function describe(operation: Operation, book: SchemaBook, problem: Json): Json {
  return {
    operationId: operation.name,
    summary: operation.summary,
    tags: [operation.tag],
    ...(operation.anonymous ? { security: [] } : {}),
    parameters: [
      ...parametersOf("path", operation.params, book),
      ...parametersOf("query", operation.query, book),
      ...headerParameters(operation),
    ],
    ...(operation.body ? { requestBody: requestBody(operation.body, book) } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, answer]) => [
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
