/** Situations for tests of plans: a type with every kind of list, what is wanted of it, and what is there. */

import { digest } from "../../../../shared/kernel/values.ts";
import type {
  ConfigurationType,
  ReasonCode,
} from "../../../../shared/sync/catalogue/configuration-type.ts";
import type { Item, ItemEntry, TypeContent } from "../../../../shared/sync/items/item.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { type Lookup, lookupIn, type Referable } from "../../../../shared/sync/items/references.ts";

import { noRules, type Plan } from "../../../../shared/sync/plan/plan.ts";
import { type PlanInput, planOf } from "../../../../shared/sync/plan/plan-of.ts";

const plain: ConfigurationType = {
  key: "deviceConfiguration",
  names: { en: "Device configuration", fr: "Configuration d'appareil" },
  graph: "beta",
  kind: "list",
  list: "/things",
  item: "/things/{id}",
  contentIn: "list",
  workloads: { read: "configurationReads", write: "configurationWrites" },
  permissions: { read: [], write: [] },
  writtenBy: "app",
  keyedBy: ["displayName"],
  drops: [],
  sets: ["roleScopeTagIds", "conditions.users.includeGroups", "targets", "ranges"],
  emptyIsNothing: ["description", "ranges"],
  keyedLists: { settings: "instance.definitionId", methods: "id" },
  references: [
    { at: "conditions.users.includeGroups[]", family: "group", literals: ["All"] },
    { at: "assignments[].target.groupId", family: "group" },
  ],
  tier: 3,
  changeable: { create: true, update: true, delete: true },
  isWritten: true,
};

/** A type like the plain one, with what a test needs otherwise. */
export const typeWith = (more: Partial<ConfigurationType> = {}): ConfigurationType => ({
  ...plain,
  ...more,
});

/** A reference, by name and id. */
export const ref = (
  $ref: "group" | "user" | "namedLocation" | "directoryRole" | "assignmentFilter" | "roleScopeTag",
  name?: string,
  id?: string,
): JsonObject => ({
  $ref,
  ...(name === undefined ? {} : { name }),
  ...(id === undefined ? {} : { id }),
});

/** An item of a type. */
export const item = (type: string, key: string, body: JsonObject, id?: string): Item => ({
  type,
  key,
  name: key,
  body,
  ...(id === undefined ? {} : { id }),
});

/** A type's content. */
export const content = (
  type: string,
  items: readonly Item[],
  more: Readonly<Record<string, Partial<ItemEntry>>> = {},
): TypeContent => ({
  type,
  items,
  entries: new Map(
    items.map(({ body, ...entry }) => [
      entry.key,
      { ...entry, hash: digest(JSON.stringify(body)), ...more[entry.key] },
    ]),
  ),
});

/** What references can stand for: items of a tenant, and what else is there. */
export const lookupOf = (
  contents: readonly TypeContent[],
  others: readonly Referable[] = [],
): Lookup =>
  lookupIn([
    ...others,
    ...contents.flatMap(({ type, entries }) =>
      [...entries.values()].flatMap(({ id, name }) =>
        id === undefined ? [] : [{ family: type as Referable["family"], id, name }],
      ),
    ),
  ]);

/** The type that most tests are about. */
export const type = typeWith();
/** Types that others name, or that name others. */
export const groups = typeWith({
  key: "group",
  tier: 0,
  changeable: { create: true, update: true, delete: true },
});
export const locations = typeWith({ key: "namedLocation", tier: 1 });
export const policies = typeWith({ key: "conditionalAccessPolicy", tier: 6 });
export const key = type.key;

/** What is wanted, and what is there. */
export type Sides = {
  readonly desired?: readonly TypeContent[];
  readonly actual?: readonly TypeContent[];
};

/** The plan of a situation. */
export const plan = ({ desired = [], actual = [] }: Sides, more: Partial<PlanInput> = {}): Plan =>
  planOf({
    types: [type],
    desired,
    actual,
    rules: noRules,
    now: Date.parse("2026-11-29T09:00:00Z"),
    lookup: lookupOf(actual),
    unread: [],
    ...more,
  });

/** An item of the usual type. */
export const thing = (name: string, more: JsonObject = {}, id = `id-${name}`): Item =>
  item(key, name, { displayName: name, ...more }, id);
/** All of the usual type. */
export const things = (
  items: readonly Item[],
  more?: Parameters<typeof content>[2],
): TypeContent[] => [content(key, items, more)];
/** A plan in which there is nothing. */
export const nothing: Plan = { changes: [], blocked: [], held: [], unmanaged: [], unread: [] };
/** A policy for a group. */
export const inGroup = (group: JsonObject): JsonObject => ({
  conditions: { users: { includeGroups: [group] } },
});
/** Some reason. */
export const because = (
  reason: ReasonCode,
  detail = "It is so.",
): NonNullable<ItemEntry["fixed"]> => ({
  reason,
  detail,
});
/** An item that was wanted or made before. */
export const known = (name: string, id?: string) => ({
  type: key,
  key: name,
  ...(id ? { id } : {}),
});
/** Decisions about a tenant. */
export const rules = (more: Partial<typeof noRules>): Partial<PlanInput> => ({
  rules: { ...noRules, ...more },
});

/** Whatever is to be confirmed was. */
export const anything = { has: () => true };
