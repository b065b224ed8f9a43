/** How much a request may ask for: every list and text of the API document's requests has an end. */
import { expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { openApiDocument } from "../../shared/http/operation.ts";

type Schema = Readonly<Record<string, unknown>>;
const document = openApiDocument(operations, "0.0.0") as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** A pattern from end to end that repeats nothing without an end. */
const isFixed = (pattern: unknown): boolean =>
  typeof pattern === "string" && /^\^.*\$$/.test(pattern) && !/[*+]|\{\d+,\}/.test(pattern);

const isObject = (value: unknown): value is Schema => typeof value === "object" && value !== null;

/** Places in a schema that take as much as a caller likes. */
function endless(schema: unknown, place: string, seen: ReadonlySet<string>): string[] {
  if (Array.isArray(schema))
    return schema.flatMap((each, at) => endless(each, `${place}/${at}`, seen));
  if (!isObject(schema)) return [];
  const { $ref: reference, type } = schema;
  if (typeof reference === "string") {
    const name = reference.split("/").at(-1) ?? "";
    if (seen.has(name)) return [];
    return endless(
      document.components.schemas[name],
      `${place}(${name})`,
      new Set([...seen, name]),
    );
  }
  const closed = "enum" in schema || "const" in schema;
  const wrong: string[] = [];
  if (type === "array" && schema["maxItems"] === undefined) wrong.push(`${place}: list`);
  const bounded =
    ["maxLength", "format"].some((key) => key in schema) || isFixed(schema["pattern"]);
  if (type === "string" && !closed && !bounded) wrong.push(`${place}: text`);
  const open = isObject(schema["additionalProperties"]) && schema["maxProperties"] === undefined;
  if (open) wrong.push(`${place}: properties`);
  const named = isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const inner = [
    ...named.flatMap(([key, value]) => endless(value, `${place}/${key}`, seen)),
    ...["items", "anyOf", "oneOf", "allOf", "additionalProperties", "not"].flatMap((key) =>
      endless(schema[key], `${place}/${key}`, seen),
    ),
  ];
  return [...wrong, ...inner];
}

const requests = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.values(methods).map((each) => ({ id: String(each["operationId"]), path, each })),
);

test("the document has requests with bodies, parameters and lists to look at", () => {
  expect(requests.length).toBeGreaterThan(40);
  expect(endless({ type: "array", items: { type: "string" } }, "x", new Set())).toEqual([
    "x: list",
    "x/items: text",
  ]);
});

test.each(requests)("$id takes no list and no text without an end", ({ each }) => {
  const schemas = bodySchemas(each["requestBody"]);
  expect(schemas.flatMap((schema) => endless(schema, "body", new Set()))).toEqual([]);
  const parameters = (each["parameters"] ?? []) as readonly Schema[];
  for (const { name, schema } of parameters)
    expect(endless(schema, String(name), new Set())).toEqual([]);
});

function bodySchemas(body: unknown): unknown[] {
  if (!isObject(body) || !isObject(body["content"])) return [];
  return Object.values(body["content"]).map((content) => (content as Schema)["schema"]);
}
