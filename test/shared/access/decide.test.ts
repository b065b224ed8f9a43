import { describe, expect, test } from "vitest";
import { refusalOf } from "../../../shared/access/evaluate.ts";
import type { Resource, Scope } from "../../../shared/access/roles/assignments.ts";
import { explain } from "../../../shared/access/roles/decide.ts";
import { settingsAssignments } from "../../../shared/access/roles/first-administrator.ts";
import { type Permission, permissionNames } from "../../../shared/access/roles/permissions.ts";
import { builtInRoles, type Role } from "../../../shared/access/roles/roles.ts";
import { snapshotOf } from "../../../shared/access/roles/snapshot.ts";
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
