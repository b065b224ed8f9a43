/**
 * From a canonical body back to one that Graph takes: references become ids of the tenant that is written to, and texts
 * go back into base64. A reference that leads nowhere, or to several things, is a fault: a list that is one name short
 * may be one that shuts everybody out. Pure.
 */
import type { ReasonCode, ReferenceFamily } from "../catalogue/configuration-type.ts";
import { countedByTenant, isObject, isToken } from "../plan/shape.ts";
import type { ReferenceToken } from "./item.ts";
import type { Json, JsonObject } from "./json.ts";

/** What a tenant has, asked by reference; filled before, since nothing here waits. */
export type Lookup = {
  /** The id that somebody said a reference stands for in this tenant. */
  readonly mapped: (token: ReferenceToken) => string | undefined;
  /** What has the reference's id here, with its name. */
  readonly byId: (
    family: ReferenceToken["$ref"],
    id: string,
  ) => { readonly name?: string } | undefined;
  /** Ids of everything that is called like this here. */
  readonly byName: (family: ReferenceToken["$ref"], name: string) => readonly string[];
};

/** A reference that cannot be turned into an id, and where it stands. */
type ReferenceFault = {
  readonly pointer: string;
  readonly reason: Extract<ReasonCode, "referenceUnresolved" | "referenceAmbiguous">;
  readonly detail: string;
};

/** A body as Graph takes it, or everything that stands in the way. */
type Resolved =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly faults: readonly ReferenceFault[] };

/** Turns every reference of a body into an id of the tenant: the whole body, or none of it. */
export function resolveForWrite(body: JsonObject, lookup: Lookup): Resolved {
  const faults: ReferenceFault[] = [];
  const resolved = walk(body, "", (token, pointer) => {
    const found = idHere(token, lookup);
    if (typeof found === "string") return found;
    faults.push({ pointer, ...found });
    return null;
  });
  if (faults.length > 0) return { ok: false, faults };
  if (!isObject(resolved)) throw new Error("a body is an object");
  return { ok: true, body: resolved };
}

function walk(
  node: Json,
  pointer: string,
  replace: (token: ReferenceToken, pointer: string) => Json,
): Json {
  if (isToken(node)) return replace(node, pointer);
  if (Array.isArray(node))
    return node.map((element: Json, place) => walk(element, `${pointer}/${place}`, replace));
  if (!isObject(node)) return node;
  const text = node["$text"];
  if (typeof text === "string") return Buffer.from(text).toString("base64");
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      walk(value, `${pointer}/${escaped(name)}`, replace),
    ]),
  );
}

/** A name as a part of a JSON pointer. */
export const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** The id that a reference has here: what somebody mapped, then the same id, then the only one of that name. */
export function idHere(
  token: ReferenceToken,
  lookup: Lookup,
): string | Omit<ReferenceFault, "pointer"> {
  const { $ref: family, id, name } = token;
  const mapped = lookup.mapped(token);
  if (mapped !== undefined) return mapped;
  const there = id === undefined ? undefined : lookup.byId(family, id);
  const isMeant = !countedByTenant.has(family) || name === undefined || there?.name === name;
  if (id !== undefined && there !== undefined && isMeant) return id;
  const ids = name === undefined ? [] : lookup.byName(family, name);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return only;
  const called = name ?? id ?? "without a name";
  return only === undefined
    ? { reason: "referenceUnresolved", detail: `The tenant has no ${family} ${called}.` }
    : {
        reason: "referenceAmbiguous",
        detail: `The tenant has ${ids.length} of ${family} ${called}.`,
      };
}

/** A thing that references can name. */
export type Referable = {
  readonly family: ReferenceFamily;
  readonly id: string;
  readonly name?: string;
};

const placeOf = (family: string, id: string): string => `${family} ${id.toLowerCase()}`;

/** Finds references among things that are known to be in the tenant. */
export function lookupIn(things: readonly Referable[]): Lookup {
  const byId = new Map(things.map((thing) => [placeOf(thing.family, thing.id), thing]));
  const byName = Map.groupBy(byId.values(), ({ family, name }) => `${family} ${name}`);
  return {
    mapped: () => undefined,
    byId: (family, id) => byId.get(placeOf(family, id)),
    byName: (family, name) => (byName.get(`${family} ${name}`) ?? []).map(({ id }) => id),
  };
}
