/**
 * Reads Microsoft's description of Graph, where a copy of it lies beside the checkout, and judges
 * values by it: types through Ajv, and members that the (open) entity schemas do not name.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { default as addFormats } from "ajv-formats";

/** The versions of Graph that are described. */
export type GraphVersion = "v1.0" | "beta";

/** A piece of the description. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly "x-pruned-ref"?: string;
  readonly "x-all-properties"?: readonly string[];
};

/** One operation of a path. */
export type Operation = {
  readonly parameters?: readonly {
    readonly $ref?: string;
    readonly name?: string;
    readonly in?: string;
  }[];
  readonly requestBody?: Content & { readonly $ref?: string };
  readonly responses: Readonly<Record<string, Content & { readonly $ref?: string }>>;
};

/** A body by media type. */
export type Content = { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };

/** A whole description. */
export type Description = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Content>>;
    readonly parameters: Readonly<Record<string, { readonly name: string }>>;
    readonly requestBodies: Readonly<Record<string, Content>>;
  };
};

const checkout = join(import.meta.dirname, "..", "..");
const folder =
  process.env["GRAPH_DESCRIPTION"] ?? join(checkout, "..", "shared", "reference", "graph");
const files: Readonly<Record<GraphVersion, string>> = {
  "v1.0": "graph-v1-slice.json",
  beta: "graph-beta-slice.json",
};

/** Whether there is a description to judge by. Tests that need it are skipped where there is none. */
export const graphDescriptionPresent = Object.values(files)
  .flatMap((file) => [file, file.replace("-slice", "-sync-slice")])
  .every((file) => existsSync(join(folder, file)));

/** A description with what it takes to judge values by it. */
export type Judge = {
  readonly description: Description;
  /** What is wrong with a value, each with the place where. Empty when it fits. */
  readonly problems: (schema: Schema, value: unknown) => readonly string[];
  /** Follows references to the schema itself. */
  readonly resolve: (schema: Schema) => Schema;
};

const judges = new Map<string, Judge>();

/** The judge of a version. Throws when there is no description. */
export const judgeOf = (version: GraphVersion): Judge => judgeOfFile(version, files[version]);

/** The judge of a version's configuration, which is described in a file of its own. */
export const configurationJudge = (version: GraphVersion): Judge =>
  judgeOfFile(version, files[version].replace("-slice", "-sync-slice"));

function judgeOfFile(version: GraphVersion, file: string): Judge {
  let judge = judges.get(file);
  if (judge === undefined) {
    const text = readFileSync(join(folder, file), "utf8");
    judge = makeJudge(version, JSON.parse(text) as Description);
    judges.set(file, judge);
  }
  return judge;
}

function makeJudge(version: GraphVersion, description: Description): Judge {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat("base64url", /^[A-Za-z0-9+/_=-]*$/);
  const { schemas } = description.components;
  const root = { $id: version, components: { schemas: plainJsonSchema(schemas, schemas) } };
  ajv.addSchema(root);
  const compiled = new Map<Schema, ValidateFunction>();
  const byTypes = (schema: Schema, value: unknown): readonly string[] => {
    let validate = compiled.get(schema);
    if (validate === undefined) {
      const plain = JSON.stringify(plainJsonSchema(schema, schemas));
      validate = ajv.compile(
        JSON.parse(plain.replaceAll('"#/components', `"${version}#/components`)) as object,
      );
      compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map((error) => `${error.instancePath || "/"} ${error.message}`);
  };
  const resolve = (schema: Schema): Schema => {
    const name = schema.$ref?.split("/").at(-1) ?? schema["x-pruned-ref"];
    const target = name === undefined ? undefined : schemas[name];
    return target === undefined ? schema : resolve(target);
  };
  const problems = (schema: Schema, value: unknown): readonly string[] => [
    ...byTypes(schema, value),
    ...membersOf({ schemas, resolve, byTypes }, schema, value, ""),
  ];
  return { description, problems, resolve };
}

type Walk = {
  readonly schemas: Description["components"]["schemas"];
  readonly resolve: (schema: Schema) => Schema;
  readonly byTypes: (schema: Schema, value: unknown) => readonly string[];
};

/** Members that no schema names, and values of derived types that do not fit their own type. */
function membersOf(walk: Walk, given: Schema, value: unknown, at: string): readonly string[] {
  if (Array.isArray(value)) {
    const items = walk.resolve(given).items ?? {};
    return value.flatMap((item, position) => membersOf(walk, items, item, `${at}/${position}`));
  }
  if (typeof value !== "object" || value === null) return [];
  const base = walk.resolve(given.anyOf?.[0] ?? given);
  const derived = derivedFrom(walk, value);
  const schema = derived ?? base;
  const types = derived === undefined ? [] : walk.byTypes(derived, value).map((text) => at + text);
  const known = propertiesOf(walk, schema);
  if (Object.keys(known).length === 0) return types;
  const members = Object.entries(value).flatMap(([name, member]) => {
    if (name.includes("@odata.")) return [];
    const property = known[name];
    if (property === undefined) return [`${at}/${name} is not a member`];
    return membersOf(walk, property, member, `${at}/${name}`);
  });
  return [...types, ...members];
}

function derivedFrom(walk: Walk, value: object): Schema | undefined {
  const type = (value as Readonly<Record<string, unknown>>)["@odata.type"];
  return typeof type === "string" ? walk.schemas[type.replace(/^#/, "")] : undefined;
}

function propertiesOf(walk: Walk, schema: Schema): Readonly<Record<string, Schema>> {
  const inherited = (schema.allOf ?? []).map((part) => propertiesOf(walk, walk.resolve(part)));
  return Object.assign({}, ...inherited, schema.properties) as Record<string, Schema>;
}

/**
 * OpenAPI 3.0 as plain JSON Schema: `nullable` becomes a type, and cut-off references are tied again.
 * A reference to an object type takes null as well: the description lost that when it was converted.
 */
function plainJsonSchema(node: unknown, schemas: Description["components"]["schemas"]): unknown {
  if (Array.isArray(node)) return node.map((each) => plainJsonSchema(each, schemas));
  if (typeof node !== "object" || node === null) return node;
  const { nullable, ...rest } = node as Readonly<Record<string, unknown>>;
  const pruned = rest["x-pruned-ref"];
  if (typeof pruned === "string" && schemas[pruned] !== undefined) {
    return orNull({ $ref: `#/components/schemas/${pruned}` });
  }
  const target = typeof rest["$ref"] === "string" ? rest["$ref"].split("/").at(-1) : undefined;
  if (target !== undefined && schemas[target]?.properties !== undefined) return orNull(rest);
  const plain = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, plainPart(name, value, schemas)]),
  );
  return nullable === true ? orNull(plain) : plain;
}

/** Parts of a composed type must not turn nullable one by one. */
function plainPart(
  name: string,
  value: unknown,
  schemas: Description["components"]["schemas"],
): unknown {
  if (name !== "allOf" || !Array.isArray(value)) return plainJsonSchema(value, schemas);
  return value.map((part: Schema) =>
    part.$ref === undefined ? plainJsonSchema(part, schemas) : part,
  );
}

const orNull = (schema: object): object => ({ anyOf: [schema, { type: "null" }] });
