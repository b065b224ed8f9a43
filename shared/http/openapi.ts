/** The OpenAPI 3.1 document, built from the same zod schemas that check the requests. */
import type { z } from "zod";
import { type SchemaBook, schemaBook } from "./openapi-schemas.ts";
import type { Answer, Operation } from "./operation.ts";
import { Problem } from "./problem.ts";

type Json = Record<string, unknown>;

/** Builds the document for all operations. */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
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
    servers: [{ url: "/" }],
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
