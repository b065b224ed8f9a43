/** What references of a desired item come to, in a plan. */
import { describe, expect, test } from "vitest";
import type { Item, TypeContent } from "../../../../shared/sync/items/item.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { selectChanges } from "../../../../shared/sync/plan/plan.ts";
import {
  content,
  groups,
  inGroup,
  item,
  nothing,
  plan,
  ref,
  rules,
  thing,
  things,
  type,
  typeWith,
} from "./situations.ts";

const withGroup = (group: JsonObject, id = "id-A"): Item => thing("A", inGroup(group), id);
const groupsHere = (...items: Item[]): TypeContent => content("group", items);
const group = (name: string, id: string): Item => item("group", name, { displayName: name }, id);
const users = (name: string, id: string): JsonObject => ({
  conditions: { users: { u: ref("user", name, id) } },
});
const tag = (name: string, id: string): Item =>
  item("roleScopeTag", name, { displayName: name }, id);
const tagged = (name: string, id: string): Item =>
  thing("A", { roleScopeTagIds: [ref("roleScopeTag", name, id)] });

describe("references", () => {
  test("an unknown group blocks the item, and empties no list", () => {
    const found = plan({
      desired: things([withGroup(ref("group", "Gone", "g0"))]),
      actual: [
        ...things([thing("A", inGroup(ref("group", "Pilot", "g1")))]),
        groupsHere(group("Pilot", "g1")),
      ],
    });
    expect(found).toMatchObject({
      changes: [],
      blocked: [{ reason: "referenceUnresolved", detail: "The tenant has no group Gone." }],
    });
  });

  test("a name that two groups have blocks the item", () => {
    const found = plan({
      desired: things([withGroup(ref("group", "Pilot", "elsewhere"))]),
      actual: [
        ...things([]),
        groupsHere(group("Pilot", "g1"), { ...group("P2", "g2"), name: "Pilot" }),
      ],
    });
    expect(found.blocked).toMatchObject([{ reason: "referenceAmbiguous" }]);
  });

  test("another group with the same name is another group, where the desired one is still there", () => {
    const found = plan({
      desired: things([withGroup(ref("group", "Pilot", "g1"))]),
      actual: [
        ...things([withGroup(ref("group", "Pilot", "g2"))]),
        groupsHere(group("Pilot", "g2"), { ...group("P1", "g1"), name: "Pilot" }),
      ],
    });
    expect(found.changes[0]?.properties).toEqual([
      { pointer: "/conditions/users/includeGroups/Pilot (g1)", after: "Pilot (g1)" },
      { pointer: "/conditions/users/includeGroups/Pilot (g2)", before: "Pilot (g2)" },
    ]);
  });

  test.each<[string, JsonObject, Item]>([
    ["was renamed", ref("group", "Old name", "g1"), group("New name", "g1")],
    ["was made anew under its name", ref("group", "Pilot", "dead"), group("Pilot", "g1")],
  ])("a group that %s is the same", (_, desired, there) => {
    const found = plan({
      desired: things([withGroup(desired)]),
      actual: [...things([withGroup(ref("group", there.name, there.id))]), groupsHere(there)],
    });
    expect(found).toEqual(nothing);
  });

  test("what the tenant's own item names is there, even if nobody else knows of it", () => {
    const found = plan({
      desired: things([thing("A", { ...users("anna@x", "u-elsewhere"), n: 1 })]),
      actual: things([thing("A", { ...users("anna@x", "u1"), n: 2 })]),
    });
    expect(found.changes[0]?.properties).toEqual([{ pointer: "/n", before: 2, after: 1 }]);
  });

  test("scope tags with the same number in two tenants are not the same", () => {
    const tags = typeWith({ key: "roleScopeTag" });
    const found = plan(
      {
        desired: things([tagged("Berlin", "1")]),
        actual: [
          ...things([tagged("Paris", "1")]),
          content("roleScopeTag", [tag("Paris", "1"), tag("Berlin", "2")]),
        ],
      },
      { types: [type, tags] },
    );
    expect(found.changes[0]?.properties).toMatchObject([{ after: "Berlin" }, { before: "Paris" }]);
  });

  test("a group that the same plan creates is needed by what names it", () => {
    const desired = [
      ...things([withGroup(ref("group", "New", "g-old"))]),
      groupsHere(group("New", "g-old")),
    ];
    const sides = { desired, actual: [...things([]), groupsHere()] };
    const found = plan(sides, { types: [type, groups] });
    const [creation, policy] = found.changes;
    expect(found.changes).toMatchObject([
      { type: "group", action: "create", needs: [] },
      { key: "A", needs: [creation?.changeId] },
    ]);
    const held = plan(sides, {
      types: [type, groups],
      ...rules({ held: [creation?.changeId ?? ""] }),
    });
    expect(held).toMatchObject({
      changes: [],
      held: [{ type: "group" }],
      blocked: [{ reason: "referenceUnresolved" }],
    });
    expect(selectChanges(found, [policy?.changeId ?? ""])).toEqual({
      kind: "incomplete",
      missing: [{ change: policy, needs: [creation] }],
    });
    const both = found.changes.map(({ changeId }) => changeId);
    expect(selectChanges(found, both.toReversed())).toEqual({
      kind: "selected",
      changes: found.changes,
    });
  });

  test("choosing a change that the plan does not have is refused by its name", () => {
    expect(selectChanges(nothing, ["x"])).toEqual({ kind: "unknown", changeIds: ["x"] });
  });
});
