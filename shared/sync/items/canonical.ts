/**
 * The canonical form of an item: the same text for the same meaning, whenever and wherever it was read. What is
 * read-only or moves by itself is gone, ids are references with names, lists without an order are sorted, secrets are
 * placeholders. A canonical body stays as it is when it is made canonical again, so that edits take the same way. Pure.
 */
import canonicalize from "canonicalize";
import { digest } from "../../kernel/values.ts";
import type {
  ConfigurationType,
  Fixed,
  ReferenceFamily,
  ReferencePlace,
} from "../catalogue/configuration-type.ts";
import { isDefaultTag, isObject, isToken } from "../plan/shape.ts";
import type { Item, ItemEntry, ReferenceToken } from "./item.ts";
import { type Json, type JsonObject, textOf } from "./json.ts";
import { type Place, placeOf } from "./places.ts";

/** Tells the name of what an id stands for; nothing where it stands for nothing that is there. */
export type Resolve = (
  family: ReferenceFamily,
  id: string,
) => { readonly name: string } | undefined;

/** What is made of one item as Graph gives it. */
export type Canonical = {
  readonly item: Item;
  readonly entry: ItemEntry;
};

/** An item in its canonical shape, whose references have no names yet. */
export type Shaped = {
  readonly type: ConfigurationType;
  readonly raw: JsonObject;
  readonly body: JsonObject;
  readonly references: readonly Reference[];
};

/** A reference inside a shaped body: it is given its name there. */
type Reference = { readonly $ref: ReferenceFamily; name?: string; readonly id: string };

/** Gives an item its shape. `raw` is the whole of it, with every page of its nested lists. */
export function shaped(type: ConfigurationType, raw: JsonObject): Shaped {
  const references: Reference[] = [];
  const refer = (family: ReferenceFamily, id: string): ReferenceToken => {
    const token = { $ref: family, id };
    references.push(token);
    return token;
  };
  return { type, raw, body: shapeOf(type, raw, refer), references };
}

/** Gives a shaped item the names of its references: once, since they are written into it. */
export function named({ type, raw, body, references }: Shaped, resolve: Resolve): Canonical {
  for (const reference of references) {
    const name = resolve(reference.$ref, reference.id)?.name;
    if (name !== undefined) reference.name = name;
  }
  const id = raw["id"];
  const own = type.kind === "list" && typeof id === "string" ? { id } : {};
  const head = { type: type.key, key: keyOf(type, body, id), name: nameOf(type, body), ...own };
  const flaw = incomplete(type, raw);
  const fixed: Fixed | undefined = type.fixed?.(raw);
  return {
    item: { ...head, body },
    entry: {
      ...head,
      hash: digest(textInOrder(body)),
      ...(flaw === undefined ? {} : { flaw: { reason: "incompleteRead", detail: flaw } }),
      ...(fixed === undefined ? {} : { fixed }),
    },
  };
}

/**
 * The canonical text of what has its names in order: the engine writes it itself, in a quarter of the time. Names that look
 * like numbers it puts first, wherever they belong.
 */
function textInOrder(node: Json): string {
  const text = JSON.stringify(node);
  return numbersAsNames.test(text) ? (canonicalize(node) ?? "") : text;
}

const numbersAsNames = /[{,]"\d+":/;

/** Makes an item canonical whose references are known already. */
export const canonical = (type: ConfigurationType, raw: JsonObject, resolve: Resolve): Canonical =>
  named(shaped(type, raw), resolve);

/** SHA-256 of a canonical body. */
export const hashOf = (body: JsonObject): string => digest(canonicalize(body) ?? "");

function shapeOf(type: ConfigurationType, raw: JsonObject, refer: Refer): JsonObject {
  const place = placeOf(type);
  const whole = shapedObject(raw, place, refer);
  const normal = type.normalise?.(whole) ?? whole;
  return orderedObject(normal, place);
}

type Refer = (family: ReferenceFamily, id: string) => ReferenceToken;
/** One value without what is dropped, with references and placeholders in it. Undefined: it means nothing. */
function shape(node: Json | undefined, place: Place, refer: Refer): Json | undefined {
  if (node === null || node === undefined) return undefined;
  if (typeof node === "string") return place.isSecret ? secret : scalar(place, node.toWellFormed());
  if (isToken(node))
    return isDefaultTag(node) ? "0" : (JSON.parse(canonicalize(node) ?? "") as Json);
  if (isPlaceholder(node)) return node;
  if (place.isSecret) return secret;
  if (Array.isArray(node)) {
    const { element } = place;
    return node.map((each) => shape(each, element, refer) ?? emptyElement(each));
  }
  if (!isObject(node)) return node;
  const object = shapedObject(node, place, refer);
  // A part in which nothing is said is like one that is missing.
  return Object.keys(object).length === 0 ? undefined : object;
}

/** An element of a list stays, whatever it says: others are told apart from it by their number. */
const emptyElement = (element: Json): Json => (isObject(element) ? {} : null);

function shapedObject(node: JsonObject, at: Place, refer: Refer): JsonObject {
  const own = withoutSecrets(at.isTarget ? withoutNoFilter(node) : node);
  const made: Record<string, Json> = {};
  for (const name of Object.keys(own)) {
    const place = at.property(name);
    if (place.isDropped) continue;
    const value = referredTo(own, name, place, refer) ?? shape(own[name], place, refer);
    if (value !== undefined) put(made, name, value);
  }
  return made;
}

/** Gives an object a property by whatever name somebody has thought of. */
function put(object: Record<string, Json>, name: string, value: Json): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true });
}

/** A value that is an id, or a list of such, as references; undefined where no id is expected. */
function referredTo(owner: JsonObject, name: string, at: Place, refer: Refer): Json | undefined {
  const value = owner[name];
  if (Array.isArray(value)) {
    const { element } = at;
    const elements = referencePlace(owner, element);
    return elements && value.map((each: Json) => referred(elements, each, element, refer));
  }
  if (typeof value !== "string") return undefined;
  const place = settingReference(owner, name) ?? referencePlace(owner, at);
  return place && referred(place, value, at, refer);
}

const referencePlace = (owner: JsonObject, { references }: Place): ReferencePlace | undefined =>
  references.find(({ where }) => where === undefined || owner[where.property] === where.is);

const settings = "#microsoft.graph.deviceManagementConfiguration";

/** Settings of the catalogue nest deeply; what kind of value one is, it says itself. */
const settingReference = (owner: JsonObject, name: string): ReferencePlace | undefined =>
  name === "value" && owner["@odata.type"] === `${settings}ReferenceSettingValue`
    ? { at: "", family: "reusableSetting" }
    : undefined;

function referred(
  { family, literals = [] }: ReferencePlace,
  value: Json,
  at: Place,
  refer: Refer,
): Json {
  if (typeof value !== "string") return shape(value, at, refer) ?? null;
  const id = lowered(value);
  return literals.some((word) => lowered(word) === id) ? id : refer(family, id);
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const lowered = (text: string): string => (guid.test(text) ? text.toLowerCase() : text);

/** That a value is there, and is not kept. */
const secret: JsonObject = { $secret: true };

/** A text that Graph carries in base64, or a secret: what canonical bodies have in place of a value. */
const isPlaceholder = (node: Json): boolean =>
  isObject(node) &&
  Object.keys(node).length === 1 &&
  (typeof node["$text"] === "string" || node["$secret"] === true);

const encrypted = "****";

/** Values that are a secret by what stands beside them. */
function withoutSecrets(node: JsonObject): JsonObject {
  const kind = node["@odata.type"];
  if (kind === `${settings}SecretSettingValue`) {
    const { valueState: _, ...rest } = node;
    return { ...rest, value: secret };
  }
  // A profile with its key inside.
  if (kind === "#microsoft.graph.windows81WifiImportConfiguration" && node["payload"] !== undefined)
    return { ...node, payload: secret };
  if (typeof kind !== "string" || !kind.startsWith("#microsoft.graph.omaSetting")) return node;
  const { isEncrypted, secretReferenceValueId, ...rest } = node;
  const isHidden =
    isEncrypted === true ||
    typeof secretReferenceValueId === "string" ||
    rest["value"] === encrypted;
  return isHidden ? { ...rest, value: secret } : rest;
}

/** An item as Graph gave it, without its secrets: it is kept so while its type is read, and has the same shape. */
export const masked = (type: ConfigurationType, raw: JsonObject): JsonObject =>
  maskedObject(raw, placeOf(type));

function maskedIn(node: Json, place: Place): Json {
  if (node === null) return null;
  if (place.isSecret) return secret;
  if (Array.isArray(node)) return node.map((each: Json) => maskedIn(each, place.element));
  return isObject(node) ? maskedObject(node, place) : node;
}

const maskedObject = (node: JsonObject, place: Place): JsonObject =>
  Object.fromEntries(
    Object.entries(withoutSecrets(node)).map(([name, value]) => [
      name,
      maskedIn(value, place.property(name)),
    ]),
  );

/** Intune writes down in several ways that there is no filter. */
function withoutNoFilter(target: JsonObject): JsonObject {
  const {
    deviceAndAppManagementAssignmentFilterId: filter,
    deviceAndAppManagementAssignmentFilterType: kind,
    ...rest
  } = target;
  const isNone = kind === undefined || kind === null || kind === "none";
  const isNobody = typeof filter !== "string" ? !isObject(filter) : /^$|^0{8}-/.test(filter);
  return isNone || isNobody ? rest : target;
}

/** A text in the one way in which it is written. */
function scalar({ textKind }: Place, value: string): Json {
  if (textKind === "duration") return sameDuration(value);
  if (textKind === "encoded") return decoded(value);
  return textKind === "id" ? lowered(value) : value;
}

const durationParts = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.0+)?S)?)?$/;
const partSeconds = [604_800, 86_400, 3600, 60, 1];

/** A duration in days, hours, minutes and seconds, the greatest first; what is none stays as it is. */
function sameDuration(text: string): string {
  const parts = durationParts.exec(text);
  if (parts === null || /[PT]$/.test(text)) return text;
  const total = partSeconds.reduce(
    (sum, seconds, at) => sum + seconds * Number(parts[at + 1] ?? 0),
    0,
  );
  const part = (seconds: number, letter: string, most: number): string => {
    const amount = Math.floor(total / seconds) % most;
    return amount === 0 ? "" : `${amount}${letter}`;
  };
  const days = part(86_400, "D", Number.POSITIVE_INFINITY);
  const time = part(3600, "H", 24) + part(60, "M", 60) + part(1, "S", 60);
  if (total === 0) return "PT0S";
  return time === "" ? `P${days}` : `P${days}T${time}`;
}

/** A script as people read it, with the line ends of today; what is no text stays in base64. */
function decoded(value: string): Json {
  if (value === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return value;
  try {
    const bytes = Buffer.from(value, "base64");
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? value : { $text: text.replaceAll("\r\n", "\n") };
  } catch {
    return value;
  }
}

/** Lists without an order are sorted, as names are, and what means nothing is left out: once everything has its last form. */
function ordered(node: Json, place: Place): Json | undefined {
  if (Array.isArray(node)) return orderedList(node, place);
  if (node === "" && place.emptyIsNothing) return undefined;
  if (!isObject(node) || isToken(node)) return node;
  const object = orderedObject(node, place);
  return Object.keys(object).length === 0 ? undefined : object;
}

function orderedObject(node: JsonObject, place: Place): JsonObject {
  const made: Record<string, Json> = {};
  for (const name of Object.keys(node).toSorted()) {
    const value = node[name];
    const kept = value === undefined ? undefined : ordered(value, place.property(name));
    if (kept !== undefined) put(made, name, kept);
  }
  return made;
}

function orderedList(list: readonly Json[], place: Place): Json | undefined {
  const { element, keyedBy, isSet, isTags, emptyIsNothing } = place;
  const elements = list.map((each) => ordered(each, element) ?? emptyElement(each));
  if (isTags && elements.every((tag) => tag === "0")) return undefined;
  if (elements.length === 0 && emptyIsNothing) return undefined;
  if (keyedBy !== undefined) return sortedByKey(elements, keyedBy);
  if (!isSet) return elements;
  // The same thing twice in a set is the same thing.
  const byText = new Map(elements.map((each) => [sortText(each), each]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

const before = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** By what tells the elements apart; by all of their text where that does not. */
function sortedByKey(elements: readonly Json[], property: string): Json[] {
  const pairs = elements.map((each) => {
    const key = valueAt(each, property);
    return [typeof key === "string" ? key : sortText(key ?? null), each] as const;
  });
  return pairs
    .toSorted(([a, one], [b, other]) => before(a, b) || before(sortText(one), sortText(other)))
    .map(([, each]) => each);
}

/** References by their id, so that a new name moves nothing. */
function sortText(element: Json): string {
  const plain = isToken(element)
    ? [element.$ref, element.id ?? null, element.name ?? null]
    : element;
  return textInOrder(plain);
}

/** The names that a key property goes through; the one with a dot of its own is one. */
export const segmentsIn = (property: string): readonly string[] =>
  property.includes(".") ? property.split(/(?<!@odata)\./) : [property];

const valueAt = (node: Json | undefined, property: string): Json | undefined =>
  segmentsIn(property).reduce<Json | undefined>(
    (value, name) => (isObject(value) ? value[name] : undefined),
    node,
  );

// What items are called, and whether they are whole.

/** What names an item: its key properties, the name first; of a singleton there is but one. */
function keyOf(type: ConfigurationType, body: JsonObject, id: Json | undefined): string {
  if (type.kind === "singleton") return "singleton";
  return type.keyedBy
    .map((property) => {
      const value = property === "id" ? id : valueAt(body, property);
      const text = isToken(value) ? (value.id ?? value.name) : value;
      return textOf(text).replace(/^#microsoft\.graph\./, "");
    })
    .join(" / ");
}

function nameOf(type: ConfigurationType, body: JsonObject): string {
  if (type.kind === "singleton") return type.names.en;
  const name = body["displayName"] ?? body["name"] ?? valueAt(body, type.keyedBy[0] ?? "");
  return isToken(name) ? (name.name ?? name.id ?? "?") : textOf(name ?? "?");
}

/** In what an item is read in part, in words; undefined where it is whole. */
function incomplete(type: ConfigurationType, raw: JsonObject): string | undefined {
  // What people write has no id, and what they leave out they do not want.
  if (raw["id"] === undefined) return undefined;
  const unread = nextLink(raw);
  if (unread !== undefined) return `There are more pages of ${unread}, which were not read.`;
  if (type.assignedAs !== undefined && !Array.isArray(raw["assignments"]))
    return "Its assignments were not read.";
  for (const { into, countedBy } of type.nested ?? []) {
    const [list, count] = [raw[into], countedBy === undefined ? undefined : raw[countedBy]];
    if (!Array.isArray(list)) return `Its ${into} were not read.`;
    if (typeof count === "number" && list.length < count)
      return `Of its ${count} ${into} only ${list.length} were read.`;
  }
  return undefined;
}

function nextLink(node: Json | undefined): string | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  for (const name of Object.keys(node)) {
    if (name.endsWith("@odata.nextLink")) return name.slice(0, -"@odata.nextLink".length);
    const inner = nextLink((node as JsonObject)[name]);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/**
 * Gives items of one type their keys where the names alone do not: one that was known by its id keeps the key it had,
 * so that a new name is no new item; of others that are called alike nobody knows which is which, so that all of them
 * are marked and none is written.
 */
export function keyed(
  items: readonly Canonical[],
  known: ReadonlyMap<string, string> = new Map(),
): Canonical[] {
  const sorted = items.toSorted((a, b) => ((a.item.id ?? "") < (b.item.id ?? "") ? -1 : 1));
  const knownKey = ({ item }: Canonical): string | undefined => known.get(item.id ?? "");
  const used = new Set(sorted.flatMap((each) => knownKey(each) ?? []));
  /** Keys that one of the others has by its name alone. */
  const own = new Set<string>();
  const others = Map.groupBy(
    sorted.filter((each) => knownKey(each) === undefined),
    ({ item }) => item.key,
  );
  for (const [key, alike] of others) if (alike.length === 1 && !used.has(key)) own.add(key);
  return sorted.map((each) => {
    const old = knownKey(each);
    if (old !== undefined) return withKey(each, old, false);
    const wanted = each.item.key;
    if (own.has(wanted)) return withKey(each, wanted, false);
    let key = wanted;
    for (let count = 2; used.has(key) || own.has(key); count++) key = `${wanted}#${count}`;
    used.add(key);
    return withKey(each, key, true);
  });
}

function withKey({ item, entry }: Canonical, key: string, isAlike: boolean): Canonical {
  const flaw = {
    reason: "duplicateName",
    detail: `Several items of the tenant are called ${item.name}.`,
  } as const;
  return {
    item: { ...item, key },
    entry: { ...entry, key, ...(isAlike && entry.flaw === undefined ? { flaw } : {}) },
  };
}
