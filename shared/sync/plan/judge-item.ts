/**
 * What an item is to become by a tenant's rules, and what is to be done about it: nothing, a change, or leaving it alone
 * and saying why. Pure.
 */

import { isDeepStrictEqual } from "node:util";
import type { Instant } from "../../kernel/clock.ts";
import { digest } from "../../kernel/values.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { ItemEntry, ReferenceToken } from "../items/item.ts";
import type { JsonObject } from "../items/json.ts";
import { idHere, type Lookup } from "../items/references.ts";
import { acceptedIds, differences, type ItemRules, isOver, rulesOf } from "./compare.ts";
import {
  type BlockedItem,
  isAsCreated,
  type PlannedChange,
  type PlanRules,
  type PropertyChange,
  type Reason,
} from "./plan.ts";
import {
  hasSecret,
  isObject,
  type Lens,
  lensFor,
  mapTokens,
  mergeOver,
  segmentsOf,
  tokensIn,
  valueAt,
  withValueAt,
} from "./shape.ts";

/** The desired body as this tenant wants it, or the pointer of an override that leads nowhere. */
function withOverrides(
  lens: Lens,
  desired: JsonObject,
  { overrides }: ItemRules,
): { readonly body: JsonObject } | { readonly nowhere: string } {
  let body = desired;
  for (const { pointer, value } of overrides) {
    const next = withValueAt(lens, body, pointer, value);
    if (next === undefined) return { nowhere: pointer };
    body = next;
  }
  return { body };
}

/** What the tenant's item is to become: what it names by its mode, and what was accepted as it is. */
function targetBody(
  lens: Lens,
  desired: JsonObject,
  actual: JsonObject | undefined,
  rules: ItemRules,
  now: Instant,
): JsonObject | undefined {
  const own = actual === undefined ? desired : (lens.type.complete?.(desired, actual) ?? desired);
  const merged = rules.mode === "subset" ? mergeOver(lens, own, actual) : own;
  let body = isObject(merged) ? merged : own;
  for (const deviation of rules.deviations) {
    const { pointer, ids } = deviation;
    if (isOver(deviation, now)) continue;
    const there = acceptedIds(lens, actual, deviation);
    if (there === undefined || (ids !== undefined && !isDeepStrictEqual(ids, there))) continue;
    if (pointer === "") return actual;
    body = withValueAt(lens, body, pointer, valueAt(lens, actual, pointer)) ?? body;
  }
  return actual === undefined ? body : withFilledIn(lens, body, rules);
}

/** What the service has filled in when we created the item is wanted with it, as long as nobody names it otherwise. */
const withFilledIn = (lens: Lens, desired: JsonObject, { filled }: ItemRules): JsonObject =>
  (filled?.places ?? []).reduce(
    (body, { pointer, value }) =>
      valueAt(lens, body, pointer) === undefined
        ? (withValueAt(lens, body, pointer, value) ?? body)
        : body,
    desired,
  );

/** A change with the contents it is about; of a deletion no target. */
export type Draft = {
  readonly type: ConfigurationType;
  readonly change: PlannedChange;
  readonly actual?: JsonObject;
  readonly target?: JsonObject;
};

/** What came of judging an item. */
export type Verdict =
  | { readonly kind: "inOrder" }
  | { readonly kind: "blocked"; readonly blocked: BlockedItem }
  | { readonly kind: "change"; readonly draft: Draft };

/** An item of one side, with its body. */
export type Side = { readonly entry: ItemEntry; readonly body: () => JsonObject };

/** What judging an item takes, beside the item. */
export type Bench = {
  readonly rules: PlanRules;
  readonly now: Instant;
  /** Finds references in the tenant. */
  readonly lookup: Lookup;
  /** The change of this plan that creates what a reference names, if one does. */
  readonly supplier: (token: ReferenceToken) => string | undefined;
  /** Why this type is not written in this run, though Muster could. */
  readonly skipped: (type: string) => Reason | undefined;
};

/** Judges an item that is desired, against the tenant's, if it has one. */
export function judgeDesired(
  bench: Bench,
  type: ConfigurationType,
  desired: Side,
  actual: Side | undefined,
): Verdict {
  const { entry } = desired;
  const rules = rulesOf(bench.rules, type.key, entry.key);
  const reads =
    actual?.entry.hash === entry.hash || isAsCreated(rules.filled, entry, actual?.entry);
  const isSame = actual !== undefined && reads && rules.overrides.length === 0;
  // What was read in part cannot be called the same, whatever its last whole content was.
  if (isSame && actual.entry.flaw?.reason !== "incompleteRead") return inOrder;
  const flaw = actual?.entry.flaw ?? entry.flaw;
  if (flaw !== undefined) return blocked(type, entry, flaw);
  const there = actual?.body();
  const wanted = wantedBody(bench, type, desired.body(), there, rules);
  if ("reason" in wanted) return blocked(type, entry, wanted);
  const { target, lens } = wanted;
  const properties = differences(lens, there, target);
  if (target === undefined || (there !== undefined && properties.length === 0)) return inOrder;
  const action = there === undefined ? "create" : "update";
  const changed = changedParts(target, properties);
  const reason =
    notChangeable(bench, type, action) ??
    fixedOr(immutable(type, action, properties), actual?.entry ?? entry, properties) ??
    wrongContent(type, target, changed) ??
    missingReference(bench, there, changed);
  if (reason !== undefined) return blocked(type, entry, reason, properties);
  const needs = [...tokensIn(changed)].flatMap((token) => supplierOf(bench, token) ?? []);
  const draft = {
    ...draftOf(type, action, entry, properties, actual?.entry),
    target,
    ...(there === undefined ? {} : { actual: there }),
  };
  return {
    kind: "change",
    draft: { ...draft, change: { ...draft.change, needs: [...new Set(needs)], after: entry.hash } },
  };
}

/** Judges an item that is to be deleted: that it may be asked for was decided before. */
export function judgeDeletion(
  bench: Bench,
  type: ConfigurationType,
  { entry, body }: Side,
): Verdict {
  const there = body();
  const properties = differences(lensFor(type, there, undefined, true), there, undefined);
  const reason =
    entry.flaw ?? neverDeleted(type) ?? notChangeable(bench, type, "delete") ?? entry.fixed;
  if (reason !== undefined) return blocked(type, entry, reason, properties);
  return {
    kind: "change",
    draft: { ...draftOf(type, "delete", entry, properties, entry), actual: there },
  };
}

const inOrder: Verdict = { kind: "inOrder" };

/** An item that is left alone. */
export const blockedItem = (
  type: ConfigurationType,
  { key, name }: Pick<ItemEntry, "key" | "name">,
  { reason, detail }: Reason,
  properties: readonly PropertyChange[] = [],
): BlockedItem => ({ type: type.key, key, name, reason, detail, properties });

const blocked = (...args: Parameters<typeof blockedItem>): Verdict => ({
  kind: "blocked",
  blocked: blockedItem(...args),
});

function draftOf(
  type: ConfigurationType,
  action: PlannedChange["action"],
  { key, name }: ItemEntry,
  properties: readonly PropertyChange[],
  actual: ItemEntry | undefined,
): Draft {
  const changeId = digest("change", type.key, key, action, JSON.stringify(properties));
  return {
    type,
    change: {
      changeId,
      type: type.key,
      key,
      name,
      action,
      properties,
      needs: [],
      warnings: [],
      ...(actual === undefined ? {} : { before: actual.hash }),
      ...(actual?.id === undefined ? {} : { id: actual.id }),
    },
  };
}

type Wanted = { readonly target: JsonObject | undefined; readonly lens: Lens };

/** What the item is to become here: by this tenant's ids, overrides, mode and accepted deviations. */
function wantedBody(
  bench: Bench,
  type: ConfigurationType,
  desired: JsonObject,
  there: JsonObject | undefined,
  rules: ItemRules,
): Wanted | Reason {
  const own = (token: ReferenceToken) => ownToken(bench, there, token);
  const resolved = mapTokens(desired, own);
  const overridden = withOverrides(lensFor(type, there, resolved, true), resolved, rules);
  if ("nowhere" in overridden)
    return {
      reason: "validationFailed",
      detail: `The override at ${overridden.nowhere} leads nowhere in this item.`,
    };
  const body = mapTokens(overridden.body, own);
  const lens = lensFor(type, there, body, true);
  return { target: targetBody(lens, body, there, rules, bench.now), lens };
}

/** A reference as this tenant has it; as it is, where it stands for nothing that is there. */
function ownToken(
  bench: Bench,
  there: JsonObject | undefined,
  token: ReferenceToken,
): JsonObject & ReferenceToken {
  const found = foundHere(bench, there, token);
  const isHere = !("reason" in found);
  const { $ref, name, id } = isHere ? { ...found, $ref: token.$ref } : token;
  // What the plan creates has no id yet, and the desired one is that of something else.
  const hasId = id !== undefined && (isHere || bench.supplier(token) === undefined);
  return { $ref, ...(name === undefined ? {} : { name }), ...(hasId ? { id } : {}) };
}

/** What has an id is there already, even where the plan creates something of that name. */
const supplierOf = (bench: Bench, token: ReferenceToken): string | undefined =>
  token.id === undefined ? bench.supplier(token) : undefined;

function foundHere(
  { lookup }: Bench,
  there: JsonObject | undefined,
  token: ReferenceToken,
): Partial<ReferenceToken> | Reason {
  const id = idHere(token, lookup);
  if (typeof id === "string") {
    const name = lookup.byId(token.$ref, id)?.name ?? token.name;
    return { id, ...(name === undefined ? {} : { name }) };
  }
  // What the tenant's item names itself is there, even if nobody else knows of it.
  const own = [...tokensIn(there)].find(
    ({ $ref, name, id: other }) =>
      $ref === token.$ref && name !== undefined && (other === token.id || name === token.name),
  );
  return id.reason === "referenceUnresolved" && own !== undefined ? own : id;
}

function missingReference(
  bench: Bench,
  there: JsonObject | undefined,
  changed: JsonObject,
): Reason | undefined {
  for (const token of tokensIn(changed)) {
    const found = foundHere(bench, there, token);
    if ("reason" in found && supplierOf(bench, token) === undefined) return found;
  }
  return undefined;
}

/** The properties at the top that change: these are sent, and no others. */
function changedParts(target: JsonObject, properties: readonly PropertyChange[]): JsonObject {
  const names = new Set(properties.map(({ pointer }) => segmentsOf(pointer)[0]));
  return Object.fromEntries(Object.entries(target).filter(([name]) => names.has(name)));
}

function wrongContent(
  type: ConfigurationType,
  target: JsonObject,
  changed: JsonObject,
): Reason | undefined {
  if (hasSecret(changed))
    return {
      reason: "secretUnavailable",
      detail: "A secret stands in what changes, and writing it without would lose it.",
    };
  const fault = type.faults?.(target)[0];
  return fault && { reason: "validationFailed", detail: `${fault.pointer}: ${fault.detail}` };
}

function notChangeable(
  bench: Bench,
  type: ConfigurationType,
  action: PlannedChange["action"],
): Reason | undefined {
  const allowed = type.changeable[action];
  if (!type.isWritten)
    return { reason: "notChangeable", detail: "Muster compares this type and does not write it." };
  return (allowed === true ? undefined : allowed) ?? bench.skipped(type.key);
}

/** A fixed item may change in what its reason leaves out, and nowhere else. */
function fixedOr(
  other: Reason | undefined,
  { fixed }: ItemEntry,
  properties: readonly PropertyChange[],
): Reason | undefined {
  const open = (fixed?.except ?? []).map((path) => `/${path.replaceAll(".", "/")}`);
  const isOpen = ({ pointer }: PropertyChange): boolean =>
    open.some((place) => pointer === place || pointer.startsWith(`${place}/`));
  if (fixed === undefined || properties.every(isOpen)) return other;
  return { reason: fixed.reason, detail: fixed.detail };
}

function immutable(
  type: ConfigurationType,
  action: PlannedChange["action"],
  properties: readonly PropertyChange[],
): Reason | undefined {
  const names = properties.map(({ pointer }) => segmentsOf(pointer)[0] ?? "");
  const name = names.find((each) => type.immutable?.includes(each));
  return action === "update" && name !== undefined
    ? { reason: "notChangeable", detail: `${name} is set when an item is created, and stays.` }
    : undefined;
}

/** Whatever the catalogue says: with a group goes access, and a tenant has its singletons once. */
const neverDeleted = ({ key, kind }: ConfigurationType): Reason | undefined =>
  key === "group" || kind === "singleton"
    ? { reason: "deleteBlockedByGuard", detail: "Muster never deletes items of this type." }
    : undefined;
