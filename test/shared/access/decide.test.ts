import { describe, expect, test } from "vitest";
import { explainAccess } from "../../../shared/access/explain.ts";
import {
  type Assignment,
  evaluate,
  explain,
  type RequestTarget,
  type Resource,
  refusalOf,
  type Scope,
  tenantsWith,
} from "../../../shared/access/roles/decide.ts";
import { settingsAssignments, snapshotOf } from "../../../shared/access/roles/granted.ts";
import { requirementOf, requirements } from "../../../shared/access/roles/requirements.ts";
import {
  builtInRoles,
  type Permission,
  permissionNames,
  type Role,
} from "../../../shared/access/roles/roles.ts";
import type { Caller, Principal } from "../../../shared/access/sign-in/caller.ts";
import {
  ask,
  assign,
  caller,
  collections,
  customRole,
  everything,
  inCollection,
  inTenant,
  me,
  robot,
  shortly,
  tenants,
} from "./standing.ts";

describe("denied by default", () => {
  test.each(permissionNames)("%s without any assignment", (permission) => {
    for (const resource of [{ kind: "global" } as const, inTenant("t1"), inCollection("t1", "c1")])
      expect(ask([], permission, resource)).toEqual({ allowed: false, step: "assignment" });
  });

  test("a role that is gone gives nothing", () => {
    expect(ask([assign("removed", everything)], "devices.read", inTenant("t1"))).toEqual({
      allowed: false,
      step: "permission",
    });
  });

  test("a custom role cannot take a built-in one's place", () => {
    const impostor: Role = { ...(builtInRoles[0] as Role), roleId: "partner", builtIn: false };
    const denied = ask([assign("partner", everything)], "devices.read", inTenant("t1"), caller, [
      impostor,
    ]);
    expect(denied.allowed).toBe(false);
  });
});

describe("principals", () => {
  const cases: readonly (readonly [string, Principal, Caller, boolean])[] = [
    ["the user", me, caller, true],
    ["a group of the user's", { ...me, kind: "group", id: "g1" }, caller, true],
    ["another group", { ...me, kind: "group", id: "g2" }, caller, false],
    ["the same id in another directory", { ...me, homeTenantId: "other" }, caller, false],
    [
      "the app that the user signs in through",
      { ...me, kind: "app", id: "console" },
      caller,
      false,
    ],
    ["an app by its client id", { ...me, kind: "app", id: "robot" }, robot, true],
    ["an app by its object id", { ...me, kind: "app", id: "sp1" }, robot, true],
    ["an app named as a user", { ...me, kind: "user", id: "sp1" }, robot, false],
    ["a user named as an app", { ...me, kind: "app", id: "u1" }, caller, false],
  ];
  test.each(cases)("%s", (_name, principal, who, allowed) => {
    const given = [assign("fullAdministrator", everything, principal)];
    expect(ask(given, "access.manage", { kind: "global" }, who).allowed).toBe(allowed);
  });

  test("the first administrator is who the setting names, and nobody else", () => {
    const given = settingsAssignments({ homeTenantId: "home", id: "U1" });
    expect(ask(given, "access.manage", { kind: "global" }).allowed).toBe(true);
    expect(ask(given, "access.manage", { kind: "global" }, robot).allowed).toBe(false);
    expect(settingsAssignments(undefined)).toEqual([]);
  });
});

describe("scopes", () => {
  type Case = readonly [Scope, Permission, Resource, "all" | "denied" | readonly string[]];
  const cases: readonly Case[] = [
    [everything, "tenants.add", { kind: "global" }, "all"],
    [tenants("t1"), "tenants.add", { kind: "global" }, "denied"],
    [tenants("t1"), "access.manage", inTenant("t1"), "denied"],
    [tenants("t1"), "audit.read", { kind: "global" }, "denied"],
    [tenants("t1"), "audit.read", inTenant("t1"), "all"],
    [tenants("t1"), "audit.read", inTenant("t2"), "denied"],
    [collections(["t1", "c1"]), "audit.read", inTenant("t1"), "denied"],
    [collections(["t1", "c1"]), "tenants.read", inTenant("t1"), ["c1"]],
    [collections(["t1", "c1"]), "devices.read", inTenant("t1"), ["c1"]],
    [collections(["t1", "c1"]), "devices.read", inTenant("t2"), "denied"],
    [collections(["t1", "c1"]), "devices.read", inCollection("t1", "c1"), "all"],
    [collections(["t1", "c1"]), "devices.read", inCollection("t1", "c2"), "denied"],
    [collections(["t1", "c1"]), "devices.read", inCollection("t2", "c1"), "denied"],
    [collections(["t1", "c1"]), "collections.manage", inCollection("t1", "c1"), "denied"],
    [collections(["t1", "c1"], ["t1", "c2"]), "devices.read", inTenant("t1"), ["c1", "c2"]],
  ];
  test.each(cases)("%j with %s on %j: %j", (scope, permission, resource, expected) => {
    const decision = ask([assign("fullAdministrator", scope)], permission, resource);
    expect(shortly(decision)).toEqual(expected);
  });

  test("a whole tenant beats collections of it; collections add up", () => {
    const parts = [
      assign("fullAdministrator", collections(["t1", "c1"])),
      assign("readOnlyAnalyst", collections(["t1", "c2"], ["t1", "c1"])),
    ];
    expect(ask(parts, "devices.read", inTenant("t1"))).toMatchObject({
      limits: { kind: "collections", collectionIds: ["c1", "c2"] },
    });
    expect(
      ask([...parts, assign("partner", tenants("t1"))], "devices.read", inTenant("t1")),
    ).toMatchObject({
      limits: { kind: "collections" },
    });
    expect(
      ask([...parts, assign("readOnlyAnalyst", tenants("t1"))], "devices.read", inTenant("t1")),
    ).toMatchObject({ limits: { kind: "all" } });
  });

  test("an unknown tenant and a forbidden one are refused in the same words", () => {
    const given = [assign("fullAdministrator", tenants("t1"))];
    const answers = ["registered", "never-heard-of"].map((id) => {
      const decision = ask(given, "devices.read", inTenant(id));
      const step = decision.allowed ? "assignment" : decision.step;
      return refusalOf({ step, permission: "devices.read" });
    });
    expect(answers[0]).toEqual(answers[1]);
  });
});

test("running scripts includes CMPivot, and not the other way round", () => {
  const custom = [
    customRole("devicesrunScript", ["devices.runScript"]),
    customRole("devicesrunCMPivot", ["devices.runCMPivot"]),
  ];
  const scripts = [assign("devicesrunScript", everything)];
  const pivots = [assign("devicesrunCMPivot", everything)];
  expect(ask(scripts, "devices.runCMPivot", inTenant("t1"), caller, custom).allowed).toBe(true);
  expect(ask(pivots, "devices.runScript", inTenant("t1"), caller, custom).allowed).toBe(false);
});

test("explaining names every assignment of the caller's, and why it does or does not help", () => {
  const given = [
    assign("readOnlyAnalyst", tenants("t2")),
    assign("partner", everything),
    assign("gone", everything),
    assign("fullAdministrator", everything, { ...me, id: "somebody-else" }),
  ];
  const explained = explain({ caller, ...snapshotOf([], given) }, "devices.read", inTenant("t1"));
  expect(explained.decision).toEqual({ allowed: false, step: "scope" });
  expect(
    explained.findings.map(({ role, grants, reach }) => [role?.roleId, grants, reach]),
  ).toEqual([
    ["readOnlyAnalyst", true, "none"],
    ["partner", false, "whole"],
    [undefined, false, "whole"],
  ]);
});

test("a caller whose groups are not known is told so where groups have roles, and only there", () => {
  const crowded: Caller = { ...caller, groups: [], groupsComplete: false };
  const group: Principal = { kind: "group", homeTenantId: "home", id: "g1" };
  const asked = (...holders: Principal[]) => {
    const held = holders.map((one) => assign("readOnlyAnalyst", everything, one));
    return ask(held, "devices.read", inTenant("t1"), crowded);
  };
  expect(asked()).toEqual({ allowed: false, step: "assignment" });
  expect(asked(group)).toEqual({ allowed: false, step: "groups-overage" });
  expect(asked({ ...group, homeTenantId: "elsewhere" })).toMatchObject({ step: "assignment" });
  expect(asked(me)).toMatchObject({ allowed: true });
});

const standing = (assignments: Assignment[], custom: Role[] = []) => ({
  caller,
  ...snapshotOf(custom, assignments),
});

const askFor = (
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
    expect(askFor(given, operation, target)).toEqual(expected);
  });

  test("only the listed are open to nobody in particular, the rest refuse a caller without assignments", () => {
    const open = ["health", "ready", "openapi", "callbacks-sign-in", "callbacks-consent"];
    const own = [
      "actions-list",
      "actions-get",
      "names-get",
      "texts-list",
      "action-types-list",
      "zz-unknown-route",
      "me-get",
      "access-explain",
    ];
    for (const name of Object.keys(requirements)) {
      const answer = evaluate(standing([]), requirementOf(name) ?? never, t1c1);
      expect([name, answer.allowed]).toEqual([name, [...own, ...open].includes(name)]);
    }
  });
});

const send = (
  role: string,
  actionPermission: RequestTarget["actionPermission"],
  scope = everything,
) => askFor([assign(role, scope)], "notifications-send", { ...t1, actionPermission });

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
      askFor(given, "notifications-send", { ...t1, actionPermission: "modifyResource" }, roles);
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

const noAction = () => undefined;

describe("explaining", () => {
  const home = "11111111-1111-4111-8111-111111111111";
  const group = "55555555-5555-4555-8555-555555555555";
  const about = { ...t1, operation: "devices-list" };
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
    expect(explainAccess(standing([]), about, noAction)).toMatchObject({
      ok: true,
      value: { answer: { allowed: false } },
    });
  });

  test("somebody else takes access.read", () => {
    const principal = { kind: "user", homeTenantId: home, id: group } as const;
    const refused = explainAccess(standing([]), { ...about, principal }, noAction);
    expect(refused).toMatchObject({ ok: false, failure: { code: "forbidden" } });
  });

  test("a member of a group is explained with it, and not without", () => {
    const principal = { kind: "user", homeTenantId: home, id: "u9" } as const;
    const explained = (groups: string[]) =>
      explainAccess(standing(given), { ...about, principal, groups }, noAction);
    expect(explained([group])).toMatchObject({ ok: true, value: { answer: { allowed: true } } });
    expect(explained([])).toMatchObject({ ok: true, value: { answer: { allowed: false } } });
  });

  test("a group is somebody who is in it", () => {
    const principal = { kind: "group", homeTenantId: home, id: group } as const;
    expect(explainAccess(standing(given), { ...about, principal }, noAction)).toMatchObject({
      value: { answer: { allowed: true } },
    });
  });

  test("an operation that does not exist is a fault in the query", () => {
    expect(explainAccess(standing([]), { operation: "toString" }, noAction)).toMatchObject({
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
    idle.filter(
      (name) =>
        !/^registration\.|^provisioning\.|^(tasks|templates)\.administer$|^devices\.(manage|modify|run|notify|enforce)/.test(
          name,
        ),
    ),
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
