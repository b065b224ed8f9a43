/**
 * How a body is seen when it is compared: lists of things that have a name become maps by that name, lists without an
 * order become sets, references become their plain names, and what means nothing is left out. Pointers go through this
 * view: `/conditions/users/includeGroups/Pilot`, not `/conditions/users/includeGroups/3`, since places in a list move
 * and names stay. Pure.
 */
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { ReferenceToken } from "../items/item.ts";
import type { Json, JsonObject } from "../items/json.ts";

/** A type of configuration, and how references in its bodies are called. */
export type Lens = {
  readonly type: ConfigurationType;
  readonly label: (token: ReferenceToken) => string;
};

/** Whether a value is a reference. */
export function isToken(node: Json | undefined): node is Json & ReferenceToken {
  return isObject(node) && typeof node["$ref"] === "string";
}

/** Whether a value is an object; a reference is one too. */
export const isObject = (node: Json | undefined): node is JsonObject =>
  typeof node === "object" && node !== null && !Array.isArray(node);

const isList = (node: Json | undefined): node is readonly Json[] => Array.isArray(node);

/** Numbers that each tenant counts for itself: the same one means something else in the next. */
export const countedByTenant: ReadonlySet<string> = new Set([
  "authenticationContext",
  "roleScopeTag",
]);

/** Whether a value is only known to be there. */
const isSecret = (node: Json | undefined): boolean => isObject(node) && node["$secret"] === true;

/** Whether anything in a value is only known to be there. */
export const hasSecret = (node: Json | undefined): boolean =>
  isSecret(node) ||
  (typeof node === "object" && node !== null && Object.values(node).some(hasSecret));

/** Every reference in a value. */
export function* tokensIn(node: Json | undefined): Generator<ReferenceToken> {
  if (isToken(node)) yield node;
  else if (isList(node)) for (const element of node) yield* tokensIn(element);
  else if (isObject(node)) for (const value of Object.values(node)) yield* tokensIn(value);
}

/** The same value with each reference replaced. */
export function mapTokens<T extends Json>(node: T, replace: (token: ReferenceToken) => Json): T;
export function mapTokens(node: Json, replace: (token: ReferenceToken) => Json): Json {
  if (isToken(node)) return replace(node);
  if (isList(node)) return node.map((element) => mapTokens(element, replace));
  if (!isObject(node)) return node;
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [name, mapTokens(value, replace)]),
  );
}

/**
 * A lens for two bodies. References are the same by id; by name where one of them has no id, or, unless `byId`, where
 * no id fits. What is the same has the same label: the name that `after` gives it, with its id where two would be
 * called alike or a word of Microsoft's is.
 */
export function lensFor(
  type: ConfigurationType,
  before: Json | undefined,
  after: Json | undefined,
  byId: boolean,
): Lens {
  const wanted = distinct(tokensIn(after));
  const found = distinct(tokensIn(before));
  const taken = new Set(found.map((token) => wanted.find((other) => sameId(token, other, byId))));
  const partner = (token: ReferenceToken): ReferenceToken =>
    wanted.find((other) => sameId(token, other, byId)) ??
    wanted.find((other) => !taken.has(other) && sameName(token, other, byId)) ??
    token;
  const things = distinct([...wanted, ...found.map(partner)]);
  const words = new Set(type.references.flatMap(({ literals = [] }) => literals));
  const counts = new Map<string, number>();
  for (const thing of things) counts.set(nameOf(thing), (counts.get(nameOf(thing)) ?? 0) + 1);
  const label = (thing: ReferenceToken): string => {
    const name = nameOf(thing);
    const unclear = (counts.get(name) ?? 0) > 1 || words.has(name);
    return unclear && thing.name !== undefined ? `${name} (${thing.id ?? thing.$ref})` : name;
  };
  const labels = new Map<string, string>();
  for (const token of found) labels.set(textOf(token), label(partner(token)));
  for (const token of wanted) labels.set(textOf(token), label(token));
  return { type, label: (token) => labels.get(textOf(token)) ?? nameOf(token) };
}

const nameOf = ({ name, id }: ReferenceToken): string => name ?? id ?? "?";
const textOf = ({ $ref, id, name }: ReferenceToken): string => JSON.stringify([$ref, id, name]);

const sameId = (a: ReferenceToken, b: ReferenceToken, byId: boolean): boolean =>
  a.$ref === b.$ref &&
  a.id !== undefined &&
  a.id === b.id &&
  (byId || !countedByTenant.has(a.$ref) || a.name === b.name || b.name === undefined);

const sameName = (a: ReferenceToken, b: ReferenceToken, byId: boolean): boolean =>
  a.$ref === b.$ref &&
  a.name !== undefined &&
  a.name === b.name &&
  !(byId && a.id !== undefined && b.id !== undefined);

const distinct = (tokens: Iterable<ReferenceToken>): ReferenceToken[] => [
  ...new Map(Array.from(tokens, (token) => [textOf(token), token])).values(),
];

/** What tells the elements of a list apart, or undefined where their order does. */
type ListKind = "set" | "assignments" | { readonly property: string };

function listKind(type: ConfigurationType, path: string): ListKind | undefined {
  if (path === "assignments") return "assignments";
  const property = type.keyedLists?.[path] ?? type.keyedLists?.[`${path}[]`];
  if (property !== undefined) return { property };
  return listed(type.sets, path) ? "set" : undefined;
}

const listed = (paths: readonly string[] | undefined, path: string): boolean =>
  paths !== undefined && (paths.includes(path) || paths.includes(`${path}[]`));

const inside = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** What each element of a list is called in a pointer; where order tells them apart, its place. */
function elementNames(lens: Lens, list: readonly Json[], path: string): string[] {
  const kind = listKind(lens.type, path);
  if (kind === undefined) return list.map((_, place) => String(place));
  const seen = new Map<string, number>();
  return list.map((element) => {
    const name = elementName(lens, element, path, kind);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    // In a set, the same thing twice is the same thing.
    return count === 1 || kind === "set" ? name : `${name}#${count}`;
  });
}

function elementName(lens: Lens, element: Json, path: string, kind: ListKind): string {
  if (kind === "assignments") return assignmentName(lens, element);
  const named = kind === "set" ? element : deepValue(element, kind.property);
  if (isToken(named)) return nameIn(lens, named);
  return typeof named === "string"
    ? named
    : JSON.stringify(shown(viewOf(lens, named, `${path}[]`)) ?? null);
}

const deepValue = (node: Json, property: string): Json | undefined =>
  property
    .split(".")
    .reduce<Json | undefined>((value, name) => (isObject(value) ? value[name] : undefined), node);

/** Whom an assignment is for: two that differ in this are two assignments, and not one that changed. */
function assignmentName(lens: Lens, element: Json): string {
  const target = isObject(element) ? element["target"] : undefined;
  if (!isObject(target)) return JSON.stringify(shown(viewOf(lens, element, "assignments[]")));
  const text = (node: Json | undefined): string =>
    isToken(node) ? lens.label(node) : typeof node === "string" ? node : "";
  const kind = text(target["@odata.type"]).replace(/^#?microsoft\.graph\./, "");
  const whom = text(target["groupId"] ?? target["collectionId"]);
  const who = targetNames[kind] ?? kind.replace(/AssignmentTarget$/, "");
  const filter = text(target["deviceAndAppManagementAssignmentFilterId"]);
  const filterType = text(target["deviceAndAppManagementAssignmentFilterType"]);
  const filtered = filter === "" || /^0{8}-/.test(filter) || filterType === "none";
  return [who, whom, ...(filtered ? [] : [`with filter ${filter} (${filterType})`])]
    .filter((part) => part !== "")
    .join(" ");
}

const targetNames: Readonly<Record<string, string>> = {
  allDevicesAssignmentTarget: "All devices",
  allLicensedUsersAssignmentTarget: "All users",
  groupAssignmentTarget: "group",
  exclusionGroupAssignmentTarget: "excluded group",
};

/** Maps that stand for a list of the body. */
const fromLists = new WeakSet<object>();

/** A body as it is compared. Absent: it means nothing. */
export function viewOf(lens: Lens, node: Json | undefined, path = ""): Json | undefined {
  if (node === null || node === undefined || isSecret(node)) return undefined;
  if (isEmpty(node) && listed(lens.type.emptyIsNothing, path)) return undefined;
  if (isToken(node)) return nameIn(lens, node);
  if (isList(node)) return listView(lens, node, path);
  if (isObject(node)) return objectView(lens, node, path);
  // JSON knows -0, and nobody means another number by it.
  return node === 0 ? 0 : node;
}

const isEmpty = (node: Json): boolean => node === "" || (isList(node) && node.length === 0);

function listView(lens: Lens, list: readonly Json[], path: string): Json | undefined {
  if (/(^|\.)roleScopeTag(Id)?s$/.test(path) && list.every(isDefaultTag)) return undefined;
  if (listKind(lens.type, path) === undefined)
    return list.map((element) => viewOf(lens, element, `${path}[]`) ?? null);
  const names = elementNames(lens, list, path);
  const view = mapOf(
    names.map((name, place) => [name, viewOf(lens, list[place], `${path}[]`) ?? null]),
  );
  fromLists.add(view);
  return view;
}

/** The default scope tag is one word everywhere, whoever refers to it by name. */
const nameIn = (lens: Lens, token: Json & ReferenceToken): string =>
  isDefaultTag(token) ? "0" : lens.label(token);

/** The default scope tag, by its id or the name that it has in every tenant. None at all is the same as this one. */
export const isDefaultTag = (tag: Json): boolean =>
  tag === "0" ||
  (isToken(tag) && tag.$ref === "roleScopeTag" && (tag.id ?? defaultIds[tag.name ?? ""]) === "0");
const defaultIds: Readonly<Record<string, string>> = { Default: "0" };

function objectView(lens: Lens, node: JsonObject, path: string): Json | undefined {
  // A text that Graph carries in base64.
  if (typeof node["$text"] === "string") return node["$text"];
  const entries = Object.entries(node).flatMap(([name, value]) => {
    const view = viewOf(lens, value, inside(path, name));
    return view === undefined ? [] : [[name, view] as const];
  });
  // A part in which nothing is said is like one that is missing.
  return entries.length === 0 && path !== "" ? undefined : mapOf(entries);
}

/** Without a prototype: a property may be called `constructor`, and microdiff asks with `in`. */
function mapOf(entries: readonly (readonly [string, Json])[]): JsonObject {
  const map: Record<string, Json> = Object.create(null);
  for (const [name, value] of entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) map[name] = value;
  return map;
}

/** A part of a view as people are shown it: lists are lists again. */
export function shown(view: Json | undefined): Json | undefined {
  if (isList(view)) return view.map((element) => shown(element) ?? null);
  if (!isObject(view)) return view;
  if (fromLists.has(view)) return Object.values(view).map((element) => shown(element) ?? null);
  return Object.fromEntries(
    Object.entries(view).map(([name, value]) => [name, shown(value) ?? null]),
  );
}

/** The value at a pointer of the view, in the body itself. */
export function valueAt(lens: Lens, body: Json | undefined, pointer: string): Json | undefined {
  let [node, path] = [body, ""];
  for (const name of segmentsOf(pointer)) {
    if (isList(node)) {
      node = node[elementNames(lens, node, path).indexOf(name)];
      path = `${path}[]`;
    } else if (isObject(node) && !isToken(node) && Object.hasOwn(node, name)) {
      [node, path] = [node[name], inside(path, name)];
    } else return undefined;
  }
  return node;
}

/** The body with another value at a pointer of the view, or without any; undefined where the pointer leads nowhere. */
export function withValueAt(
  lens: Lens,
  body: JsonObject,
  pointer: string,
  value: Json | undefined,
): JsonObject | undefined {
  const put = putAt(lens, body, "", segmentsOf(pointer), value);
  return put !== nowhere && isObject(put) ? put : undefined;
}

const nowhere = Symbol("nowhere");

function putAt(
  lens: Lens,
  node: Json | undefined,
  path: string,
  [name, ...rest]: readonly string[],
  value: Json | undefined,
): Json | undefined | typeof nowhere {
  if (name === undefined) return value;
  if (node === undefined || node === null) {
    // Where nothing is, there is nothing to take away.
    if (value === undefined) return node;
    const fresh = listKind(lens.type, path) === undefined ? {} : [];
    return putAt(lens, fresh, path, [name, ...rest], value);
  }
  const at: Place = { lens, path, name, rest, value };
  if (isList(node)) return putInList(node, at);
  return isObject(node) && !isToken(node) ? putInObject(node, at) : nowhere;
}

type Place = {
  readonly lens: Lens;
  readonly path: string;
  readonly name: string;
  readonly rest: readonly string[];
  readonly value: Json | undefined;
};

function putInList(list: readonly Json[], { lens, path, name, rest, value }: Place) {
  const place = elementNames(lens, list, path).indexOf(name);
  if (place < 0 && rest.length > 0 && value !== undefined) return nowhere;
  const put = putAt(lens, list[place], `${path}[]`, rest, value);
  if (put === nowhere) return nowhere;
  const elements = put === undefined ? [] : [put];
  return place < 0 ? [...list, ...elements] : list.toSpliced(place, 1, ...elements);
}

function putInObject(node: JsonObject, { lens, path, name, rest, value }: Place) {
  const own = Object.hasOwn(node, name) ? node[name] : undefined;
  const put = putAt(lens, own, inside(path, name), rest, value);
  if (put === nowhere) return nowhere;
  const others = Object.entries(node).filter(([other]) => other !== name);
  return Object.fromEntries(put === undefined ? others : [...others, [name, put] as const]);
}

/** The names that a pointer goes through. */
export const segmentsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));

/** What `desired` names, and of everything else what is there: lists are values, unless their elements have keys. */
export function mergeOver(lens: Lens, desired: Json, actual: Json | undefined, path = ""): Json {
  if (isToken(desired) || isToken(actual)) return desired;
  if (isList(desired) && isList(actual)) {
    if (typeof listKind(lens.type, path) !== "object") return desired;
    return mergeElements(lens, desired, actual, path);
  }
  if (!isObject(desired) || !isObject(actual)) return desired;
  const kinds = [desired, actual].map((node) => node["@odata.type"]);
  if (kinds[0] !== undefined && kinds[0] !== kinds[1]) return desired;
  const merged = Object.entries(desired).map(([name, value]) => {
    const there = Object.hasOwn(actual, name) ? actual[name] : undefined;
    return [name, mergeOver(lens, value, there, inside(path, name))] as const;
  });
  const others = Object.entries(actual).filter(([name]) => !Object.hasOwn(desired, name));
  return Object.fromEntries([...merged, ...others]);
}

function mergeElements(
  lens: Lens,
  desired: readonly Json[],
  actual: readonly Json[],
  path: string,
): Json {
  const wanted = elementNames(lens, desired, path);
  const there = elementNames(lens, actual, path);
  const merged = desired.map((element, place) =>
    mergeOver(lens, element, actual[there.indexOf(wanted[place] ?? "")], `${path}[]`),
  );
  return [...merged, ...actual.filter((_, place) => !wanted.includes(there[place] ?? ""))];
}
