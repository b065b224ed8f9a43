/** What a plan deletes: nothing, unless much speaks for it. */
import { describe, expect, test } from "vitest";
import type { ReasonCode } from "../../../../shared/sync/catalogue/configuration-type.ts";
import type { Item } from "../../../../shared/sync/items/item.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { confirmable, confirmationOf, type Plan } from "../../../../shared/sync/plan/plan.ts";
import type { PlanInput } from "../../../../shared/sync/plan/plan-of.ts";
import {
  anything,
  because,
  content,
  groups,
  item,
  key,
  known,
  locations,
  plan,
  policies,
  ref,
  rules,
  type Sides,
  thing,
  things,
  typeWith,
} from "./situations.ts";

const actions = (found: Plan): string[] => found.changes.map(({ action }) => action);
const at = (id: string): JsonObject => ({ conditions: { l: ref("namedLocation", id, id) } });
const policy = (name: string, body: JsonObject): Item =>
  item("conditionalAccessPolicy", name, body, name);
const location = (id: string): Item => item("namedLocation", id, { n: id }, id);

describe("deletions", () => {
  const gone: Sides = {
    desired: things(["B", "C", "D", "E"].map((name) => thing(name))),
    actual: things(["A", "B", "C", "D", "E"].map((name) => thing(name))),
  };
  const on = rules({ deletes: [key] });

  test.each<[string, Partial<PlanInput>]>([
    ["nobody switched deletions on", { approvedBefore: [known("A")] }],
    ["the item was never ours", on],
    ["what was ours had another id", { ...on, approvedBefore: [known("A", "id-other")] }],
  ])("none, where %s", (_, input) => {
    expect(plan(gone, input)).toMatchObject({
      changes: [],
      blocked: [],
      unmanaged: [{ key: "A" }],
    });
  });

  test.each<[string, Partial<PlanInput>]>([
    ["was approved before", { ...on, approvedBefore: [known("A")] }],
    ["was created by us", { ...on, createdByUs: [known("A", "id-A")] }],
    [
      "is undone, though deletions are off",
      { createdByUs: [known("A")], undone: new Set([`${key}/A`]) },
    ],
  ])("an item goes that %s", (_, input) => {
    expect(plan(gone, input)).toMatchObject({
      changes: [
        { action: "delete", key: "A", properties: [{ pointer: "/displayName", before: "A" }] },
      ],
      unmanaged: [],
    });
  });

  test("none, where the desired revision says nothing of the type", () => {
    const found = plan({ actual: gone.actual ?? [] }, { ...on, approvedBefore: [known("A")] });
    expect(actions(found)).toEqual([]);
    expect(found.unmanaged).toHaveLength(5);
  });

  test.each<[string, Partial<PlanInput>, Parameters<typeof content>[2], ReasonCode]>([
    ["groups", { types: [typeWith({ kind: "singleton" })] }, {}, "deleteBlockedByGuard"],
    ["what is built in", {}, { A: { fixed: because("builtIn") } }, "builtIn"],
    ["what was read in part", {}, { A: { flaw: because("incompleteRead") } }, "incompleteRead"],
    [
      "what is named like another",
      {},
      { A: { flaw: because("referenceAmbiguous") } },
      "referenceAmbiguous",
    ],
    [
      "what the catalogue says cannot be",
      {
        types: [
          typeWith({
            changeable: { create: true, update: true, delete: because("notChangeable") },
          }),
        ],
      },
      {},
      "notChangeable",
    ],
  ])("never %s", (_, input, more, reason) => {
    const items = gone.actual?.[0]?.items ?? [];
    const found = plan(
      { ...gone, actual: things(items, more) },
      { ...on, approvedBefore: [known("A")], ...input },
    );
    expect(found).toMatchObject({ changes: [], blocked: [{ key: "A", reason }] });
  });

  test("never a group", () => {
    const actual = [content("group", [item("group", "G", {}, "g")])];
    const found = plan(
      { desired: [content("group", [])], actual },
      {
        types: [groups],
        ...rules({ deletes: ["group"] }),
        approvedBefore: [{ type: "group", key: "G" }],
        confirmed: anything,
      },
    );
    expect(found).toMatchObject({ changes: [], blocked: [{ reason: "deleteBlockedByGuard" }] });
  });

  test.each([
    [60, 10, 10],
    [60, 11, 0],
    [50, 11, 0],
    [10, 2, 2],
    [10, 3, 0],
    [1, 1, 0],
  ])("of %i items, %i that should go: %i do without a word of its own", (all, go, done) => {
    const items = Array.from({ length: all }, (_, n) => thing(String(n)));
    const sides = { desired: things(items.slice(go)), actual: things(items) };
    const input = { ...on, approvedBefore: items.map((each) => known(each.key)) };
    const found = plan(sides, input);
    expect(found.changes).toHaveLength(done);
    expect(found.blocked).toHaveLength(go - done);
    for (const { reason } of found.blocked) expect(reason).toBe("deleteBlockedByGuard");
    const ids = confirmable(found).map(({ confirm }) => confirmationOf(confirm));
    const whole = plan(sides, { ...input, confirmed: new Set(ids) });
    expect(whole.changes).toHaveLength(go);
  });

  test("what was confirmed lets those very items go, and no others that came to be as many", () => {
    const items = Array.from({ length: 12 }, (_, n) => thing(String(n)));
    const approvedBefore = items.map((each) => known(each.key));
    const input = { ...on, approvedBefore };
    const first = plan({ desired: things([]), actual: things(items.slice(0, 6)) }, input);
    const confirmed = new Set(confirmable(first).map(({ confirm }) => confirmationOf(confirm)));
    expect(confirmed.size).toBe(6);
    const moved = { desired: things(items.slice(0, 3)), actual: things(items.slice(0, 9)) };
    const later = plan(moved, { ...input, confirmed });
    expect(later.changes.map((change) => change.key)).toEqual(["3", "4", "5"]);
    expect(later.blocked).toMatchObject(
      ["6", "7", "8"].map((own) => ({ key: own, confirm: { what: "deletes" } })),
    );
  });

  test("an undo takes away what it names, however much of the type that is", () => {
    const sides = { desired: things([]), actual: things([thing("A"), thing("B")]) };
    const input = {
      createdByUs: [known("A"), known("B")],
      undone: new Set([`${key}/A`, `${key}/B`]),
    };
    expect(actions(plan(sides, input))).toEqual(["delete", "delete"]);
  });

  test("what this plan makes others name stays, whether they are there or made", () => {
    const found = plan(
      {
        desired: [
          content("namedLocation", []),
          content("conditionalAccessPolicy", [policy("P", at("one")), policy("Q", at("two"))]),
        ],
        actual: [
          content("namedLocation", [location("one"), location("two"), location("three")]),
          content("conditionalAccessPolicy", [policy("P", {})]),
        ],
      },
      {
        types: [locations, policies],
        ...rules({ deletes: ["namedLocation"] }),
        approvedBefore: ["one", "two", "three"].map((name) => ({
          type: "namedLocation",
          key: name,
        })),
        confirmed: anything,
      },
    );
    expect(found.changes.map(({ key: own, action }) => [own, action])).toEqual([
      ["P", "update"],
      ["Q", "create"],
      ["three", "delete"],
    ]);
    expect(found.blocked).toMatchObject([
      { key: "one", reason: "deleteBlockedByGuard" },
      { key: "two", reason: "deleteBlockedByGuard" },
    ]);
  });

  test("what others still name stays; what this plan lets go of goes with those changes", () => {
    const found = plan(
      {
        desired: [
          content("namedLocation", []),
          content("conditionalAccessPolicy", [policy("P", {}), policy("Q", at("kept"))]),
        ],
        actual: [
          content("namedLocation", [location("freed"), location("kept")]),
          content("conditionalAccessPolicy", [policy("P", at("freed")), policy("Q", at("kept"))]),
        ],
      },
      {
        types: [locations, policies],
        ...rules({ deletes: ["namedLocation"] }),
        approvedBefore: ["freed", "kept"].map((name) => ({ type: "namedLocation", key: name })),
        confirmed: anything,
      },
    );
    expect(found.changes).toMatchObject([
      { key: "P", action: "update" },
      { key: "freed", action: "delete", needs: [found.changes[0]?.changeId] },
    ]);
    expect(found.blocked).toMatchObject([{ key: "kept", reason: "deleteBlockedByGuard" }]);
  });
});
