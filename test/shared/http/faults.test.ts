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
