/** References turned back into ids: the right one, or none and a reason; never a shorter list. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReferenceToken } from "../../../../shared/sync/items/item.ts";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import { type Lookup, resolveForWrite } from "../../../../shared/sync/items/references.ts";

type Thing = { readonly family: string; readonly id: string; readonly name: string };

const tenant = (
  things: readonly Thing[],
  mappings: Readonly<Record<string, string>> = {},
): Lookup => ({
  mapped: ({ name = "" }) => mappings[name],
  byId: (family, id) => things.find((thing) => thing.family === family && thing.id === id),
  byName: (family, name) =>
    things.filter((thing) => thing.family === family && thing.name === name).map(({ id }) => id),
});

const things = [
  { family: "group", id: "g1", name: "Pilots" },
  { family: "group", id: "g2", name: "Twins" },
  { family: "group", id: "g3", name: "Twins" },
  { family: "authenticationContext", id: "c1", name: "Payroll" },
  { family: "roleScopeTag", id: "4", name: "France" },
];

const resolved = (token: ReferenceToken, mappings?: Readonly<Record<string, string>>) => {
  const result = resolveForWrite({ list: ["All", token] }, tenant(things, mappings));
  return result.ok ? (result.body["list"] as readonly string[])[1] : result.faults[0];
};

describe("a reference", () => {
  test.each<[string, ReferenceToken, string]>([
    ["the same id, whatever it is called now", { $ref: "group", name: "Old", id: "g1" }, "g1"],
    ["the same id among several of a name", { $ref: "group", name: "Twins", id: "g3" }, "g3"],
    ["the only one of that name", { $ref: "group", name: "Pilots", id: "elsewhere" }, "g1"],
    [
      "a context by its name, not its number",
      { $ref: "authenticationContext", name: "Payroll", id: "c7" },
      "c1",
    ],
    ["a number that means the same", { $ref: "roleScopeTag", name: "France", id: "4" }, "4"],
    ["a number without a name", { $ref: "roleScopeTag", id: "4" }, "4"],
  ])("leads to %s", (_, token, id) => {
    expect(resolved(token)).toBe(id);
  });

  test("leads where somebody said, before all else", () => {
    expect(resolved({ $ref: "group", name: "Pilots", id: "g1" }, { Pilots: "g9" })).toBe("g9");
  });

  test.each<[string, ReferenceToken, string]>([
    ["several of its name", { $ref: "group", name: "Twins" }, "referenceAmbiguous"],
    ["nothing", { $ref: "group", name: "Nobody", id: "g8" }, "referenceUnresolved"],
    ["an id without a name that is not there", { $ref: "group", id: "g8" }, "referenceUnresolved"],
    ["another kind of that name", { $ref: "user", name: "Pilots" }, "referenceUnresolved"],
    [
      "a number that means something else here",
      { $ref: "authenticationContext", name: "Vault", id: "c1" },
      "referenceUnresolved",
    ],
  ])("to %s is a fault with its place", (_, token, reason) => {
    expect(resolved(token)).toMatchObject({ pointer: "/list/1", reason });
  });

  test("that cannot be followed leaves no shorter list behind: all faults are told, and no body", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("Pilots", "Twins", "Nobody")), (names) => {
        const list: JsonObject[] = names.map((name) => ({ $ref: "group", name }));
        const result = resolveForWrite({ a: { "b/c": list } }, tenant(things));
        const bad = names.flatMap((name, at) => (name === "Pilots" ? [] : [`/a/b~1c/${at}`]));
        const told = result.ok ? result.body : result.faults.map(({ pointer }) => pointer);
        expect(told).toEqual(bad.length > 0 ? bad : { a: { "b/c": names.map(() => "g1") } });
      }),
    );
  });
});
