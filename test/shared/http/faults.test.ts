import { assert, constant, constantFrom, dictionary, jsonValue, oneof, property } from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { faultsOf, invalidRequest, pointerOf } from "../../../shared/http/faults.ts";

const Shape = z.strictObject({
  name: z.string().min(1),
  list: z.array(z.strictObject({ size: z.int() })).optional(),
  target: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("one"), id: z.string() }),
      z.strictObject({ kind: z.literal("all") }),
    ])
    .optional(),
  rule: z
    .union([
      z.strictObject({ and: z.array(z.strictObject({ equals: z.string() })) }),
      z.strictObject({ equals: z.string() }),
    ])
    .optional(),
  pace: z.union([z.int().min(4), z.literal("unlimited")]).optional(),
  byName: z.record(z.string(), z.int()).optional(),
});

const pointersOf = (value: unknown, prefix?: string): string[] => {
  const parsed = Shape.safeParse(value);
  return parsed.success ? [] : faultsOf(parsed.error, prefix).map(({ pointer }) => pointer);
};

test.each([
  [{}, ["/name"]],
  [{ name: "" }, ["/name"]],
  ["text", [""]],
  [{ name: "a", list: [{ size: 1 }, { size: "2" }] }, ["/list/1/size"]],
  [{ name: "a", list: [{ size: 1, width: 2, height: 3 }] }, ["/list/0/width", "/list/0/height"]],
  [{ name: "a", colour: 1, "a/b~c": 2 }, ["/colour", "/a~1b~0c"]],
  [{ name: "a", target: { kind: "none" } }, ["/target/kind"]],
  [{ name: "a", target: { kind: "one" } }, ["/target/id"]],
  [{ name: "a", target: { kind: "all", id: "x" } }, ["/target/id"]],
  [{ name: "a", rule: { and: [{ equals: 1 }] } }, ["/rule/and/0/equals"]],
  [{ name: "a", rule: { equals: 1 } }, ["/rule/equals"]],
  [{ name: "a", pace: 3 }, ["/pace"]],
  [{ name: "a", byName: { "x/y": "1" } }, ["/byName/x~1y"]],
])("%j is wrong at %j", (value, pointers) => {
  expect(pointersOf(value)).toEqual(pointers);
});

test("every fault is named at once, below a prefix", () => {
  expect(pointersOf({ name: 1, colour: 1, pace: 3 }, "/query").toSorted()).toEqual([
    "/query/colour",
    "/query/name",
    "/query/pace",
  ]);
});

test("a pointer escapes what RFC 6901 escapes, and nothing else", () => {
  expect(pointerOf([])).toBe("");
  expect(pointerOf(["a/b", "m~n", 0, "", "~1"])).toBe("/a~1b/m~0n/0//~01");
});

test("the refusal names all faults, and the first places in words", () => {
  const faults = Array.from({ length: 7 }, (_, at) => ({ pointer: `/${at}`, detail: "wrong" }));
  const { failure } = invalidRequest(faults);
  expect(failure).toMatchObject({ code: "invalid-request", faults });
  expect(failure.detail).toContain("/4 and 2 more");
});

const values = oneof(jsonValue(), constant(undefined), constant(NaN));

test("no text of a fault is the library's own", () => {
  const everyKind = z.strictObject({
    a: z.string().min(2).max(3),
    b: z.int().min(1).max(5).multipleOf(2),
    c: z.enum(["x", "y"]),
    d: z.literal("only"),
    e: z.array(z.string()).min(1).max(2),
    f: z.record(z.string().max(1), z.boolean()),
    g: z.iso.datetime(),
    h: z.url(),
    i: z.string().regex(/^a+$/),
    j: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("k") })]),
    k: z.union([z.string(), z.int()]),
    l: z.guid(),
    m: z.number().gt(1).lt(2),
    n: z.null(),
  });
  const theirs = /Invalid|Unrecognized|Too (big|small)|expected/;
  assert(
    property(dictionary(constantFrom(...Object.keys(everyKind.shape), "z"), values), (given) => {
      const { error } = everyKind.safeParse(given);
      const details = error === undefined ? [] : faultsOf(error).map(({ detail }) => detail);
      expect(details.filter((detail) => theirs.test(detail) || detail.length > 200)).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [z.string(), undefined, "is missing: a text is needed here"],
  [z.string(), 1, "must be a text"],
  [z.int(), 1.5, "must be a whole number"],
  [z.enum(["x", "y"]), "z", "must be one of x, y"],
  [z.array(z.int()).max(2), [1, 2, 3], "must have at most 2 entries"],
  [z.string().min(1), "", "must have at least 1 characters"],
  [z.number().max(5), 6, "must be at most 5"],
  [z.number().lt(5), 6, "must be below 5"],
  [z.iso.datetime(), "soon", "must be an instant such as 2026-11-29T08:00:00Z"],
  [z.string({ error: "say who" }), 1, "say who"],
])("%o tells of %j: %s", (schema, value, detail) => {
  const { error } = schema.safeParse(value);
  expect(faultsOf(error!)).toEqual([{ pointer: "", detail }]);
});

test("a hundred faults are named, and no more, however much is wrong", () => {
  const Names = z.strictObject({ list: z.array(z.enum(["aaaa", "bbbb"])).optional() });
  const list = Array.from({ length: 40_000 }, () => "c".repeat(20));
  const many = Names.safeParse({ list }).error!;
  const { failure } = invalidRequest(faultsOf(many));
  expect(failure.faults).toHaveLength(100);
  expect(failure.detail).toContain("more than 100 fault(s)");
  const unknown = Object.fromEntries(list.map((_, at) => [`${at}${"x".repeat(2_000)}`, 1]));
  const { failure: named } = invalidRequest(faultsOf(Names.safeParse(unknown).error!));
  expect(named.faults).toHaveLength(100);
  expect(JSON.stringify(named).length).toBeLessThan(30_000);
});

test("a long list of values is not repeated in a fault", () => {
  const names = Array.from({ length: 60 }, (_, at) => `permission.${at}`);
  const { error } = z.enum(names as [string, ...string[]]).safeParse("x");
  expect(faultsOf(error!)).toEqual([
    {
      pointer: "",
      detail:
        "must be one of 60 values, such as permission.0, permission.1, permission.2; the API document lists them",
    },
  ]);
});
