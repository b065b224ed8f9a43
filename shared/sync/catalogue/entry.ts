/** What entries of the catalogue have in common: where they are written, with which permissions, and usual places. */
import type {
  Allowed,
  ConfigurationType,
  ItemWrite,
  Json,
  JsonObject,
  WriteStep,
} from "./configuration-type.ts";

/** A permission to read, or a greater one that includes it; the first is the one that is asked for. */
export const toRead = (name: string): readonly string[] => [
  `${name}.Read.All`,
  `${name}.ReadWrite.All`,
];
const toWrite = (name: string): readonly string[] => [`${name}.ReadWrite.All`];

/** Needs of most types: one permission to read, one to write. */
export const access = (name: string): ConfigurationType["permissions"] => ({
  read: [toRead(name)],
  write: [toWrite(name)],
});

/** Policies of Entra: read with one permission, written with one of their own and that one. */
export const policyAccess = (write: string): ConfigurationType["permissions"] => ({
  read: [["Policy.Read.All"]],
  write: [["Policy.Read.All"], [write]],
});

/** Everything may be done. */
export const anything = { create: true, update: true, delete: true } as const;

const always: Allowed = { reason: "builtIn", detail: "A tenant has one, and always has it." };

const entra = {
  graph: "v1.0",
  contentIn: "list",
  workloads: { read: "identityReads", write: "identityWrites" },
  writtenBy: "app",
  drops: [],
  sets: [],
  emptyIsNothing: ["description"],
  references: [],
} as const satisfies Partial<ConfigurationType>;

/** Lists of Entra. */
export const entraList = {
  ...entra,
  kind: "list",
  keyedBy: ["displayName"],
  changeable: anything,
} as const satisfies Partial<ConfigurationType>;

/** Settings of Entra that each tenant has once. */
export const entraSingleton = {
  ...entra,
  kind: "singleton",
  keyedBy: [],
  drops: ["displayName", "description"],
  tier: 4,
  changeable: { create: always, update: true, delete: always },
} as const satisfies Partial<ConfigurationType>;

/** Where a type's items are created. */
const collectionOf = (type: Pick<ConfigurationType, "item">): string =>
  pathOf(type).replace(/\/\{id\}$/, "");

/** Where an item is written; its id still has to be filled in. */
const pathOf = ({ item }: Pick<ConfigurationType, "item">): string => item.replace(/\?.*$/, "");

/**
 * What an update sends of an item: its changed properties, with the type that Graph wants to see again, and with null or
 * an empty list for what is gone. Graph leaves alone what is not named, inside of complex properties too.
 */
function changesOf({ before, after = {}, changed }: ItemWrite): JsonObject {
  const kind = after["@odata.type"];
  return {
    ...(kind === undefined ? {} : { "@odata.type": kind }),
    ...Object.fromEntries(
      changed.map((name) => [name, withCleared(before?.[name], after[name], name)]),
    ),
  };
}

function withCleared(before: Json | undefined, after: Json | undefined, name: string): Json {
  if (after === undefined) return clearedOf(before, name);
  if (!isComplex(after) || !isComplex(before) || after["@odata.type"] !== before["@odata.type"])
    return after;
  const gone = Object.keys(before).filter((each) => !Object.hasOwn(after, each));
  return Object.fromEntries([
    ...Object.entries(after).map(([each, value]) => [each, withCleared(before[each], value, each)]),
    ...gone.map((each) => [each, clearedOf(before[each], each)] as const),
  ]);
}

function clearedOf(before: Json | undefined, name: string): Json {
  if (/^roleScopeTag(Id)?s$/.test(name)) return ["0"];
  return Array.isArray(before) ? [] : null;
}

const isComplex = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Assignments of an item, where they change or there are some from the start. */
export function assignmentSteps(type: ConfigurationType, write: ItemWrite): WriteStep[] {
  if (type.assignedAs === undefined || write.action === "delete") return [];
  const assignments = write.after?.["assignments"];
  const isDue =
    write.action === "create" ? assignments !== undefined : write.changed.includes("assignments");
  const path = `${pathOf(type).replace("{id}", write.id ?? "{id}")}/assign`;
  return isDue ? [{ method: "POST", path, body: { [type.assignedAs]: assignments ?? [] } }] : [];
}

/** POST, PATCH of what changed, or DELETE; and the assignments, which go by themselves. */
export function plainSteps(type: ConfigurationType, write: ItemWrite): WriteStep[] {
  const path = pathOf(type).replace("{id}", write.id ?? "{id}");
  if (write.action === "delete") return [{ method: "DELETE", path }];
  const isAssigned = type.assignedAs !== undefined;
  const assignments = assignmentSteps(type, write);
  if (write.action === "create") {
    const { assignments: _, ...rest } = write.after ?? {};
    const body: JsonObject = isAssigned ? rest : (write.after ?? {});
    return [{ method: "POST", path: collectionOf(type), body }, ...assignments];
  }
  const changed = write.changed.filter(
    (name) => !(isAssigned && name === "assignments") && !type.immutable?.includes(name),
  );
  const body = changesOf({ ...write, changed });
  return [
    ...(changed.length > 0 ? [{ method: "PATCH", path, body } as const] : []),
    ...assignments,
  ];
}

/** The list at a place of a body; where there is none, an empty one. */
export const listAt = (body: JsonObject | undefined, path: string): readonly JsonObject[] => {
  const list = path
    .split(".")
    .reduce<Json | undefined>((node, name) => (node as JsonObject | undefined)?.[name], body);
  return Array.isArray(list) ? list : [];
};

/** Elements that differ from the one of the same id before: each with what changed of it, its id and its type. */
export function changedElements({ before, after }: ItemWrite, path: string): JsonObject[] {
  return listAt(after, path).flatMap((element) => {
    const old = listAt(before, path).find(({ id }) => id === element["id"]);
    const names = [...new Set([...Object.keys(element), ...Object.keys(old ?? {})])];
    const changed = names.filter((name) => !same(element[name], old?.[name]));
    if (changed.length === 0) return [];
    const update = { action: "update", changed, after: element } as const;
    const body = changesOf(old === undefined ? update : { ...update, before: old });
    return [{ ...body, id: element["id"] ?? null }];
  });
}

/** Both are canonical, so their text is the same where they are. */
const same = (a: Json | undefined, b: Json | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b);
