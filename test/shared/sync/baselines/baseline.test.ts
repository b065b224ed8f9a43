// What becomes of a baseline's items in one tenant, by its placeholders, its values, and what a tenant has of its own.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BaselineDocument,
  type BaselineItem,
  copied,
  Parameter,
  strangeNames,
  Tailoring,
  tailored,
  versionFaults,
} from "../../../../shared/sync/baselines/baseline.ts";
import { typeOf } from "../../../../shared/sync/catalogue/catalogue.ts";
import type { Json, JsonObject } from "../../../../shared/sync/items/json.ts";

const policy = (body: JsonObject, key = "CA001"): BaselineItem => ({
  type: "conditionalAccessPolicy",
  key,
  body: { displayName: key, ...body },
});
const parameter = (name: string, more: object = {}): Parameter =>
  Parameter.parse({ name, ...more });
const document = (
  items: readonly BaselineItem[],
  parameters: readonly Parameter[] = [],
): BaselineDocument => ({ items: [...items], parameters: [...parameters] });
const own = (more: object = {}): Tailoring => Tailoring.parse(more);
const groupRef = (name: string, id?: string): JsonObject => ({
  $ref: "group",
  name,
  ...(id === undefined ? {} : { id }),
});
const bodiesOf = (made: ReturnType<typeof tailored>) => made.items.map(({ body }) => body);

describe("a version", () => {
  test.each<[string, BaselineDocument, string[]]>([
    ["an unknown parameter", document([policy({ state: "{{state}}" })]), ["/items/0/body/state"]],
    [
      "an unknown one in a reference's name, deep down",
      document([policy({}), policy({ conditions: { "a/b": [groupRef("{{nobody}}")] } }, "CA002")]),
      ["/items/1/body/conditions/a~1b/0/name"],
    ],
    [
      "one that is never closed",
      document([policy({ state: "{{a" })], [parameter("a")]),
      ["/items/0/body/state", "/parameters/0/name"],
    ],
    ["one that nothing uses", document([policy({})], [parameter("a")]), ["/parameters/0/name"]],
    [
      "two of one name",
      document([policy({ state: "{{a}}" })], [parameter("a"), parameter("a")]),
      ["/parameters/1/name"],
    ],
    [
      "a reference that has but an id of one tenant",
      document([policy({ strength: { $ref: "authenticationStrength", id: "s1" } })]),
      ["/items/0/body"],
    ],
    [
      "one that stands only between braces that are meant",
      document([policy({ state: "{{{{a}}" })], [parameter("a")]),
      ["/parameters/0/name"],
    ],
  ])("with %s is told so, with its place", (_, given, pointers) => {
    expect(versionFaults(given).map(({ pointer }) => pointer)).toEqual(pointers);
  });

  test("that uses each of its parameters is in order", () => {
    const items = [policy({ state: "{{a}}", description: "for {{b}}" })];
    expect(versionFaults(document(items, [parameter("a"), parameter("b")]))).toEqual([]);
  });

  test("has no placeholder in names of members, and its values change no structure", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (value) => {
        const items = [policy({ "{{a}}": ["{{a}}", { b: "-{{a}}-" }], n: 1, t: true, z: null })];
        const values = { a: value };
        const made = tailored(document(items, [parameter("a")]), { ...own(), values }, typeOf);
        const expected: JsonObject = {
          displayName: "CA001",
          "{{a}}": [value, { b: `-${value}-` }],
          n: 1,
          t: true,
          z: null,
        };
        expect(made).toEqual({
          faults: [],
          items: [{ type: items[0]?.type, at: 0, body: expected }],
        });
      }),
    );
  });
});

const inPolicy = (token: Json) => policy({ list: [token] });
const tokenIn = (made: ReturnType<typeof tailored>): unknown =>
  (made.items[0]?.body["list"] as Json[] | undefined)?.[0];

describe("a reference", () => {
  test("whose name is a parameter loses the id that another tenant's group had", () => {
    const given = document([inPolicy(groupRef("{{g}}", "id-of-a"))], [parameter("g")]);
    expect(tokenIn(tailored(given, own({ values: { g: "Emergency" } }), typeOf))).toEqual(
      groupRef("Emergency"),
    );
  });

  test("whose name is its own keeps its id, and one whose id is a parameter gets it", () => {
    expect(tokenIn(tailored(document([inPolicy(groupRef("All", "g1"))]), own(), typeOf))).toEqual(
      groupRef("All", "g1"),
    );
    const given = document([inPolicy({ $ref: "group", id: "{{g}}" })], [parameter("g")]);
    expect(tokenIn(tailored(given, own({ values: { g: "g7" } }), typeOf))).toEqual({
      $ref: "group",
      id: "g7",
    });
  });
});

describe("a copy of a tenant's items", () => {
  test("replaces a group's name by its parameter, in references and in the group, and no other text", () => {
    const [item, group] = copied(
      [
        policy({
          note: "Break glass",
          exclude: [groupRef("Break glass", "g1"), groupRef("Other")],
        }),
        { type: "group", key: "Break glass", body: { displayName: "Break glass" } },
      ],
      [{ ...parameter("g", { kind: "group" }), replaces: "Break glass" }],
    );
    expect(item?.body["note"]).toBe("Break glass");
    expect(item?.body["exclude"]).toEqual([groupRef("{{g}}"), groupRef("Other")]);
    expect(group?.body).toEqual({ displayName: "{{g}}" });
  });

  test("comes to the same items again with what its parameters replaced", () => {
    const text = fc.oneof(
      fc.constantFrom("Contoso", "{{", "{{{{a}}", "CN={{UserName}}"),
      fc.string(),
    );
    const node = fc.letrec<{ node: Json }>((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        text,
        fc.integer(),
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(
          fc.string({ maxLength: 5 }).filter((name) => name !== "$ref"),
          tie("node"),
          {
            maxKeys: 3,
          },
        ),
      ),
    })).node;
    const company = parameter("company");
    fc.assert(
      fc.property(node, (given) => {
        const items = copied([policy({ given })], [{ ...company, replaces: "Contoso" }]);
        const version = document(items, [company]);
        expect(
          versionFaults(version).filter(({ pointer }) => !pointer.startsWith("/parameters")),
        ).toEqual([]);
        const values = { company: "Contoso" };
        expect(bodiesOf(tailored(version, { ...own(), values }, typeOf))).toEqual([
          policy({ given }).body,
        ]);
      }),
    );
  });
});

describe("a tenant", () => {
  const items = [policy({ state: "{{state}}" }), policy({ state: "enabled" }, "CA002")];
  const usual = document(items, [parameter("state", { default: "disabled" })]);
  const strict = document(items, [parameter("state")]);

  test("has the default where it says nothing, and its own value where it does", () => {
    expect(bodiesOf(tailored(usual, own(), typeOf))[0]?.["state"]).toBe("disabled");
    const mine = own({ values: { state: "enabled" } });
    expect(bodiesOf(tailored(usual, mine, typeOf))[0]?.["state"]).toBe("enabled");
  });

  test("that lacks a value gets nothing at all, and is told which one", () => {
    expect(tailored(strict, own(), typeOf)).toEqual({
      items: [],
      faults: [{ pointer: "/values/state", detail: "has no value, and needs one" }],
    });
  });

  test("does without what it leaves out, and has what it overrides, the others as they are", () => {
    const item = { type: "conditionalAccessPolicy", key: "CA002" };
    const without = tailored(usual, own({ leaveOut: [item] }), typeOf);
    expect(without.items.map(({ at }) => at)).toEqual([0]);
    const overrides = [
      { ...item, pointer: "/state", value: "enabledForReportingButNotEnforced" },
      { ...item, pointer: "/grantControls/operator", value: "OR" },
    ];
    const made = bodiesOf(tailored(usual, own({ overrides }), typeOf));
    expect(made[0]?.["state"]).toBe("disabled");
    expect(made[1]).toEqual({
      displayName: "CA002",
      state: "enabledForReportingButNotEnforced",
      grantControls: { operator: "OR" },
    });
  });

  test("whose override leads nowhere gets nothing, since what it wants would not hold", () => {
    const override = {
      type: "conditionalAccessPolicy",
      key: "CA002",
      pointer: "/state/x",
      value: 1,
    };
    expect(tailored(usual, own({ overrides: [override] }), typeOf)).toMatchObject({
      items: [],
      faults: [{ pointer: "/overrides/0/pointer" }],
    });
  });

  test("is told of names that the baseline has not, and keeps what was of an older version", () => {
    const gone = { type: "conditionalAccessPolicy", key: "CA009" };
    const odd = own({
      values: { stat: "x" },
      overrides: [{ ...gone, pointer: "/state", value: "x" }],
      leaveOut: [gone],
    });
    expect(strangeNames(usual, odd).map(({ pointer }) => pointer)).toEqual([
      "/values/stat",
      "/overrides/0",
      "/leaveOut/0",
    ]);
    expect(tailored(usual, odd, typeOf)).toEqual(tailored(usual, own(), typeOf));
  });
});
