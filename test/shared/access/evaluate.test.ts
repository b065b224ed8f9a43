import { describe, expect, test } from "vitest";
import {
  evaluate,
  type RequestTarget,
  refusalOf,
  tenantsWith,
} from "../../../shared/access/evaluate.ts";
import { explainAccess } from "../../../shared/access/explain.ts";
import { requirementOf, requirements } from "../../../shared/access/requirements.ts";
import type { Assignment } from "../../../shared/access/roles/assignments.ts";
import type { Permission } from "../../../shared/access/roles/permissions.ts";
import { builtInRoles, type Role } from "../../../shared/access/roles/roles.ts";
import { snapshotOf } from "../../../shared/access/roles/snapshot.ts";
import { assign, caller, collections, customRole, everything, me, tenants } from "./standing.ts";

const standing = (assignments: Assignment[], custom: Role[] = []) => ({
  caller,
  ...snapshotOf(custom, assignments),
});

const ask = (
  assignments: Assignment[],
  operation: string,
  target: RequestTarget,
  custom: Role[] = [],
) => {
  const answer = evaluate(standing(assignments, custom), requirementOf(operation) ?? never, target);
  if (!answer.allowed) return answer.step;
  return answer.limits.kind === "all" ? "all" : answer.limits.collectionIds;
};
const never = { kind: "permission", permission: "access.manage", on: "global" } as const;

const t1 = { tenantId: "t1" };
const t1c1 = { tenantId: "t1", collectionId: "c1" };

describe("operations", () => {
  const full = "fullAdministrator";
  const cases: readonly (readonly [string, Assignment[], string, RequestTarget, unknown])[] = [
    ["a whole tenant", [assign(full, tenants("t1"))], "devices-list", t1, "all"],
    ["another tenant", [assign(full, tenants("t2"))], "devices-list", t1, "scope"],
    ["a request without a tenant", [assign(full, everything)], "devices-list", {}, "scope"],
    ["a request without a collection", [assign(full, everything)], "collections-get", t1, "scope"],
    ["a part of a tenant", [assign(full, collections(["t1", "c1"]))], "devices-list", t1, ["c1"]],
    [
      "its own collection",
      [assign(full, collections(["t1", "c1"]))],
      "collections-get",
      t1c1,
      "all",
    ],
    [
      "its own collection's rule",
      [assign(full, collections(["t1", "c1"]))],
      "collections-replace",
      t1c1,
      "scope",
    ],
    ["a new tenant, from a tenant", [assign(full, tenants("t1"))], "tenants-add", {}, "scope"],
    ["the list of tenants", [assign(full, tenants("t1"))], "tenants-list", {}, "all"],
    [
      "the list of tenants, as a partner",
      [assign("partner", everything)],
      "tenants-list",
      {},
      "permission",
    ],
    ["the list of tenants, as nobody", [], "tenants-list", {}, "assignment"],
    ["oneself, as nobody", [], "me-get", {}, "all"],
  ];
  test.each(cases)("%s", (_name, given, operation, target, expected) => {
    expect(ask(given, operation, target)).toEqual(expected);
  });

  test("only two are open to nobody in particular, the rest refuse a caller without assignments", () => {
    const own = ["actions-list", "zz-unknown-route", "me-get", "access-explain"];
    for (const name of Object.keys(requirements)) {
      const answer = evaluate(standing([]), requirementOf(name) ?? never, t1c1);
      expect([name, answer.allowed]).toEqual([name, [...own, "health", "openapi"].includes(name)]);
    }
  });
});

const send = (
  role: string,
  actionPermission: RequestTarget["actionPermission"],
  scope = everything,
) => ask([assign(role, scope)], "notifications-send", { ...t1, actionPermission });

describe("actions", () => {
  test.each([
    ["endpointProtectionManager", "enforceSecurity", "all"],
    ["endpointProtectionManager", "notifyResource", "permission"],
    ["securityAdministrator", "runCMPivot", "all"],
    ["securityAdministrator", "runScript", "permission"],
    ["applicationAdministrator", "modifyResource", "all"],
    ["readOnlyAnalyst", "notifyResource", "permission"],
    ["partner", "modifyResource", "permission"],
  ] as const)("%s and %s: %s", (role, word, expected) => {
    expect(send(role, word)).toBe(expected);
  });

  test("an action that does not exist is told to those who could send another, only", () => {
    expect(send("endpointProtectionManager", undefined)).toBe("all");
    expect(send("readOnlyAnalyst", undefined)).toBe("permission");
  });

  test("installing the client takes both permissions, and their common collections", () => {
    const roles = [
      customRole("install", ["devices.modifyResource"]),
      customRole("look", ["devices.read"]),
    ];
    const install = (...given: Assignment[]) =>
      ask(given, "notifications-send", { ...t1, actionPermission: "modifyResource" }, roles);
    const here = collections(["t1", "c1"], ["t1", "c2"]);
    expect(install(assign("install", everything))).toBe("permission");
    expect(install(assign("install", here), assign("look", everything))).toEqual(["c1", "c2"]);
    expect(install(assign("install", here), assign("look", collections(["t1", "c2"])))).toEqual([
      "c2",
    ]);
    expect(install(assign("install", here), assign("look", collections(["t1", "c9"])))).toBe(
      "scope",
    );
  });
});

test.each([
  [[assign("fullAdministrator", everything)], undefined],
  [
    [
      assign("readOnlyAnalyst", tenants("t1")),
      assign("readOnlyAnalyst", collections(["t2", "c1"])),
    ],
    ["t1", "t2"],
  ],
  [[assign("partner", everything)], []],
])("the tenants that are seen %#", (given, expected) => {
  const seen = tenantsWith(standing(given), "tenants.read");
  expect(seen && [...seen]).toEqual(expected);
});

describe("explaining", () => {
  const home = "11111111-1111-4111-8111-111111111111";
  const group = "55555555-5555-4555-8555-555555555555";
  const about = { operation: "devices-list" };
  const given = [
    assign("fullAdministrator", everything),
    assign("readOnlyAnalyst", tenants("t1"), {
      ...me,
      kind: "group",
      homeTenantId: home,
      id: group,
    }),
  ];

  test("oneself takes no permission", () => {
    expect(explainAccess(standing([]), about, t1)).toMatchObject({
      ok: true,
      value: { allowed: false },
    });
  });

  test("somebody else takes access.read", () => {
    const principal = { kind: "user", homeTenantId: home, id: group } as const;
    const refused = explainAccess(standing([]), { ...about, principal }, t1);
    expect(refused).toMatchObject({ ok: false, failure: { code: "forbidden" } });
  });

  test("a member of a group is explained with it, and not without", () => {
    const principal = { kind: "user", homeTenantId: home, id: "u9" } as const;
    const explained = (groups: string[]) =>
      explainAccess(standing(given), { ...about, principal, groups }, t1);
    expect(explained([group])).toMatchObject({ ok: true, value: { allowed: true } });
    expect(explained([])).toMatchObject({ ok: true, value: { allowed: false } });
  });

  test("a group is somebody who is in it", () => {
    const principal = { kind: "group", homeTenantId: home, id: group } as const;
    expect(explainAccess(standing(given), { ...about, principal }, t1)).toMatchObject({
      value: { allowed: true },
    });
  });

  test("an operation that does not exist is a fault in the query", () => {
    expect(explainAccess(standing([]), { operation: "toString" }, t1)).toMatchObject({
      failure: { code: "invalid-request" },
    });
  });
});

test("every permission is asked for by some operation, or is a later job's", () => {
  const asked = new Set<Permission>(
    Object.values(requirements).flatMap((one) => ("permission" in one ? [one.permission] : [])),
  );
  const held = builtInRoles.flatMap(({ permissions }) => permissions);
  const idle = [...new Set(held)].filter((name) => !asked.has(name));
  expect(
    idle.filter((name) => !/^registration\.|^devices\.(modify|run|notify|enforce)/.test(name)),
  ).toEqual([]);
});

/** The words of a refusal to send. */
const told = (given: Assignment[], target: RequestTarget) => {
  const answer = evaluate(standing(given), requirementOf("notifications-send") ?? never, target);
  if (answer.allowed) return "";
  const refusal = refusalOf(answer);
  return refusal.ok ? "" : refusal.failure.detail;
};

describe("a refusal names the built-in roles that would do", () => {
  const notify = "Full Administrator, Infrastructure Administrator.";
  const install =
    "Full Administrator, Operations Administrator, Infrastructure Administrator, Application Administrator, OS Deployment Manager.";

  test.each([
    ["without a role", [], "notifyResource", notify],
    ["with another role", ["readOnlyAnalyst"], "notifyResource", notify],
    ["for what takes two permissions", ["readOnlyAnalyst"], "modifyResource", install],
    ["with a part of what it takes", ["partner"], "modifyResource", install],
  ] as const)("%s", (_name, roles, actionPermission, expected) => {
    const given = roles.map((role) => assign(role, everything));
    expect(told(given, { ...t1, actionPermission })).toMatch(
      new RegExp(`Built-in roles that would do: ${expected.replaceAll(".", String.raw`\.`)}$`),
    );
  });

  test("and none where a role of theirs would do elsewhere", () => {
    const given = [assign("fullAdministrator", tenants("t2"))];
    const detail = told(given, { ...t1, actionPermission: "notifyResource" });
    expect(detail).toContain("do not reach this");
    expect(detail).not.toContain("Built-in");
  });
});
