/**
 * What a tenant's people decide about one item: how much of it is compared, which differences they accept, and which
 * values this tenant wants instead of the desired ones. It is written whole or not at all, touches neither the tenant
 * nor what is wanted, and comes before comparing in the next plan.
 */
import { isDeepStrictEqual } from "node:util";
import type * as z from "zod";
import type { Clock, Instant } from "../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/values.ts";
import { lost, updateRow } from "../storage/tables.ts";
import type { ConfigurationType } from "./catalogue/configuration-type.ts";
import { unknownItem, unknownType } from "./configuration.ts";
import type { ItemRulesBody, ItemRulesView } from "./contract.ts";
import { canonical } from "./items/canonical.ts";
import { schemaFaults } from "./items/edit.ts";
import type { Json, JsonObject } from "./items/json.ts";
import { acceptedIds, type ItemRules, isOver, rulesOf } from "./plan/compare.ts";
import { lensFor, segmentsOf, valueAt, withValueAt } from "./plan/shape.ts";
import type { Repository } from "./revisions/revisions.ts";
import { type RulesDocument, readRules, withEdit } from "./state/rules.ts";
import type { ItemName, TenantSync, Who } from "./state/sync.ts";
import type { SyncStore } from "./state/sync-store.ts";
import { itemRulesView } from "./views.ts";

type Bodies = { readonly desired: JsonObject; readonly actual: JsonObject | undefined };
type Given = Pick<z.output<typeof ItemRulesBody>, "deviations" | "overrides">;

/** What is wrong with rules of an item, each fault with its place. What `before` has already may have had its time. */
export function ruleFaults(
  type: ConfigurationType,
  { desired, actual }: Bodies,
  { deviations, overrides }: Given,
  before: ItemRules,
  now: Instant,
): Fault[] {
  let body = desired;
  const faults = overrides.flatMap(({ pointer, value }, at): Fault[] => {
    const place = `/overrides/${at}`;
    if (overrides.slice(0, at).some((other) => other.pointer === pointer))
      return [{ pointer: `${place}/pointer`, detail: "is overridden a second time" }];
    const put = overridden(type, body, actual, pointer, value);
    if (put === undefined) return [{ pointer: `${place}/pointer`, detail: notIn }];
    const wrong = madeWrong(type, body, put);
    body = put;
    return wrong.map((detail) => ({ pointer: `${place}/value`, detail }));
  });
  const isOld = (each: Given["deviations"][number]): boolean =>
    before.deviations.some((old) => isSameDeviation(old, each));
  const ofDeviations = deviations.flatMap((deviation, at): Fault[] => {
    if (isOld(deviation)) return [];
    const place = `/deviations/${at}`;
    return [
      ...(isIn(type, deviation.pointer, body, actual)
        ? []
        : [{ pointer: `${place}/pointer`, detail: notIn }]),
      ...(isOver(deviation, now) ? [{ pointer: `${place}/until`, detail: "is over already" }] : []),
    ];
  });
  return [...faults, ...ofDeviations];
}

type Deviation = { readonly pointer: string; readonly accepted?: Json; readonly until?: string };
const isSameDeviation = (one: Deviation, other: Deviation): boolean =>
  one.pointer === other.pointer &&
  one.until === other.until &&
  isDeepStrictEqual(one.accepted, other.accepted);

const notIn = "is not in this item";

/** What is wrong with a body that was not wrong before, in words. */
function madeWrong(type: ConfigurationType, before: JsonObject, after: JsonObject): string[] {
  const known = new Set(wordsOf(type, before));
  const wrong = wordsOf(type, after).filter((words) => !known.has(words));
  const isOther = wrong.length === 0 && keyOf(type, after) !== keyOf(type, before);
  return isOther ? ["would make another item of it: that names it"] : wrong;
}

const keyOf = (type: ConfigurationType, body: JsonObject): string =>
  canonical(type, body, () => undefined).item.key;
const wordsOf = (type: ConfigurationType, body: JsonObject): string[] =>
  schemaFaults(type, body).map(({ pointer, detail }) => `${pointer} ${detail}`);

/** Whether a pointer of a plan leads to something, under the names that either side gives to what it refers to. */
function isIn(
  type: ConfigurationType,
  pointer: string,
  desired: JsonObject,
  actual: JsonObject | undefined,
): boolean {
  // What says nothing is in no body, though the type has it.
  const known = [...(type.emptyIsNothing ?? []), ...type.sets];
  if (known.includes(segmentsOf(pointer).join("."))) return true;
  const lenses = [lensFor(type, actual, desired, true), lensFor(type, desired, actual, true)];
  return lenses.some((lens) =>
    [desired, actual].some((body) => valueAt(lens, body, pointer) !== undefined),
  );
}

/** The body with another value: of what is in the item on one side, or of a new element that is called so. */
function overridden(
  type: ConfigurationType,
  body: JsonObject,
  actual: JsonObject | undefined,
  pointer: string,
  value: Json,
): JsonObject | undefined {
  const put = withValueAt(lensFor(type, actual, body, true), body, pointer, value);
  if (pointer === "" || put === undefined) return undefined;
  const isElement = Array.isArray(
    valueAt(lensFor(type, actual, put, true), put, pointer.slice(0, pointer.lastIndexOf("/"))),
  );
  if (!isElement) return isIn(type, pointer, body, actual) ? put : undefined;
  return valueAt(lensFor(type, actual, put, true), put, pointer) === undefined ? undefined : put;
}

type Parts = {
  readonly store: SyncStore;
  readonly revisions: Repository;
  readonly clock: Clock;
  readonly typeOf: (key: string) => ConfigurationType | undefined;
};

/** An item's rules as they are shown, with the etag that a change presents. */
type ShownRules = { readonly view: z.output<typeof ItemRulesView>; readonly etag: string };

/** The rules of an item that is wanted or in the tenant. */
export async function readItemRules(
  parts: Parts,
  tenantId: string,
  name: ItemName,
): Promise<Result<ShownRules>> {
  const tenant = (await parts.store.tenant(tenantId, parts.clock.now())).value;
  const known = await bodiesOf(parts, tenant, name);
  if (!known.ok) return known;
  return succeed(shownRules(await readRules(parts.revisions, tenant), name, parts.clock.now()));
}

/** Replaces them; `ifMatch`: only those that the caller read. */
export async function replaceItemRules(
  parts: Parts,
  tenantId: string,
  name: ItemName,
  given: z.output<typeof ItemRulesBody>,
  { ifMatch, by }: { readonly ifMatch: string | undefined; readonly by: Who },
): Promise<Result<ShownRules>> {
  const { store, revisions, clock } = parts;
  return updateRow(`the rules of ${name.key} of ${tenantId}`, async () => {
    const tenant = await store.tenant(tenantId, clock.now());
    const now = clock.now();
    const bodies = await bodiesOf(parts, tenant.value, name);
    if (!bodies.ok) return bodies;
    const rules = await readRules(revisions, tenant.value);
    if (ifMatch !== undefined && ifMatch !== shownRules(rules, name, now).etag)
      return fail("precondition-failed", `The rules of ${name.key} changed since you read them.`);
    const { type, desired, actual } = bodies.value;
    const { mode, deviations, overrides } = given;
    const isNothing = mode === "strict" && deviations.length + overrides.length === 0;
    if (desired === undefined && !isNothing)
      return fail(
        "conflict",
        `Nobody wants ${name.key}: make it wanted first, by a PUT of the item.`,
      );
    const old = rulesOf(rules, name.type, name.key);
    const faults = desired && ruleFaults(type, { desired, actual }, given, old, now);
    if (faults !== undefined && faults.length > 0)
      return fail("invalid-request", "These rules do not fit the item.", { faults });
    const lens = lensFor(type, actual, desired, true);
    // What stands there already keeps what it was accepted of, whoever writes the rules once more.
    const idsOf = (each: Given["deviations"][number]) => {
      const known = old.deviations.find((before) => isSameDeviation(before, each));
      return known === undefined ? acceptedIds(lens, actual, each) : known.ids;
    };
    const next = rulesAfter(rules, name, given, { idsOf, at: now, by });
    const document = await revisions.putDocument(tenantId, withEdit(next, by, [name], now));
    const value = { ...tenant.value, rules: document };
    if ((await store.change({ value, etag: tenant.etag })) === undefined) return lost;
    return succeed(shownRules(next, name, now));
  });
}

/** The document with an item's rules as they are given. */
function rulesAfter(
  rules: RulesDocument,
  name: ItemName,
  { mode, deviations, overrides, message }: z.output<typeof ItemRulesBody>,
  {
    idsOf,
    at,
    by,
  }: {
    readonly idsOf: (deviation: Given["deviations"][number]) => readonly string[] | undefined;
    readonly at: Instant;
    readonly by: Who;
  },
): RulesDocument {
  const own = `${name.type}/${name.key}`;
  const others = <T extends ItemName>(all: readonly T[]): T[] =>
    all.filter(({ type, key }) => type !== name.type || key !== name.key);
  const accepted = deviations.map((each) => {
    const ids = idsOf(each);
    return { ...name, ...each, ...(ids === undefined ? {} : { ids: [...ids] }) };
  });
  return {
    ...rules,
    modes: { ...rules.modes, [own]: mode },
    deviations: [...others(rules.deviations), ...accepted],
    overrides: [...others(rules.overrides), ...overrides.map((each) => ({ ...name, ...each }))],
    decided: { ...rules.decided, [own]: { at, by, message } },
  };
}

function shownRules(rules: RulesDocument, name: ItemName, now: Instant): ShownRules {
  const own = rulesOf(rules, name.type, name.key);
  const decided = rules.decided[`${name.type}/${name.key}`];
  return {
    view: itemRulesView(rules, name, now),
    etag: `"${digest(JSON.stringify([own, decided]))}"`,
  };
}

/** An item on both sides; an unknown type or item is refused. */
async function bodiesOf(
  { revisions, typeOf }: Parts,
  tenant: TenantSync,
  { type: typeKey, key }: ItemName,
) {
  const type = typeOf(typeKey);
  if (type === undefined) return unknownType(typeKey);
  const { tenantId } = tenant;
  const bodyIn = async (tree: string | undefined): Promise<JsonObject | undefined> => {
    const manifest = (await revisions.tree(tenantId, tree))[typeKey];
    const listed = (await revisions.list(tenantId, typeKey, manifest)).find(
      (each) => each.key === key,
    );
    return listed && (await revisions.item(tenantId, listed)).body;
  };
  const [desired, actual] = [await bodyIn(tenant.desired), await bodyIn(tenant.snapshot)];
  if (desired === undefined && actual === undefined) return unknownItem(typeKey, key);
  return succeed({ type, desired, actual });
}
