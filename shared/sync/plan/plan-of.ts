/**
 * The plan: what of a tenant is to change, so that it becomes what is desired. Absence counts only where a type was
 * read to its end; deletions have to be asked for, are only of what was ours, and stop when they are many. Pure.
 */
import type { Instant } from "../../kernel/clock.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { ItemEntry, ReferenceToken, TypeContent } from "../items/item.ts";
import type { JsonObject } from "../items/json.ts";
import type { Lookup } from "../items/references.ts";
import {
  type Bench,
  blockedItem,
  type Draft,
  judgeDeletion,
  judgeDesired,
  type Side,
  type Verdict,
} from "./judge-item.ts";
import { type LockOutFacts, lockOutWarnings, type UnknownFacts } from "./lock-out.ts";
import { groupWarnings, movesMembers, namesGroup } from "./moved-groups.ts";
import { isForMore, locationWarnings } from "./moved-locations.ts";
import {
  type BlockedItem,
  confirmationOf,
  type Plan,
  type PlanRules,
  type Reason,
  type UnreadType,
} from "./plan.ts";
import { tokensIn } from "./shape.ts";

/** An item that was desired or created once: by key, and where it is known, by the id it had in this tenant. */
export type KnownItem = { readonly type: string; readonly key: string; readonly id?: string };

/** What a plan is made of. */
export type PlanInput = {
  /** The types that the run is about. */
  readonly types: readonly ConfigurationType[];
  readonly desired: readonly TypeContent[];
  /** What was read to its end; a type that is missing here was not. Bodies that are the same on both sides may be left out. */
  readonly actual: readonly TypeContent[];
  /** Types that the run is not about, or could not read, as they were before: what they name is not deleted. */
  readonly others?: readonly TypeContent[];
  readonly rules: PlanRules;
  readonly now: Instant;
  /** Finds what references stand for in the tenant. */
  readonly lookup: Lookup;
  /** Types that were not read to their end, with the reason. */
  readonly unread: readonly UnreadType[];
  /** Types that this run does not write: a permission is missing, or a person who signs in. */
  readonly skipped?: readonly UnreadType[];
  /** Items (`type/key`) that the run is about; absent: all. */
  readonly only?: ReadonlySet<string>;
  /** Only what stands in one of these may be deleted. */
  readonly approvedBefore?: readonly KnownItem[];
  readonly createdByUs?: readonly KnownItem[];
  /** Items (`type/key`) that an undo takes away, though deletions of their type are off. */
  readonly undone?: ReadonlySet<string>;
  /** What a person has confirmed (`confirmationOf`): these very changes, and no others of their kind. */
  readonly confirmed?: Pick<ReadonlySet<string>, "has">;
  /** What the lock-out check knows of the tenant; absent: the plan changes nothing that it is about. */
  readonly lockOut?: LockOutFacts | UnknownFacts;
};

/** More deletions of a type than this, or a greater part of it, need a confirmation of their own. */
const mostDeletes = 10;
const mostDeletedPart = 0.2;

type Parts = {
  ready: Draft[];
  readonly held: Draft[];
  readonly blocked: BlockedItem[];
  readonly unmanaged: Plan["unmanaged"][number][];
  readonly unread: UnreadType[];
};

/** Plans. The same input gives the same plan, in the same order. */
export const planOf = (input: PlanInput): Plan => planWithTargets(input).plan;

/**
 * A plan, and by change id what each item is to become: with this tenant's ids, but for what the plan itself creates.
 * `isForOthers`: it changes who may sign in, so that the lock-out check has to know the tenant's people.
 */
export function planWithTargets(input: PlanInput): {
  readonly plan: Plan;
  readonly targets: ReadonlyMap<string, JsonObject>;
  readonly isForOthers: boolean;
} {
  const parts: Parts = { ready: [], held: [], blocked: [], unmanaged: [], unread: [] };
  const types = input.types.toSorted((a, b) => a.tier - b.tier || (a.key < b.key ? -1 : 1));
  const bench = benchFor(input, parts);
  for (const type of types) planType(input, bench, parts, type);
  guardNamed(parts, [...input.actual, ...(input.others ?? [])]);
  guardMany(input, parts);
  const isForOthers = guardLockOut(input, parts);
  guardNeeds(parts);
  const { ready, held, ...rest } = parts;
  const targets = ready.flatMap(({ change, target }) =>
    target === undefined ? [] : [[change.changeId, target] as const],
  );
  return {
    plan: { ...rest, changes: inOrder(ready), held: inOrder(held) },
    targets: new Map(targets),
    isForOthers,
  };
}

function planType(input: PlanInput, bench: Bench, parts: Parts, type: ConfigurationType): void {
  const unread = input.unread.find((each) => each.type === type.key);
  const actual = input.actual.find((each) => each.type === type.key);
  if (unread !== undefined || actual === undefined) {
    const detail = "This type was not read to its end.";
    parts.unread.push(unread ?? { type: type.key, reason: "unavailable", detail });
    return;
  }
  const desired = input.desired.find((each) => each.type === type.key);
  const [wanted, there] = [sidesOf(desired), sidesOf(actual)];
  for (const pair of pairsOf(desired, actual)) {
    const entry = pair.desired ?? pair.actual;
    if (entry === undefined || input.only?.has(`${type.key}/${entry.key}`) === false) continue;
    if (pair.desired !== undefined) {
      const side = pair.actual && there(pair.actual);
      sort(input, parts, judgeDesired(bench, type, wanted(pair.desired), side));
    } else if (pair.actual !== undefined && isToDelete(input, type, desired, pair.actual))
      sort(input, parts, judgeDeletion(bench, type, there(pair.actual)));
    else parts.unmanaged.push({ type: type.key, key: entry.key, name: entry.name });
  }
}

function sort(input: PlanInput, parts: Parts, verdict: Verdict): void {
  if (verdict.kind === "blocked") parts.blocked.push(verdict.blocked);
  if (verdict.kind !== "change") return;
  const isHeld = input.rules.held.includes(verdict.draft.change.changeId);
  (isHeld ? parts.held : parts.ready).push(verdict.draft);
}

type Pair = { readonly desired?: ItemEntry; readonly actual?: ItemEntry };

/** Items of two contents that are the same one: by key, and what no key fits, by id, since it was renamed. */
export function pairsOf(
  desired: TypeContent | undefined,
  actual: TypeContent | undefined,
): readonly Pair[] {
  const [wanted, there] = [desired?.entries, actual?.entries];
  const renamed = new Map(
    [...(there?.values() ?? [])].flatMap((entry) =>
      entry.id === undefined || wanted?.has(entry.key) === true ? [] : [[entry.id, entry]],
    ),
  );
  const pairs = byKey(wanted).map((entry): Pair => {
    const other = there?.get(entry.key) ?? renamed.get(entry.id ?? "");
    // Where two claim one id, the first has it.
    renamed.delete(entry.id ?? "");
    return { desired: entry, ...(other === undefined ? {} : { actual: other }) };
  });
  const taken = new Set(pairs.map(({ actual: other }) => other));
  const rest = byKey(there).filter((entry) => !taken.has(entry));
  return [...pairs, ...rest.map((entry) => ({ actual: entry }))];
}

const byKey = (entries: TypeContent["entries"] | undefined): ItemEntry[] =>
  [...(entries?.values() ?? [])].toSorted((a, b) => (a.key < b.key ? -1 : 1));

function sidesOf(content: TypeContent | undefined): (entry: ItemEntry) => Side {
  const bodies = new Map(content?.items.map(({ key, body }) => [key, body]));
  return (entry) => ({
    entry,
    body: () => {
      const body = bodies.get(entry.key);
      if (body === undefined) throw new Error(`${entry.type} ${entry.key} came without its body`);
      return body;
    },
  });
}

/** Whether anybody asked for the deletion of what is not desired, and it is ours to delete. */
function isToDelete(
  input: PlanInput,
  type: ConfigurationType,
  desired: TypeContent | undefined,
  { key, id }: ItemEntry,
): boolean {
  // A desired revision that says nothing of a type wants nothing of it gone.
  const byRule = input.rules.deletes.includes(type.key) && desired !== undefined;
  if (!byRule && input.undone?.has(`${type.key}/${key}`) !== true) return false;
  return [...(input.approvedBefore ?? []), ...(input.createdByUs ?? [])].some(
    (known) =>
      known.type === type.key && known.key === key && (known.id === undefined || known.id === id),
  );
}

function benchFor(input: PlanInput, parts: Parts): Bench {
  const { rules, now, lookup } = input;
  let renamed: ReadonlyMap<string, string> | undefined;
  return {
    rules,
    now,
    lookup: {
      ...lookup,
      byName: (family, name) => {
        const ids = lookup.byName(family, name);
        renamed ??= renamedItems(input);
        const other = renamed.get(`${family}/${name}`);
        return ids.length === 0 && other !== undefined ? [other] : ids;
      },
    },
    supplier: ({ $ref, name }: ReferenceToken) =>
      parts.ready.find(
        ({ type, change }) =>
          change.action === "create" && type.key === $ref && change.name === name,
      )?.change.changeId,
    skipped: (type) => input.skipped?.find((each) => each.type === type),
  };
}

/** Things of the tenant that are desired under another name: they are there, whatever they are called now. */
function renamedItems({ desired, actual }: PlanInput): Map<string, string> {
  const ids = new Map<string, string>();
  for (const content of desired) {
    const there = actual.find(({ type }) => type === content.type);
    for (const pair of pairsOf(content, there)) {
      const id = pair.actual?.id;
      if (id !== undefined && pair.desired !== undefined && pair.desired.name !== pair.actual?.name)
        ids.set(`${content.type}/${pair.desired.name}`, id);
    }
  }
  return ids;
}

/** What others name, or will by this plan, is not deleted; what they stop naming by it, only with those changes. */
function guardNamed(parts: Parts, actual: readonly TypeContent[]): void {
  if (!parts.ready.some(isDeletion)) return;
  const drafts = new Map(parts.ready.map((draft) => [draft.actual, draft]));
  replace(parts, (draft) => {
    if (!isDeletion(draft) || draft.change.id === undefined) return draft;
    const namer = parts.ready.find(({ target }) => namesItem(target, draft));
    if (namer !== undefined)
      return guarded(`${namer.type.key} "${namer.change.name}" is to name it.`);
    const needs: string[] = [];
    for (const holder of actual.flatMap(({ items }) => items)) {
      if (holder.body === draft.actual || !namesItem(holder.body, draft)) continue;
      const other = drafts.get(holder.body);
      if (other === undefined || namesItem(other.target, draft))
        return guarded(`${holder.type} "${holder.name}" still names it.`);
      needs.push(other.change.changeId);
    }
    return { ...draft, change: { ...draft.change, needs } };
  });
}

const namesItem = (body: JsonObject | undefined, { type, change }: Draft): boolean =>
  [...tokensIn(body)].some((token) => token.$ref === type.key && token.id === change.id);

/** A slip in what is desired must not empty a tenant. What an undo takes away was named one by one. */
function guardMany({ confirmed, actual, undone }: PlanInput, parts: Parts): void {
  const isCounted = (draft: Draft): boolean =>
    isDeletion(draft) && undone?.has(`${draft.type.key}/${draft.change.key}`) !== true;
  const counted = Map.groupBy(parts.ready.filter(isCounted), ({ type }) => type.key);
  const isConfirmed = ({ change: { changeId } }: Draft): boolean =>
    confirmed?.has(confirmationOf({ what: "deletes", changeId })) === true;
  replace(parts, (draft) => {
    const own = counted.get(draft.type.key) ?? [];
    const all = actual.find(({ type }) => type === draft.type.key)?.entries.size ?? 0;
    const isMuch = own.length > mostDeletes || own.length > all * mostDeletedPart;
    if (!isCounted(draft) || !isMuch || isConfirmed(draft)) return draft;
    const count = own.filter((each) => !isConfirmed(each)).length;
    const detail = `The plan would delete ${own.length} items of this type: confirm ${count} of them first.`;
    return { ...guarded(detail), confirm: "deletes" };
  });
}

const guarded = (detail: string): Reason => ({ reason: "deleteBlockedByGuard", detail });
const isDeletion = ({ change }: Draft): boolean => change.action === "delete";

/**
 * Whoever would be locked out is told; what locks every administrator out waits for a word of its own. Answers whether
 * anything changes for those who sign in.
 */
function guardLockOut({ lockOut, confirmed, actual }: PlanInput, parts: Parts): boolean {
  const changed = parts.ready.filter(({ type }) => type.key === policyType);
  const stay = actual.filter(({ type }) => type === policyType).flatMap(({ items }) => items);
  const after = changed.flatMap(({ target, change }) =>
    target === undefined ? [] : [{ name: change.name, body: target, changeId: change.changeId }],
  );
  const bodies = new Set(changed.map((draft) => draft.actual));
  const rest = stay.filter(({ body }) => !bodies.has(body));
  // Nobody has to approve the change of a policy with that of a place: it may be asked for as it is now, too.
  const all = [...after, ...stay];
  const moved = parts.ready
    .filter(({ type }) => type.key === locationType)
    .map(({ change: { changeId, id }, actual: before, target: then }) => {
      return { changeId, id, before, after: then };
    })
    .filter((change) => all.some(({ body }) => isForMore(body, change)));
  const regrouped = parts.ready.flatMap(({ change }) =>
    movesMembers(change) && all.some(({ body }) => namesGroup(body, change)) ? [change] : [],
  );
  if (!actual.some(({ type }) => type === policyType)) warnOfUnknown(parts);
  if (lockOut === undefined) return changed.length + moved.length + regrouped.length > 0;
  const warnings = [
    ...lockOutWarnings([...after, ...rest], lockOut),
    ...locationWarnings(moved, all, lockOut),
    ...groupWarnings(regrouped, all, lockOut),
  ];
  replace(parts, (draft) => {
    const own = warnings.filter(({ changeId }) => changeId === draft.change.changeId);
    const fatal = own.find(({ locksOutAll }) => locksOutAll);
    const { changeId } = draft.change;
    const isAccepted = confirmed?.has(confirmationOf({ what: "lockOut", changeId })) === true;
    if (fatal !== undefined && !isAccepted)
      return { reason: "lockOut", detail: fatal.detail, confirm: "lockOut" };
    const told = own.map(({ detail }): Reason => ({ reason: "lockOut", detail }));
    return { ...draft, change: { ...draft.change, warnings: [...draft.change.warnings, ...told] } };
  });
  return true;
}

/** Policies were never read: nobody can say which of them name a place. */
function warnOfUnknown(parts: Parts): void {
  const detail = "Which policies name it is not known: conditional access was never read here.";
  replace(parts, (draft) => {
    const { type, change } = draft;
    const isPlace = type.key === locationType && change.action !== "create";
    if (!isPlace && !movesMembers(change)) return draft;
    return {
      ...draft,
      change: { ...change, warnings: [...change.warnings, { reason: "lockOut", detail }] },
    };
  });
}

/** The types that the lock-out check is about. */
export const [policyType, locationType] = ["conditionalAccessPolicy", "namedLocation"] as const;

/** What needs a change that is not done is not done either. */
function guardNeeds(parts: Parts): void {
  const ids = new Set(parts.ready.map(({ change }) => change.changeId));
  const before = parts.ready.length;
  replace(parts, (draft) =>
    draft.change.needs.every((changeId) => ids.has(changeId))
      ? draft
      : { reason: "dependencyFailed", detail: "A change that this one needs is blocked." },
  );
  if (parts.ready.length < before) guardNeeds(parts);
}

type Guarded = Reason & { readonly confirm?: "deletes" | "lockOut" };

/** Keeps a change, as it is or with more said of it, or blocks it for a reason. */
function replace(parts: Parts, judge: (draft: Draft) => Draft | Guarded): void {
  parts.ready = parts.ready.flatMap((draft) => {
    const judged = judge(draft);
    if ("change" in judged) return [judged];
    const { key, name, properties, changeId } = draft.change;
    const { confirm: what } = judged;
    const confirm = what && { confirm: { what, changeId } };
    parts.blocked.push({
      ...blockedItem(draft.type, { key, name }, judged, properties),
      ...confirm,
    });
    return [];
  });
}

/** What others name comes first; deletions come last, and there what names others comes first. */
const inOrder = (drafts: readonly Draft[]): Plan["changes"] =>
  drafts
    .toSorted(
      (a, b) =>
        orderOf(a) - orderOf(b) ||
        (isDeletion(a) ? b.type.tier - a.type.tier : a.type.tier - b.type.tier) ||
        (textOf(a) < textOf(b) ? -1 : 1),
    )
    .map(({ change }) => change);

const orderOf = (draft: Draft): number =>
  draft.target !== undefined && draft.type.goesLast?.(draft.target) === true
    ? 2
    : Number(isDeletion(draft));

const textOf = ({ change: { type, key } }: Draft): string => `${type}\n${key}`;
