/**
 * What holds of every plan, whatever is desired and whatever is there: deploying it makes the tenant as desired, a
 * second one is empty, nothing goes that the plan did not name, and an undo brings everything back.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ConfigurationType } from "../../../../shared/sync/catalogue/configuration-type.ts";
import type { Item, ItemEntry, TypeContent } from "../../../../shared/sync/items/item.ts";
import type { Json, JsonObject } from "../../../../shared/sync/items/json.ts";
import { compare } from "../../../../shared/sync/plan/compare.ts";
import { noRules, type Plan, type PlanRules, planHash } from "../../../../shared/sync/plan/plan.ts";
import {
  type KnownItem,
  type PlanInput,
  planOf,
  planWithTargets,
} from "../../../../shared/sync/plan/plan-of.ts";
import {
  desiredAfterReset,
  desiredForUndo,
  rulesAfterReset,
} from "../../../../shared/sync/plan/reset.ts";
import { mapTokens } from "../../../../shared/sync/plan/shape.ts";
import { anything, content, item, lookupOf, ref, typeWith } from "./situations.ts";

const groups = typeWith({ key: "group", tier: 0 });
const policies = typeWith({ key: "conditionalAccessPolicy", tier: 6 });
const things = typeWith();
const types: readonly ConfigurationType[] = [groups, policies, things];
const names = ["A", "B", "C", "D"];

const value = fc.constantFrom<Json>(
  1,
  2,
  "x",
  true,
  null,
  [],
  [1, 2],
  [2, 1],
  { deep: 1 },
  { deep: 2 },
);
const someGroups = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 });
const allDevices = { target: { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } };
const forGroup = (name: string): JsonObject => ({
  target: { "@odata.type": "#microsoft.graph.groupAssignmentTarget", groupId: group(name) },
});
/** In the desired revision with an id of another tenant: only the name tells. */
const group = (name: string): JsonObject => ref("group", name, `there-${name}`);

const bodies = fc
  .record({
    plain: fc.dictionary(fc.constantFrom("p", "q", "description"), value),
    groups: someGroups,
    ranges: fc.array(fc.constantFrom("r", "s", "t"), { maxLength: 3 }),
    settings: fc.uniqueArray(fc.tuple(fc.constantFrom("k", "l", "m"), fc.nat(2)), {
      selector: ([key]) => key,
      maxLength: 3,
    }),
    assigned: someGroups,
    devices: fc.boolean(),
  })
  .map(
    (made): JsonObject => ({
      ...made.plain,
      ranges: made.ranges,
      conditions: { users: { includeGroups: made.groups.map(group) } },
      settings: made.settings.map(([definitionId, n]) => ({ instance: { definitionId, n } })),
      assignments: [...made.assigned.map(forGroup), ...(made.devices ? [allDevices] : [])],
    }),
  );

const itemsOf = (type: ConfigurationType): fc.Arbitrary<Item[]> =>
  type === groups
    ? someGroups.map((keys) =>
        keys.map((key) => item("group", key, { displayName: key }, `there-${key}`)),
      )
    : fc
        .dictionary(fc.constantFrom(...names), bodies)
        .map((made) =>
          Object.entries(made).map(([key, body]) =>
            item(type.key, key, { displayName: key, ...body }, `there-${type.key}-${key}`),
          ),
        );

const revision = fc
  .tuple(...types.map(itemsOf))
  .map((all) => all.map((items, at) => content(types[at]?.key ?? "", items)));

const ours = (id: string): string => id.replace("there-", "here-");
const turned = (all: readonly TypeContent[]): TypeContent[] =>
  all.toReversed().map(({ type, items }) => content(type, items.toReversed()));

/** The same things as a tenant has them: with ids of its own, and no names that lead nowhere. */
const inTenant = (contents: readonly TypeContent[]): TypeContent[] => {
  const there = contents.find(({ type }) => type === "group")?.entries;
  const owned = (body: JsonObject): JsonObject =>
    mapTokens(body, ({ name = "", id = "" }) =>
      ref("group", there?.has(name) === true ? name : undefined, ours(id)),
    );
  return contents.map(({ type, items }) =>
    content(
      type,
      items.map((each) => item(type, each.key, owned(each.body), ours(each.id ?? ""))),
    ),
  );
};

const itemName = ({ type, key }: { readonly type: string; readonly key: string }): string =>
  `${type}/${key}`;
const everything = (contents: readonly TypeContent[]): KnownItem[] =>
  contents.flatMap(({ entries }) => [...entries.values()].map(({ type, key }) => ({ type, key })));

const inputFor = (
  desired: readonly TypeContent[],
  actual: readonly TypeContent[],
  more: Partial<PlanInput> = {},
): PlanInput => ({
  types,
  desired,
  actual,
  rules: noRules,
  now: 0,
  unread: [],
  lookup: lookupOf(actual),
  ...more,
});

/** What deploying a plan would make of a tenant. */
function applied(input: PlanInput, chosen: Plan = planOf(input)): TypeContent[] {
  const { targets } = planWithTargets(input);
  const made = new Map<string, string>();
  for (const change of chosen.changes)
    if (change.type === "group" && change.action === "create")
      made.set(change.name, `new-${change.name}`);
  const withIds = <T extends Json>(node: T): T =>
    mapTokens(node, ({ $ref, name, id }) =>
      id === undefined ? ref("group", name, made.get(name ?? "")) : ref($ref as "group", name, id),
    );
  return input.actual.map(({ type, items }) => {
    const left = new Map(items.map((each) => [each.key, each]));
    for (const change of chosen.changes.filter((each) => each.type === type)) {
      const target = targets.get(change.changeId);
      if (target === undefined) left.delete(change.key);
      else {
        const id = left.get(change.key)?.id ?? `new-${change.key}`;
        left.set(change.key, item(type, change.key, withIds(target), id));
      }
    }
    return content(type, [...left.values()]);
  });
}

const modes = fc.dictionary(
  fc.constantFrom(...names.flatMap((name) => [`${things.key}/${name}`, `${policies.key}/${name}`])),
  fc.constantFrom("strict" as const, "subset" as const),
);
const deletes = fc.subarray([policies.key, things.key, groups.key]);

const situation = fc.record({
  desired: revision,
  actual: revision.map(inTenant),
  modes,
  deletes,
});

const rulesFor = ({
  modes: chosen,
  deletes: types_,
}: {
  modes: PlanRules["modes"];
  deletes: string[];
}): PlanRules => ({
  ...noRules,
  modes: chosen,
  deletes: types_,
});

const runs = { numRuns: 150 };

test("plan, then deploy: what is not blocked is as desired, and a second plan is empty", () => {
  let changes = 0;
  fc.assert(
    fc.property(situation, ({ desired, actual, ...decided }) => {
      const more = {
        rules: rulesFor(decided),
        approvedBefore: everything(actual),
        confirmed: anything,
      };
      const input = inputFor(desired, actual, more);
      const first = planOf(input);
      changes += first.changes.length;
      const after = applied(input, first);
      const second = planOf(inputFor(desired, after, more));
      const blocked = new Set(first.blocked.map(itemName));
      expect(second.changes.filter((change) => !blocked.has(itemName(change)))).toEqual([]);
      for (const { type, items } of desired) {
        for (const wanted of items) {
          if (blocked.has(itemName(wanted))) continue;
          const there = after
            .find((each) => each.type === type)
            ?.items.find(({ key }) => key === wanted.key);
          expect(there).toBeDefined();
          const kind = types.find(({ key }) => key === type) ?? things;
          const isStrict = decided.modes[itemName(wanted)] !== "subset";
          expect(isStrict ? compare(kind, there?.body, wanted.body) : []).toEqual([]);
        }
      }
    }),
    runs,
  );
  expect(changes).toBeGreaterThan(300);
});

test("nothing goes that the plan did not name, and nothing that was not asked for", () => {
  fc.assert(
    fc.property(situation, fc.subarray(names), ({ desired, actual, ...decided }, known) => {
      const approvedBefore = known.flatMap((key) => types.map(({ key: type }) => ({ type, key })));
      const more = { rules: rulesFor(decided), approvedBefore, confirmed: anything };
      const input = inputFor(desired, actual, more);
      const plan = planOf(input);
      const after = applied(input, plan);
      const gone = everything(actual)
        .filter(
          ({ type, key }) => after.find((each) => each.type === type)?.entries.has(key) !== true,
        )
        .map(itemName);
      const deleted = plan.changes.filter(({ action }) => action === "delete");
      expect(gone.toSorted()).toEqual(deleted.map(itemName).toSorted());
      for (const { type, key } of deleted) {
        expect(decided.deletes).toContain(type);
        expect(known).toContain(key);
        expect(type).not.toBe("group");
        expect(desired.find((each) => each.type === type)?.entries.has(key)).toBe(false);
      }
    }),
    runs,
  );
});

test("a type that was not read to its end, and an item that was read in part, are never touched", () => {
  fc.assert(
    fc.property(
      situation,
      fc.subarray(types.map(({ key }) => key)),
      fc.subarray(names),
      (made, unread, partly) => {
        const flaw = {
          reason: "incompleteRead",
          detail: "Of its 3 settings only 1 were read.",
        } as const;
        const flaws = Object.fromEntries(
          partly.map((key): [string, Partial<ItemEntry>] => [key, { flaw }]),
        );
        const actual = made.actual.map(({ type, items }) => content(type, items, flaws));
        const plan = planOf(
          inputFor(made.desired, actual, {
            rules: rulesFor(made),
            approvedBefore: everything(actual),
            confirmed: anything,
            unread: unread.map((type) => ({
              type,
              reason: "throttled" as const,
              detail: "Too many requests.",
            })),
          }),
        );
        const isThere = ({ type, key }: KnownItem): boolean =>
          actual.find((each) => each.type === type)?.entries.has(key) === true;
        for (const change of [...plan.changes, ...plan.held]) {
          expect(unread).not.toContain(change.type);
          expect(isThere(change) ? partly : []).not.toContain(change.key);
        }
        expect(plan.unread.map(({ type }) => type).toSorted()).toEqual(unread.toSorted());
      },
    ),
    runs,
  );
});

test("an undo brings back what a deploy changed, and what it deleted, and takes away what it created", () => {
  fc.assert(
    fc.property(situation, ({ desired, actual, ...decided }) => {
      const more = { rules: rulesFor(decided), approvedBefore: everything(actual) };
      const input = inputFor(desired, actual, more);
      const deploy = planOf(input);
      const after = applied(input, deploy);
      const earlier = desiredForUndo(desired, actual, deploy.changes);
      const created = deploy.changes.filter(({ action }) => action === "create");
      const back = inputFor(earlier, after, {
        createdByUs: created,
        undone: new Set(created.map(itemName)),
        only: new Set(deploy.changes.map(itemName)),
      });
      const undo = planOf(back);
      const blocked = new Set(undo.blocked.map(itemName));
      const restored = applied(back, undo);
      for (const type of types) {
        const [was, is] = [actual, restored].map(
          (all) => all.find((each) => each.type === type.key)?.items ?? [],
        );
        for (const key of names.filter(
          (name) => !blocked.has(itemName({ type: type.key, key: name })),
        )) {
          const [then, now] = [was, is].map(
            (items) => items?.find((each) => each.key === key)?.body,
          );
          expect(now === undefined).toBe(then === undefined);
          expect(compare(type, now, then)).toEqual([]);
        }
      }
    }),
    runs,
  );
});

test("after a reset there is nothing to do about those items, and the others are as before", () => {
  fc.assert(
    fc.property(situation, fc.subarray(names), ({ desired, actual, ...decided }, reset) => {
      const override = { type: things.key, key: "A", pointer: "/p", value: 77 };
      const rules = { ...rulesFor(decided), overrides: [override] };
      const which = reset.flatMap((key) => types.map(({ key: type }) => ({ type, key })));
      const before = planOf(inputFor(desired, actual, { rules }));
      const after = planOf(
        inputFor(desiredAfterReset(desired, actual, which), actual, {
          rules: rulesAfterReset(rules, which),
        }),
      );
      expect(after.changes.filter(({ key }) => reset.includes(key))).toEqual([]);
      const others = (plan: Plan): string[] =>
        plan.changes
          .filter(({ key, needs }) => !reset.includes(key) && needs.length === 0)
          .map(({ changeId }) => changeId);
      // What names a group may change with it.
      const isApart = !reset.some((key) => desired[0]?.entries.has(key));
      expect(isApart ? others(after) : []).toEqual(isApart ? others(before) : []);
      const all = planOf(
        inputFor(desiredAfterReset(desired, actual, "all"), actual, {
          rules: rulesAfterReset(rules, "all"),
        }),
      );
      expect(all).toEqual({ changes: [], blocked: [], held: [], unmanaged: [], unread: [] });
    }),
    runs,
  );
});

test("what was rejected stays silent until it changes, and then is asked about again", () => {
  fc.assert(
    fc.property(situation, ({ desired, actual, ...decided }) => {
      const first = planOf(inputFor(desired, actual, { rules: rulesFor(decided) }));
      const held = first.changes.map(({ changeId }) => changeId);
      const rules = { ...rulesFor(decided), held };
      expect(planOf(inputFor(desired, actual, { rules })).changes).toEqual([]);
      const moved = desired.map(({ type, items }) =>
        content(
          type,
          items.map((each) => ({ ...each, body: { ...each.body, moved: 1 } })),
        ),
      );
      const again = planOf(inputFor(moved, actual, { rules }));
      for (const change of again.changes) expect(held).not.toContain(change.changeId);
      const asked = new Set([...again.changes, ...again.blocked].map(itemName));
      for (const change of first.changes) expect(asked).toContain(itemName(change));
    }),
    runs,
  );
});

test("the same situation gives the same plan, in whatever order it is told", () => {
  fc.assert(
    fc.property(situation, ({ desired, actual, ...decided }) => {
      const rules = rulesFor(decided);
      const one = planOf(inputFor(desired, actual, { rules }));
      const other = planOf(
        inputFor(turned(desired), turned(actual), { rules, types: types.toReversed() }),
      );
      expect(other).toEqual(one);
      expect(planHash(other)).toBe(planHash(one));
      expect(new Set(one.changes.map(({ changeId }) => changeId)).size).toBe(one.changes.length);
    }),
    runs,
  );
});

test("what was read in part is no state to reset to", () => {
  const flaw = { reason: "incompleteRead", detail: "Of its 3 settings only 1 were read." } as const;
  const [wanted, partly] = [1, 2].map((n) => item(things.key, "A", { n }));
  if (wanted === undefined || partly === undefined) throw new Error("there are two");
  const actual = content(things.key, [partly, item(things.key, "B", {})], {
    A: { flaw },
    B: { flaw },
  });
  const [after] = desiredAfterReset([content(things.key, [wanted])], [actual], "all");
  expect(after?.items).toEqual([wanted]);
  expect([...(after?.entries.keys() ?? [])]).toEqual(["A"]);
});
