/**
 * Zod schemas as JSON Schema 2020-12, the dialect of OpenAPI 3.1. Named schemas are kept in one place
 * and referred to: a reference inside an OpenAPI document starts at the document, not at the schema.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

type Json = Record<string, unknown>;

/** Renders schemas and collects the named ones for `components/schemas`. */
export type SchemaBook = {
  readonly of: (schema: z.ZodType, io: "input" | "output") => Json;
  readonly named: () => Json;
};

const localPrefix = "#/$defs/";
const suffixOf = { input: "Input", output: "Output" } as const;

/** An empty book. */
export function schemaBook(): SchemaBook {
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
