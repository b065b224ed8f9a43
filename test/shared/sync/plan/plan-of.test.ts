/** What a plan does, and above all what it leaves alone. */
import { describe, expect, test } from "vitest";
import type { ReasonCode } from "../../../../shared/sync/catalogue/configuration-type.ts";
import type { TypeContent } from "../../../../shared/sync/items/item.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { type Plan, planHash } from "../../../../shared/sync/plan/plan.ts";
import type { PlanInput } from "../../../../shared/sync/plan/plan-of.ts";
import {
  anything,
  because,
  content,
  groups,
  inGroup,
  item,
  key,
  known,
  locations,
  nothing,
  plan,
  policies,
  ref,
  rules,
  type Sides,
  thing,
  things,
  type,
  typeWith,
} from "./situations.ts";

const names = (found: Plan): string[] =>
  found.changes.map((change) => `${change.action} ${change.key}`);
const users = (name: string): JsonObject => ({ conditions: { users: { name } } });
const sides = (desired: JsonObject, actual: JsonObject): Sides => ({
  desired: things([thing("A", desired)]),
  actual: things([thing("A", actual)]),
});
const pointers = (found: Plan): string[] =>
  found.changes.flatMap(({ properties }) => properties.map(({ pointer }) => pointer));
const setting = (id: string, value: number): JsonObject => ({
  instance: { definitionId: id, value },
});

const flawed = (reason: ReasonCode) => ({ A: { flaw: because(reason) } });

const accepted = (pointer: string, value?: NonNullable<JsonObject[string]>, until?: string) =>
  rules({
    deviations: [
      {
        type: key,
        key: "A",
        pointer,
        reason: "Agreed.",
        ...(value === undefined ? {} : { accepted: value }),
        ...(until === undefined ? {} : { until }),
      },
    ],
  });

describe("what is to be done", () => {
  test("nothing, where the tenant is as desired", () => {
    expect(plan({ desired: things([thing("A")]), actual: things([thing("A")]) })).toEqual(nothing);
  });

  test("what is missing is created, with all its properties", () => {
    const { changes, ...rest } = plan({
      desired: things([thing("A", { n: 1 })]),
      actual: things([]),
    });
    expect(changes).toMatchObject([
      {
        type: key,
        key: "A",
        name: "A",
        action: "create",
        needs: [],
        warnings: [],
        properties: [
          { pointer: "/displayName", after: "A" },
          { pointer: "/n", after: 1 },
        ],
      },
    ]);
    expect(changes[0]?.before).toBeUndefined();
    expect(rest).toMatchObject({ blocked: [], unmanaged: [] });
  });

  test("what differs is updated, property by property", () => {
    const desired = things([thing("A", { n: 1, kept: true })]);
    const actual = things([thing("A", { n: 2, kept: true, extra: "x" })]);
    expect(plan({ desired, actual }).changes).toMatchObject([
      {
        action: "update",
        properties: [
          { pointer: "/extra", before: "x" },
          { pointer: "/n", before: 2, after: 1 },
        ],
      },
    ]);
  });

  test("what was renamed in the tenant is renamed back, and neither created nor deleted", () => {
    const found = plan({ desired: things([thing("A")]), actual: things([thing("B", {}, "id-A")]) });
    expect(found).toMatchObject({
      changes: [{ action: "update", key: "A", properties: [{ before: "B", after: "A" }] }],
      unmanaged: [],
    });
  });

  test("what nobody wants or forbids is only told of", () => {
    const found = plan({ desired: things([]), actual: things([thing("Theirs")]) });
    expect(found).toEqual({
      ...nothing,
      unmanaged: [{ type: key, key: "Theirs", name: "Theirs" }],
    });
  });

  test("only what the run is about is planned, and nothing else is even told of", () => {
    const desired = things([thing("A"), thing("B")]);
    const found = plan({ desired, actual: things([thing("C")]) }, { only: new Set([`${key}/B`]) });
    expect(found).toMatchObject({ changes: [{ key: "B" }], unmanaged: [] });
  });

  test("the order is that of tiers and keys, and deletions come last, in the reverse order", () => {
    const desired = [
      content("conditionalAccessPolicy", [item("conditionalAccessPolicy", "P", { p: 1 })]),
      content("group", [item("group", "G2", { g: 1 }), item("group", "G1", { g: 1 })]),
      content("namedLocation", []),
      ...things([]),
    ];
    const actual = [
      content("conditionalAccessPolicy", []),
      content("group", []),
      content("namedLocation", [item("namedLocation", "L", {}, "l")]),
      ...things([thing("Old")]),
    ];
    const input = {
      types: [policies, type, groups, locations],
      ...rules({ deletes: [key, "namedLocation"] }),
      approvedBefore: [known("Old"), { type: "namedLocation", key: "L" }],
      confirmed: anything,
    };
    const found = plan({ desired, actual }, input);
    expect(names(found)).toEqual(["create G1", "create G2", "create P", "delete Old", "delete L"]);
    const backwards = plan(
      { desired: desired.toReversed(), actual: actual.toReversed() },
      { ...input, types: input.types.toReversed() },
    );
    expect(planHash(backwards)).toBe(planHash(found));
  });
});

describe("what is blocked", () => {
  const differs: Sides = {
    desired: things([thing("A", { n: 1 })]),
    actual: things([thing("A", { n: 2 })]),
  };
  const missing: Sides = { desired: things([thing("A", { n: 1 })]), actual: things([]) };
  const never = because("notChangeable");

  test.each<[string, Sides, Partial<PlanInput>, ReasonCode]>([
    [
      "a type that Muster does not write",
      differs,
      { types: [typeWith({ isWritten: false })] },
      "notChangeable",
    ],
    [
      "a type of which nothing may be created",
      missing,
      { types: [typeWith({ changeable: { create: never, update: true, delete: true } })] },
      "notChangeable",
    ],
    [
      "a type of which nothing may be changed",
      differs,
      { types: [typeWith({ changeable: { create: true, update: never, delete: true } })] },
      "notChangeable",
    ],
    [
      "a built-in item",
      { ...differs, actual: things([thing("A", { n: 2 })], { A: { fixed: because("builtIn") } }) },
      {},
      "builtIn",
    ],
    [
      "an item that is desired in part",
      { ...differs, desired: things([thing("A")], flawed("incompleteRead")) },
      {},
      "incompleteRead",
    ],
    [
      "an item that was read in part",
      { ...differs, actual: things([thing("A")], flawed("incompleteRead")) },
      {},
      "incompleteRead",
    ],
    [
      "an item named like another",
      { ...differs, actual: things([thing("A", { n: 2 })], flawed("referenceAmbiguous")) },
      {},
      "referenceAmbiguous",
    ],
    [
      "a type that a person would have to sign in for",
      differs,
      { skipped: [{ type: key, ...because("delegatedRequired") }] },
      "delegatedRequired",
    ],
    [
      "a type whose permission is missing",
      missing,
      { skipped: [{ type: key, ...because("consentMissing") }] },
      "consentMissing",
    ],
    [
      "content that cannot be right",
      differs,
      { types: [typeWith({ faults: () => [{ pointer: "/n", detail: "Too small." }] })] },
      "validationFailed",
    ],
    [
      "an override that leads nowhere",
      differs,
      rules({ overrides: [{ type: key, key: "A", pointer: "/n/deeper", value: 1 }] }),
      "validationFailed",
    ],
    [
      "a new item with a secret that nobody knows",
      {
        desired: things([thing("A", { omaSettings: [{ value: { $secret: true } }] })]),
        actual: things([]),
      },
      {},
      "secretUnavailable",
    ],
    [
      "a change beside a secret that would be lost",
      {
        desired: things([thing("A", { omaSettings: [{ value: { $secret: true }, n: 1 }] })]),
        actual: things([thing("A", { omaSettings: [{ value: { $secret: true }, n: 2 }] })]),
      },
      {},
      "secretUnavailable",
    ],
  ])("%s", (_, situation, input, reason) => {
    const found = plan(situation, input);
    expect(found).toMatchObject({ changes: [], blocked: [{ type: key, key: "A", reason }] });
  });

  test("what is fixed may change where its reason says so, and nowhere else", () => {
    const fixed = { ...because("managedByMicrosoft"), except: ["n", "conditions.users"] };
    const there = thing("A", { n: 2, m: 1, ...users("x") });
    const actual = things([there], { A: { fixed } });
    const wanted = things([thing("A", { n: 1, m: 1, ...users("y") })]);
    const allowed = plan({ desired: wanted, actual });
    expect(allowed).toMatchObject({ changes: [{ key: "A" }], blocked: [] });
    const more = plan({ desired: things([thing("A", { n: 1, m: 2 })]), actual });
    expect(more).toMatchObject({ changes: [], blocked: [{ reason: "managedByMicrosoft" }] });
  });

  test("what is set at creation only cannot change later", () => {
    const input = { types: [typeWith({ immutable: ["n"] })] };
    expect(plan(differs, input)).toMatchObject({
      changes: [],
      blocked: [{ reason: "notChangeable" }],
    });
    expect(plan(missing, input)).toMatchObject({ changes: [{ action: "create" }], blocked: [] });
  });

  test("an item read in part is blocked even where its last whole content is as desired", () => {
    const items = [thing("A")];
    const found = plan({ desired: things(items), actual: things(items, flawed("incompleteRead")) });
    expect(found.blocked).toMatchObject([{ reason: "incompleteRead", properties: [] }]);
  });

  test("a blocked item says what differs", () => {
    const found = plan(differs, { types: [typeWith({ isWritten: false })] });
    expect(found.blocked[0]?.properties).toEqual([{ pointer: "/n", before: 2, after: 1 }]);
  });
});

describe("types of which nothing can be said", () => {
  const full = things([thing("A", { n: 1 }), thing("B")]);

  test.each<[string, Partial<PlanInput>, TypeContent[], string]>([
    [
      "one that was not read to its end",
      { unread: [{ type: key, ...because("throttled") }] },
      things([]),
      "throttled",
    ],
    ["one that is not among what was read", {}, [], "unavailable"],
  ])("%s", (_, input, actual, reason) => {
    const found = plan(
      { desired: full, actual },
      { ...rules({ deletes: [key] }), approvedBefore: [known("A"), known("B")], ...input },
    );
    expect(found).toMatchObject({ ...nothing, unread: [{ type: key, reason }] });
  });
});

describe("what a tenant's people decided", () => {
  const subset = rules({ modes: { [`${key}/A`]: "subset" } });

  test("strict: what the desired item does not name goes", () => {
    expect(pointers(plan(sides({}, { extra: 1 })))).toEqual(["/extra"]);
  });

  test("subset: only what the desired item names is compared", () => {
    const found = plan(
      sides(
        { deep: { a: 1 }, settings: [setting("x", 1)], ranges: ["a"], list: [1] },
        {
          deep: { a: 2, b: 3 },
          extra: 1,
          settings: [setting("y", 5), setting("x", 2)],
          ranges: ["a", "b"],
          list: [1, 2],
        },
      ),
      subset,
    );
    expect(pointers(found)).toEqual([
      "/deep/a",
      "/list",
      "/ranges/b",
      "/settings/x/instance/value",
    ]);
  });

  test("an override comes before comparing", () => {
    const override = { type: key, key: "A", pointer: "/deep/n", value: 7 };
    expect(
      plan(sides({ deep: { n: 1 } }, { deep: { n: 7 } }), rules({ overrides: [override] })),
    ).toEqual(nothing);
    const found = plan(
      sides({ deep: { n: 1 } }, { deep: { n: 1 } }),
      rules({ overrides: [override] }),
    );
    expect(found.changes[0]?.properties).toEqual([{ pointer: "/deep/n", before: 1, after: 7 }]);
  });

  test("an override can replace a group that this tenant has not", () => {
    const override = {
      type: key,
      key: "A",
      pointer: "/conditions/users/includeGroups",
      value: [ref("group", "Ours")],
    };
    const actual = [...things([thing("A")]), content("group", [item("group", "Ours", {}, "g1")])];
    const found = plan(
      { desired: things([thing("A", inGroup(ref("group", "Theirs", "g0")))]), actual },
      rules({ overrides: [override] }),
    );
    expect(found).toMatchObject({
      changes: [
        { properties: [{ pointer: "/conditions", after: { users: { includeGroups: ["Ours"] } } }] },
      ],
      blocked: [],
    });
  });

  test.each<[string, JsonObject, JsonObject, Partial<PlanInput>]>([
    ["a value", { n: 1 }, { n: 2 }, accepted("/n", 2)],
    ["a property that the tenant has not", { n: 1 }, {}, accepted("/n")],
    [
      "a property that only the tenant has",
      {},
      { deep: { a: 1, b: 2 } },
      accepted("/deep", { b: 2, a: 1 }),
    ],
    ["an element of a set", { ranges: ["a"] }, { ranges: ["b", "a"] }, accepted("/ranges/b", "b")],
    [
      "an element that a set lacks",
      { ranges: ["a", "b"] },
      { ranges: ["a"] },
      accepted("/ranges/b"),
    ],
    ["for a time that is not over", { n: 1 }, { n: 2 }, accepted("/n", 2, "2026-12-01T00:00:00Z")],
  ])("an accepted deviation is no change: %s", (_, desired, actual, input) => {
    expect(plan(sides(desired, actual), input)).toEqual(nothing);
  });

  test.each<[string, JsonObject, JsonObject, Partial<PlanInput>]>([
    ["it moved on", { n: 1 }, { n: 3 }, accepted("/n", 2)],
    ["its time is over", { n: 1 }, { n: 2 }, accepted("/n", 2, "2026-11-29T09:00:00Z")],
    ["its time cannot be read", { n: 1 }, { n: 2 }, accepted("/n", 2, "soon")],
    ["it is about something else", { n: 1 }, { n: 2 }, accepted("/m", 2)],
  ])("an accepted deviation is a change again: %s", (_, desired, actual, input) => {
    expect(pointers(plan(sides(desired, actual), input))).toEqual(["/n"]);
  });

  test("that an item is missing can be accepted", () => {
    expect(plan({ desired: things([thing("A")]), actual: things([]) }, accepted(""))).toEqual(
      nothing,
    );
  });

  test("a rejected change stays silent until it changes, whatever else moves in the item", () => {
    const first = plan(sides({ n: 1 }, { n: 2 }));
    const held = rules({ held: first.changes.map(({ changeId }) => changeId) });
    expect(plan(sides({ n: 1 }, { n: 2 }), held)).toMatchObject({
      changes: [],
      held: [{ key: "A" }],
    });
    expect(plan(sides({ n: 1, m: 5 }, { n: 2, m: 5 }), held)).toMatchObject({
      changes: [],
      held: [{ key: "A" }],
    });
    expect(plan(sides({ n: 1 }, { n: 3 }), held)).toMatchObject({
      changes: [{ key: "A" }],
      held: [],
    });
  });
});
