/** Microsoft's description of the types of configuration, where a copy of it lies beside the checkout. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigurationType } from "../../../../shared/sync/catalogue/configuration-type.ts";
import { type Place, placeOf } from "../../../../shared/sync/items/places.ts";

const folder = join(import.meta.dirname, "../../../../..", "shared", "reference", "graph");
const files = ["graph-v1-sync-slice.json", "graph-beta-sync-slice.json", "graph-beta-slice.json"];
/** Whether there is a description to judge by; tests that need it are skipped where there is none. */
export const isDescribed = files.every((file) => existsSync(join(folder, file)));

type Schema = {
  readonly $ref?: string;
  readonly "x-pruned-ref"?: string;
  readonly format?: string;
  readonly description?: string;
  readonly readOnly?: boolean;
  readonly "x-ms-navigationProperty"?: boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
};
type Answers = Readonly<Record<string, { readonly $ref?: string; readonly content?: Content }>>;
type Content = { readonly "application/json"?: { readonly schema?: Schema } };
type Operation = {
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Answers;
};
type Description = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Answers;
  };
};

const descriptions = (isDescribed ? files : []).map(
  (file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Description,
);

const pattern = (template: string): RegExp =>
  new RegExp(
    `^${template.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`).replaceAll(/\{[^}]*\}/g, "[^/]+")}$`,
  );

/** Operations of a path with ids in it, and where they are described. */
function described(path: string) {
  const plain = path.replace(/\?.*$/, "");
  return descriptions.flatMap((description) =>
    Object.entries(description.paths)
      .filter(([template]) => pattern(template).test(plain))
      .map(([, operations]) => ({ description, operations })),
  );
}

const lastName = (ref: string): string => ref.split("/").at(-1) ?? "";

const derivedTypes = new Map<Description, ReadonlyMap<string, readonly string[]>>();

/** Which types are derived from which, directly. */
function derivedOf(description: Description): ReadonlyMap<string, readonly string[]> {
  const known = derivedTypes.get(description);
  if (known !== undefined) return known;
  const pairs = Object.entries(description.components.schemas).flatMap(([name, { allOf = [] }]) =>
    allOf.flatMap(({ $ref }) => ($ref === undefined ? [] : [[lastName($ref), name] as const])),
  );
  const derived = new Map<string, string[]>();
  for (const [base, name] of pairs) derived.set(base, [...(derived.get(base) ?? []), name]);
  derivedTypes.set(description, derived);
  return derived;
}

/** A schema with what it is made of, and every type that is derived from it. */
function family(description: Description, schema: Schema): Schema[] {
  const { schemas } = description.components;
  const derived = derivedOf(description);
  const found = new Set<Schema>();
  const add = (one: Schema | undefined, isBase: boolean): void => {
    if (one === undefined || found.has(one)) return;
    found.add(one);
    const name = lastName(one.$ref ?? one["x-pruned-ref"] ?? "");
    add(schemas[name], isBase);
    for (const part of one.anyOf ?? []) add(part, isBase);
    for (const part of one.allOf ?? []) add(part, true);
    if (!isBase) for (const each of derived.get(name) ?? []) add({ $ref: each }, false);
  };
  add(schema, false);
  return [...found];
}

/** What a list or a singleton of a type is made of. */
export function itemSchemas(type: ConfigurationType) {
  return described(type.list).flatMap(({ description, operations }) => {
    const { responses = {} } = operations["get"] ?? {};
    const answer = responses["2XX"] ?? responses["200"];
    const named = answer?.$ref && description.components.responses[lastName(answer.$ref)];
    const schema = (named || answer)?.content?.["application/json"]?.schema;
    if (schema === undefined) return [];
    const lists = family(description, schema).flatMap(
      ({ properties }) => properties?.["value"] ?? [],
    );
    const items =
      type.kind === "singleton" ? [schema] : lists.flatMap(({ items: each }) => each ?? []);
    return items.map((item) => ({ description, item }));
  });
}

/** Whether a place stands in the description; what is cut off there says nothing against it. */
export function exists(items: ReturnType<typeof itemSchemas>, place: string): boolean {
  return items.some(({ description, item }) => {
    let here = [item];
    for (const part of place.split(".")) {
      const name = part.replace(/\[\]$/, "");
      const all = here.flatMap((schema) => family(description, schema));
      const found = all.flatMap(({ properties }) => properties?.[name] ?? []);
      if (found.length === 0) return false;
      here = part.endsWith("[]") ? found.flatMap((one) => one.items ?? one) : found;
    }
    return true;
  });
}

/** Properties of a schema, and of every type that is derived from it. */
const propertiesOf = (description: Description, schema: Schema): [string, Schema][] =>
  family(description, schema).flatMap(({ properties }) => Object.entries(properties ?? {}));

const isReadOnly = ({ readOnly, description = "" }: Schema): boolean =>
  readOnly === true || /read-?only\.?$/i.test(description.replace(/ Nullable\.$/, ""));

/** Places that Graph calls read-only, and that an entry of the catalogue keeps. */
export function readOnlyKept(type: ConfigurationType): string[] {
  const found = new Set<string>();
  const walk = (
    description: Description,
    schema: Schema,
    place: Place,
    at: readonly string[],
  ): void => {
    for (const [name, inner] of propertiesOf(description, schema)) {
      const here = place.property(name);
      // What is not asked for does not come, and no type of ours holds itself.
      const comes = inner["x-ms-navigationProperty"] !== true || type.item.includes(name);
      if (here.isDropped || !comes || at.includes(name) || at.length > 6) continue;
      if (isReadOnly(inner)) found.add([...at, name].join("."));
      walk(description, inner.items ?? inner, inner.items ? here.element : here, [...at, name]);
    }
  };
  for (const { description, item } of itemSchemas(type)) walk(description, item, placeOf(type), []);
  return [...found].toSorted();
}

/** What of a request's body Graph does not know there. */
export function unknownIn(method: string, path: string, body: unknown): string[] {
  const bodies = described(path).flatMap(({ description, operations }) => {
    const schema = operations[method.toLowerCase()]?.requestBody?.content?.["application/json"];
    return schema?.schema === undefined ? [] : [{ description, schema: schema.schema }];
  });
  const found = bodies.map(({ description, schema }) => unknownBelow(description, schema, body));
  return found.find((each) => each.length === 0) ?? found[0] ?? ["no such request"];
}

function unknownBelow(description: Description, schema: Schema, node: unknown): string[] {
  if (Array.isArray(node))
    return node.flatMap((each) => unknownBelow(description, schema.items ?? schema, each));
  if (typeof node !== "object" || node === null) return [];
  const properties = propertiesOf(description, schema);
  return Object.entries(node).flatMap(([name, value]) => {
    if (name === "@odata.type") return [];
    const places = properties.filter(([own]) => own === name);
    const below = places.map(([, place]) => unknownBelow(description, place, value));
    const best = below.toSorted((a, b) => a.length - b.length)[0] ?? [""];
    return best.map((inner) => (inner === "" ? name : `${name}.${inner}`));
  });
}

/** The methods that Graph has at a path with ids in it. */
export const methodsAt = (path: string): readonly string[] =>
  described(path).flatMap(({ operations }) => Object.keys(operations));
