/** What is wrong with an item that a person wrote, each fault with its place. Pure. */
import type { Fault } from "../../kernel/failure.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import { isDefaultTag, isObject, isToken } from "../plan/shape.ts";
import { canonical, segmentsIn } from "./canonical.ts";
import type { Json, JsonObject } from "./json.ts";
import { escaped } from "./references.ts";

/**
 * What is wrong with a body that somebody wrote, as canonical bodies are written. What is not kept is told and not
 * dropped: whoever wrote it down believes that it will be done.
 */
export function schemaFaults(type: ConfigurationType, body: unknown): readonly Fault[] {
  const faults = [...jsonFaults(body, "")];
  if (faults.length > 0) return faults;
  if (!isObject(body as Json)) return [{ pointer: "", detail: "must be an object" }];
  const item = body as JsonObject;
  const own = [
    ...keyFaults(type, item),
    ...tokenFaults(item, ""),
    ...secretFaults(type, item),
    ...filterFaults(item),
  ];
  if (own.length > 0) return own;
  return [...lostFaults(type, item), ...idFaults(type, item), ...(type.faults?.(item) ?? [])];
}

const maxDepth = 64;

function* jsonFaults(node: unknown, pointer: string, depth = 0): Generator<Fault> {
  if (depth > maxDepth) yield { pointer, detail: "is nested too deeply" };
  else if (typeof node === "number" && !Number.isFinite(node))
    yield { pointer, detail: "must be a number that JSON has" };
  else if (typeof node === "object" && node !== null)
    for (const [name, value] of Object.entries(node))
      yield* jsonFaults(value, `${pointer}/${escaped(name)}`, depth + 1);
  else if (!["string", "number", "boolean"].includes(typeof node) && node !== null)
    yield { pointer, detail: "must be JSON" };
}

/** What names an item must be there, in the form in which it names it. */
function keyFaults(type: ConfigurationType, body: JsonObject): Fault[] {
  return type.keyedBy.flatMap((property) => {
    const [top = ""] = segmentsIn(property);
    const value = body[top];
    const pointer = `/${top}`;
    if (property === "@odata.type")
      return typeof value === "string" && /^#microsoft\.graph\.\w+$/.test(value)
        ? []
        : [{ pointer, detail: "must say the type, such as #microsoft.graph.ipNamedLocation" }];
    // A part of a key that is deeper down, or is not kept in the body, may be missing.
    if (property !== top || property === "id" || isToken(value)) return [];
    return typeof value === "string" && value.trim() !== ""
      ? []
      : [{ pointer, detail: "names the item, and must not be empty" }];
  });
}

const families: ReadonlySet<string> = new Set([
  "group",
  "user",
  "servicePrincipal",
  "workloadIdentity",
  "directoryRole",
  "namedLocation",
  "authenticationStrength",
  "authenticationContext",
  "termsOfUse",
  "assignmentFilter",
  "roleScopeTag",
  "mobileApp",
  "notificationTemplate",
  "reusableSetting",
]);

function* tokenFaults(node: Json, pointer: string): Generator<Fault> {
  if (typeof node !== "object" || node === null) return;
  if (isObject(node) && Object.hasOwn(node, "$ref")) {
    yield* oneTokenFaults(node, pointer);
    return;
  }
  for (const [name, value] of Object.entries(node))
    yield* tokenFaults(value, `${pointer}/${escaped(name)}`);
}

function* oneTokenFaults(token: JsonObject, pointer: string): Generator<Fault> {
  const { $ref, name, id, ...rest } = token;
  if (typeof $ref !== "string" || !families.has($ref))
    yield { pointer: `${pointer}/$ref`, detail: "must be a kind of thing that can be referred to" };
  if (typeof name !== "string" && typeof id !== "string")
    yield { pointer, detail: "must have the name of what it refers to, or its id" };
  for (const [member, value] of Object.entries({ name, id }))
    if (value !== undefined && (typeof value !== "string" || value === ""))
      yield { pointer: `${pointer}/${member}`, detail: "must be a text" };
  for (const member of Object.keys(rest))
    yield { pointer: `${pointer}/${escaped(member)}`, detail: "is not a part of a reference" };
}

/** Secrets are in no repository: where one stands, only its placeholder is taken. */
function secretFaults(type: ConfigurationType, body: JsonObject): Fault[] {
  return (type.secrets ?? []).flatMap((name) => {
    const value = body[name];
    const isKept = value === undefined || value === null || isObject(value);
    return isKept ? [] : [{ pointer: `/${name}`, detail: "is a secret, and is not kept" }];
  });
}

/** A filter of which nobody says what it does would not be kept, and the policy would reach everybody of the group. */
function filterFaults({ assignments }: JsonObject): Fault[] {
  if (!Array.isArray(assignments)) return [];
  return assignments.flatMap((each: Json, place): Fault[] => {
    const target = isObject(each) ? each["target"] : undefined;
    if (!isObject(target)) return [];
    const filter = target["deviceAndAppManagementAssignmentFilterId"];
    const use = target["deviceAndAppManagementAssignmentFilterType"] ?? undefined;
    const isNamed = isToken(filter) || (typeof filter === "string" && !/^$|^0{8}-/.test(filter));
    const fits = isNamed ? ["include", "exclude", "none"] : ["none", undefined];
    const pointer = `/assignments/${place}/target/deviceAndAppManagementAssignmentFilterType`;
    const detail = 'must be "include" or "exclude" where a filter is named, and nowhere else';
    return fits.some((one) => one === use) ? [] : [{ pointer, detail }];
  });
}

/** Properties at the top that the canonical form has not: read-only ones, and those that move by themselves. */
function lostFaults(type: ConfigurationType, body: JsonObject): Fault[] {
  const kept = canonical(type, body, () => undefined).item.body;
  return Object.entries(body).flatMap(([name, value]) =>
    Object.hasOwn(kept, name) || saysNothing(value)
      ? []
      : [{ pointer: `/${escaped(name)}`, detail: "is read-only, or is not kept of this type" }],
  );
}

const saysNothing = (value: Json | undefined): boolean =>
  value === null ||
  value === "" ||
  (Array.isArray(value) && value.every(isDefaultTag)) ||
  (isObject(value) && Object.values(value).every(saysNothing));

/** An id of one tenant in a place of a reference: it would be sent to all of them. */
function idFaults(type: ConfigurationType, body: JsonObject): Fault[] {
  const bare = new Set<string>();
  canonical(type, body, (_, id) => {
    bare.add(id);
    return undefined;
  });
  return bare.size === 0 ? [] : [...bareFaults(body, "", bare)];
}

function* bareFaults(node: Json, pointer: string, bare: ReadonlySet<string>): Generator<Fault> {
  if (typeof node === "string" && (bare.has(node) || bare.has(node.toLowerCase())))
    yield { pointer, detail: 'must be a reference: {"$ref": kind, "name": name}' };
  if (typeof node !== "object" || node === null || isToken(node)) return;
  for (const [name, value] of Object.entries(node))
    yield* bareFaults(value, `${pointer}/${escaped(name)}`, bare);
}
