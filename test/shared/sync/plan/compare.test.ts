/** What counts as a difference between two contents, and in which words it is told. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { compare } from "../../../../shared/sync/plan/compare.ts";
import { ref, typeWith } from "./situations.ts";

const type = typeWith();
const devices = { target: { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } };
const users = { target: { "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" } };
const forGroup = (kind: string, group: JsonObject, more: JsonObject = {}): JsonObject => ({
  target: { "@odata.type": `#microsoft.graph.${kind}`, groupId: group, ...more },
});
const pilot = ref("group", "Pilot", "g1");
const filter = (name: string, how: string): JsonObject => ({
  deviceAndAppManagementAssignmentFilterId: ref("assignmentFilter", name, `f-${name}`),
  deviceAndAppManagementAssignmentFilterType: how,
});
const inGroups = (...groups: JsonObject[]): JsonObject => ({
  conditions: { users: { includeGroups: groups } },
});

const assigned = (more?: JsonObject): JsonObject => ({
  assignments: [forGroup("groupAssignmentTarget", pilot, more)],
});
const pointers = (before: JsonObject, after: JsonObject): string[] =>
  compare(type, before, after).map(({ pointer }) => pointer);

describe("the same", () => {
  test.each<[string, JsonObject, JsonObject]>([
    ["null and missing", { a: null }, {}],
    ["no scope tag and the default one", { roleScopeTagIds: [] }, { roleScopeTagIds: ["0"] }],
    [
      "no scope tag and the default one by reference",
      {},
      { roleScopeTagIds: [ref("roleScopeTag", "Default", "0")] },
    ],
    ["a set in another order", { ranges: ["a", "b"] }, { ranges: ["b", "a"] }],
    ["a set that names the same twice", { ranges: ["a", "a"] }, { ranges: ["a"] }],
    [
      "an empty text and none, where the type says so",
      { description: "", ranges: [] },
      { description: null },
    ],
    ["a group by another name", inGroups(pilot), inGroups(ref("group", "Renamed", "g1"))],
    ["a group by another id", inGroups(pilot), inGroups(ref("group", "Pilot", "g2"))],
    ["a secret", { n: 1, password: { $secret: true } }, { n: 1 }],
    [
      "keyed elements in another order",
      { methods: [{ id: "a" }, { id: "b" }] },
      { methods: [{ id: "b" }, { id: "a" }] },
    ],
    [
      "assignments in another order",
      { assignments: [devices, users] },
      { assignments: [users, devices] },
    ],
    [
      "a part in which nothing is said and one that is missing",
      { a: 1, b: { c: {}, d: null } },
      { a: 1 },
    ],
    ["properties in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["zero and minus zero", { a: 0 }, { a: -0 }],
  ])("%s", (_, before, after) => {
    expect(compare(type, before, after)).toEqual([]);
    expect(compare(type, after, before)).toEqual([]);
  });
});

describe("a difference", () => {
  test.each<[string, JsonObject, JsonObject, unknown[]]>([
    ["a value", { a: 1 }, { a: 2 }, [{ pointer: "/a", before: 1, after: 2 }]],
    ["a property that appears", {}, { a: { b: 1 } }, [{ pointer: "/a", after: { b: 1 } }]],
    [
      "a property that goes",
      { a: { b: 1, c: 2 } },
      { a: { c: 2 } },
      [{ pointer: "/a/b", before: 1 }],
    ],
    [
      "a property named like a method",
      { constructor: 1 },
      {},
      [{ pointer: "/constructor", before: 1 }],
    ],
    [
      "a kind of value",
      { a: [1] },
      { a: { b: 1 } },
      [{ pointer: "/a", before: [1], after: { b: 1 } }],
    ],
    ["a name with a slash", {}, { "a/b~c": 1 }, [{ pointer: "/a~1b~0c", after: 1 }]],
    [
      "order where it counts",
      { a: [1, 2] },
      { a: [2, 1] },
      [{ pointer: "/a", before: [1, 2], after: [2, 1] }],
    ],
    ["an empty text where it means something", { a: "" }, {}, [{ pointer: "/a", before: "" }]],
    [
      "a group in a set, by its name",
      inGroups(pilot),
      inGroups(pilot, ref("group", "Sales/EU", "g3")),
      [{ pointer: "/conditions/users/includeGroups/Sales~1EU", after: "Sales/EU" }],
    ],
    [
      "a group that names nothing any more, by its id",
      inGroups(ref("group", undefined, "dead")),
      inGroups(),
      [{ pointer: "/conditions/users/includeGroups/dead", before: "dead" }],
    ],
    [
      "a group that is called like a word of Microsoft's",
      { conditions: { users: { includeGroups: ["All"] } } },
      inGroups(ref("group", "All", "g9")),
      [
        { pointer: "/conditions/users/includeGroups/All", before: "All" },
        { pointer: "/conditions/users/includeGroups/All (g9)", after: "All (g9)" },
      ],
    ],
    [
      "two groups of one name",
      inGroups(ref("group", "Pilot", "g1"), ref("group", "Pilot", "g2")),
      inGroups(ref("group", "Pilot", "g1")),
      [{ pointer: "/conditions/users/includeGroups/Pilot (g2)", before: "Pilot (g2)" }],
    ],
    [
      "one property of a keyed element",
      {
        settings: [
          { instance: { definitionId: "x", value: 1 } },
          { instance: { definitionId: "y" } },
        ],
      },
      {
        settings: [
          { instance: { definitionId: "y" } },
          { instance: { definitionId: "x", value: 2 } },
        ],
      },
      [{ pointer: "/settings/x/instance/value", before: 1, after: 2 }],
    ],
    [
      "two elements with one key",
      {
        methods: [
          { id: "a", n: 1 },
          { id: "a", n: 2 },
        ],
      },
      { methods: [{ id: "a", n: 1 }] },
      [{ pointer: "/methods/a#2", before: { id: "a", n: 2 } }],
    ],
  ])("%s", (_, before, after, differences) => {
    expect(compare(type, before, after)).toEqual(differences);
  });

  test("dropping All users keeps All devices", () => {
    expect(compare(type, { assignments: [users, devices] }, { assignments: [devices] })).toEqual([
      { pointer: "/assignments/All users", before: users },
    ]);
  });

  test("an assignment that turns from included to excluded is seen", () => {
    const before = { assignments: [forGroup("groupAssignmentTarget", pilot)] };
    const after = { assignments: [forGroup("exclusionGroupAssignmentTarget", pilot)] };
    expect(compare(type, before, after).map(({ pointer }) => pointer)).toEqual([
      "/assignments/excluded group Pilot",
      "/assignments/group Pilot",
    ]);
  });

  test("an assignment that gets another filter, or uses it the other way round, is seen", () => {
    expect(
      pointers(assigned(filter("Corp", "include")), assigned(filter("Corp", "exclude"))),
    ).toEqual([
      "/assignments/group Pilot with filter Corp (exclude)",
      "/assignments/group Pilot with filter Corp (include)",
    ]);
    expect(pointers(assigned(), assigned(filter("Corp", "include")))).toEqual([
      "/assignments/group Pilot",
      "/assignments/group Pilot with filter Corp (include)",
    ]);
  });

  test("what an assignment says beside its target is a change of that assignment", () => {
    expect(
      compare(
        type,
        { assignments: [{ ...devices, intent: "apply" }] },
        { assignments: [{ ...devices, intent: "remove" }] },
      ),
    ).toEqual([{ pointer: "/assignments/All devices/intent", before: "apply", after: "remove" }]);
  });

  test("all of a new item is told, property by property", () => {
    expect(compare(type, undefined, { a: 1, b: [2] })).toEqual([
      { pointer: "/a", after: 1 },
      { pointer: "/b", after: [2] },
    ]);
  });
});
