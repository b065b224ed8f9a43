/** The built-in roles against a matrix that people can read, in which every operation has its line. */
import { describe, expect, test } from "vitest";
import { evaluate, type Scope } from "../../../shared/access/roles/decide.ts";
import { snapshotOf } from "../../../shared/access/roles/granted.ts";
import { requirementOf, requirements } from "../../../shared/access/roles/requirements.ts";
import { type ActionPermissionName } from "../../../shared/access/roles/roles.ts";
import { letters, matrix, type Where } from "./role-matrix.ts";
import { assign, caller, collections, everything, tenants } from "./standing.ts";

const inCollection = ["anywhere", "someCollection", "collection"] as const;
const scopes: readonly (readonly [string, Scope, readonly Where[]])[] = [
  ["everything", everything, [...inCollection, "tenant", "everything"]],
  ["its tenant", tenants("t1", "t9"), [...inCollection, "tenant"]],
  ["its collection", collections(["t1", "c1"], ["t9", "c9"]), inCollection],
  ["another tenant", tenants("t2"), ["anywhere"]],
  ["another tenant's collection", collections(["t2", "c1"]), ["anywhere"]],
];

function mayCall(name: string, roleId: string, scope: Scope): boolean {
  const [operation = "", word] = name.split(" ");
  const requirement = requirementOf(operation);
  if (requirement === undefined) return false;
  const standing = { caller, ...snapshotOf([], [assign(roleId, scope)]) };
  const actionPermission = word as ActionPermissionName | undefined;
  const target = { tenantId: "t1", collectionId: undefined, actionPermission };
  const on = requirement.kind === "permission" && requirement.on === "collection";
  return evaluate(standing, requirement, on ? { ...target, collectionId: "c1" } : target).allowed;
}

test("every operation has its line, and no line is of an operation that is gone", () => {
  const lines = new Set(Object.keys(matrix).map((name) => name.split(" ")[0]));
  expect(lines).toEqual(new Set(Object.keys(requirements)));
});

describe.each(scopes)("a role for %s", (_scope, scope, reached) => {
  test.each(Object.entries(matrix))("may call %s", (name, [roles, where]) => {
    const able = Object.entries(letters).filter(([, roleId]) => mayCall(name, roleId, scope));
    const expected = reached.includes(where) ? roles : "";
    expect(able.map(([letter]) => letter).join("")).toBe(expected);
  });
});
