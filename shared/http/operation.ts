/**
 * An HTTP operation as a value: what it takes and answers. Handlers read it, and so does the OpenAPI 3.1 document, which is
 * built from the same zod schemas that check the requests.
 */

import type * as z from "zod";
import {
  createDocument,
  type ZodOpenApiContentObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameterObject,
  type ZodOpenApiPathItemObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from "zod-openapi";
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
  /** The file that it takes instead of JSON, also in a form; and most bytes of either. */
  readonly file?: { readonly type: string; readonly maxBytes: number };
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

// The document. zod-openapi turns schemas into JSON Schema 2020-12, the dialect of OpenAPI 3.1, and keeps the named ones in
// one place.

/** Builds the document for all operations; `publicUrl` is where callers reach them, if that is not where they are served. */
export function openApiDocument(
  operations: readonly Operation[],
  version: string,
  publicUrl = "/",
): Record<string, unknown> {
  const paths: Record<string, ZodOpenApiPathItemObject> = {};
  for (const each of operations) {
    const path = `/${each.path}`;
    const method = each.method.toLowerCase() as Lowercase<Operation["method"]>;
    paths[path] = { ...paths[path], [method]: describe(each) };
  }
  const document = createDocument({
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
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  });
  return { ...document };
}

const problem = {
  description: "A problem document (RFC 9457)",
  content: { "application/problem+json": { schema: Problem } },
};

function describe(declared: Operation): ZodOpenApiOperationObject {
  const { name, summary, tag, anonymous, params, query, body, answers } = declared;
  const responses: ZodOpenApiResponsesObject = { default: problem };
  for (const [status, answer] of Object.entries(answers))
    responses[status as "200"] = response(answer, isVersioned(declared));
  if (isVersioned(declared)) responses["304"] = { description: "You have it already" };
  return {
    operationId: name,
    summary,
    tags: [tag],
    ...(anonymous ? { security: [] } : {}),
    requestParams: { ...(params ? { path: params } : {}), ...(query ? { query } : {}) },
    parameters: headerParameters(declared),
    ...(body ? { requestBody: { required: true, content: contentOf(declared, body) } } : {}),
    responses,
  };
}

/** What a body may be: JSON, and a file where the operation takes one. */
function contentOf({ file }: Operation, body: z.ZodType): ZodOpenApiContentObject {
  const json = { "application/json": { schema: body } };
  if (file === undefined) return json;
  const bytes = { type: "string" as const, format: "binary", maxLength: file.maxBytes };
  const form = { type: "object" as const, required: ["file"], properties: { file: bytes } };
  return { ...json, [file.type]: { schema: bytes }, "multipart/form-data": { schema: form } };
}

const header = (name: string, description: string): ZodOpenApiParameterObject => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string", maxLength: 256 },
});

/** Whether its answers have versions (`unchanged.ts`). */
const isVersioned = ({ method, answers }: Operation): boolean =>
  method === "GET" && answers[200]?.body !== undefined;

function headerParameters(declared: Operation) {
  const { idempotent, conditional } = declared;
  return [
    ...(isVersioned(declared)
      ? [
          header(
            "If-None-Match",
            "The ETag of the answer that you have: where nothing has changed, 304",
          ),
        ]
      : []),
    ...(idempotent
      ? [header("Idempotency-Key", "The same key and body get the same answer for 24 hours")]
      : []),
    ...(conditional ? [header("If-Match", "The ETag that you read")] : []),
  ];
}

const text = { schema: { type: "string" as const } };

const response = (
  { description, body, headers = [], also = [] }: Answer,
  versioned: boolean,
): ZodOpenApiResponseObject => ({
  description,
  ...(headers.length > 0 || versioned
    ? {
        headers: Object.fromEntries(
          [...(versioned ? ["ETag"] : []), ...headers].map((name) => [name, text]),
        ),
      }
    : {}),
  ...(body
    ? {
        content: {
          "application/json": { schema: body },
          ...Object.fromEntries(also.map((type) => [type, text])),
        },
      }
    : {}),
});
