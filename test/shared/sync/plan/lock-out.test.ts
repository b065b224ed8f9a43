/** Whom a conditional-access policy would lock out, and how sure that is. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import {
  type LockOutFacts,
  lockOutWarnings,
  type Person,
  type PolicyAfter,
} from "../../../../shared/sync/plan/lock-out.ts";
import { noRules } from "../../../../shared/sync/plan/plan.ts";
import { planOf } from "../../../../shared/sync/plan/plan-of.ts";
import { anything, content, item, lookupOf, ref, typeWith } from "./situations.ts";

const globalAdmin = "62e90394-69f5-4237-9190-012177145e10";
const person = (name: string, groups: string[] = [], roles = [globalAdmin]): Person => ({
  id: `u-${name}`,
  name,
  groups,
  roles,
});
const anna = person("anna@x", ["g-admins"]);
const ben = person("ben@x", ["g-admins", "g-nested"]);
const glass = person("glass@x", ["g-glass"]);

const facts: LockOutFacts = {
  administrators: [anna, ben],
  breakGlass: [glass],
  breakGlassGroups: [],
  ourApp: { appId: "our-app", servicePrincipalId: "our-sp" },
  namedLocations: [{ id: "l1", isTrusted: false }],
  cannotBeMet: ["domainJoinedDevice"],
};

const glassOut = { excludeGroups: [ref("group", "Break glass", "g-glass")] };
const everybody: JsonObject = { includeUsers: ["All"], ...glassOut };
const everywhere: JsonObject = {
  applications: { includeApplications: ["All"] },
  clientAppTypes: ["all"],
};
const block: JsonObject = { operator: "OR", builtInControls: ["block"] };

const policy = (
  users: JsonObject,
  conditions: JsonObject = {},
  grantControls: JsonObject = block,
  changeId = "c1",
): PolicyAfter => ({
  name: changeId,
  changeId,
  body: { state: "enabled", conditions: { users, ...everywhere, ...conditions }, grantControls },
});

/** What is told of the administrators of one policy. */
const told = (one: PolicyAfter, more: Partial<LockOutFacts> = {}) =>
  lockOutWarnings([one], { ...facts, ...more });

describe("every administrator", () => {
  test.each<[string, JsonObject]>([
    ["All", everybody],
    [
      "each of them",
      { includeUsers: [ref("user", "anna@x", "u-anna@x"), ref("user", "ben@x", "u-ben@x")] },
    ],
    ["a group that holds them", { includeGroups: [ref("group", "Admins", "g-admins")] }],
    [
      "their role",
      { includeRoles: [ref("directoryRole", "Global Administrator", globalAdmin)], ...glassOut },
    ],
    [
      "a person and the group of another",
      {
        includeUsers: [ref("user", "anna@x", "u-anna@x")],
        includeGroups: [ref("group", "Nested", "g-nested")],
      },
    ],
  ])("would be blocked by a policy for %s", (_, users) => {
    expect(told(policy(users))).toMatchObject([
      {
        changeId: "c1",
        locksOutAll: true,
        detail: expect.stringMatching(/^It would block every administrator \(2\)/),
      },
    ]);
  });

  test.each<[string, JsonObject]>([
    ["one of them", { includeUsers: [ref("user", "anna@x", "u-anna@x")] }],
    ["a group that holds one of them", { includeGroups: [ref("group", "Nested", "g-nested")] }],
    ["nobody", { includeUsers: ["None"] }],
    ["guests", { includeUsers: ["GuestsOrExternalUsers"] }],
    [
      "kinds of guests",
      { includeGuestsOrExternalUsers: { guestOrExternalUserTypes: "b2bCollaborationGuest" } },
    ],
    [
      "All without their group",
      {
        ...everybody,
        excludeGroups: [ref("group", "Admins", "g-admins"), ...glassOut.excludeGroups],
      },
    ],
    [
      "All without their role",
      { ...everybody, excludeRoles: [ref("directoryRole", "Global Administrator", globalAdmin)] },
    ],
    ["a group that is not there yet", { includeGroups: [ref("group", "New")] }],
  ])("is not told of by a policy for %s", (_, users) => {
    expect(told(policy(users))).toEqual([]);
  });

  test("but one: the exclusion that saves is named, and whom it saves", () => {
    const users = { ...everybody, excludeUsers: [ref("user", "ben@x", "u-ben@x")] };
    expect(told(policy(users))).toEqual([
      {
        changeId: "c1",
        locksOutAll: false,
        detail:
          "It would block every administrator but ben@x, whom only its exclusion of user ben@x saves.",
      },
    ]);
  });

  test("exclusions that save nobody are named", () => {
    expect(told(policy(everybody))[0]?.detail).toBe(
      "It would block every administrator (2). Its exclusion of group Break glass does not save them.",
    );
    expect(told(policy({ includeUsers: ["All"] }), { breakGlass: [] })[0]?.detail).toContain(
      "It excludes nobody.",
    );
  });

  test.each<[string, JsonObject]>([
    [
      "only some apps",
      { applications: { includeApplications: ["00000003-0000-0ff1-ce00-000000000000"] } },
    ],
    ["Office", { applications: { includeApplications: ["Office365"] } }],
    [
      "all apps but the admin portals",
      {
        applications: {
          includeApplications: ["All"],
          excludeApplications: ["MicrosoftAdminPortals"],
        },
      },
    ],
    [
      "all apps but Azure's management",
      {
        applications: {
          includeApplications: ["All"],
          excludeApplications: ["797f4846-ba00-4fd7-ba43-dac1f8f63013"],
        },
      },
    ],
    [
      "filtered apps",
      {
        applications: {
          includeApplications: ["All"],
          applicationFilter: { mode: "exclude", rule: "x" },
        },
      },
    ],
    [
      "an authentication context",
      { applications: { includeAuthenticationContextClassReferences: ["c1"] } },
    ],
    ["only browsers", { clientAppTypes: ["browser"] }],
    ["a place", { locations: { includeLocations: [ref("namedLocation", "Office", "l1")] } }],
    [
      "all places but one",
      {
        locations: {
          includeLocations: ["All"],
          excludeLocations: [ref("namedLocation", "Office", "l1")],
        },
      },
    ],
    ["a platform", { platforms: { includePlatforms: ["windows"] } }],
    [
      "all platforms but one",
      { platforms: { includePlatforms: ["all"], excludePlatforms: ["iOS"] } },
    ],
    ["a risk", { signInRiskLevels: ["high"] }],
    ["some devices", { devices: { deviceFilter: { mode: "include", rule: "x" } } }],
    ["what nobody knows today", { moonPhases: ["full"] }],
  ])("may be blocked where the policy is narrowed to %s", (_, conditions) => {
    expect(told(policy(everybody, conditions))).toMatchObject([
      { locksOutAll: false, detail: expect.stringMatching(/^It may block every administrator/) },
    ]);
  });

  test.each<[string, JsonObject]>([
    ["the admin portals", { applications: { includeApplications: ["MicrosoftAdminPortals"] } }],
    [
      "all apps but one that administers nothing",
      {
        applications: {
          includeApplications: ["All"],
          excludeApplications: ["d4ebce55-015a-49b5-a083-c84d1797ae8c"],
        },
      },
    ],
    ["browsers and apps", { clientAppTypes: ["browser", "mobileAppsAndDesktopClients"] }],
    [
      "all places but trusted ones, of which there are none",
      { locations: { includeLocations: ["All"], excludeLocations: ["AllTrusted"] } },
    ],
    ["all platforms", { platforms: { includePlatforms: ["all"], excludePlatforms: [] } }],
    [
      "conditions that are empty",
      { signInRiskLevels: [], devices: null, locations: { includeLocations: [] } },
    ],
  ])("would be blocked just so where the policy says %s", (_, conditions) => {
    expect(told(policy(everybody, conditions))).toMatchObject([{ locksOutAll: true }]);
  });

  test("all places but trusted ones only may, where there are trusted ones", () => {
    const conditions = {
      locations: { includeLocations: ["All"], excludeLocations: ["AllTrusted"] },
    };
    const namedLocations = [{ id: "l1", isTrusted: true }];
    expect(told(policy(everybody, conditions), { namedLocations })).toMatchObject([
      { locksOutAll: false },
    ]);
  });

  test.each<[string, JsonObject, JsonObject?]>([
    ["old protocols", { clientAppTypes: ["exchangeActiveSync", "other"] }],
    [
      "registering a method",
      { applications: { includeUserActions: ["urn:user:registersecurityinfo"] } },
    ],
    [
      "trusted places, of which there are none",
      { locations: { includeLocations: ["AllTrusted"] } },
    ],
    ["a demand that can be met", {}, { operator: "OR", builtInControls: ["mfa"] }],
    [
      "one demand of two that can be met",
      {},
      { operator: "OR", builtInControls: ["mfa", "domainJoinedDevice"] },
    ],
    ["how long a session lasts", {}, {}],
  ])("is not told of for %s", (_, conditions, controls) => {
    expect(told(policy(everybody, conditions, controls))).toEqual([]);
  });

  test.each<[string, JsonObject]>([
    ["alone", { operator: "OR", builtInControls: ["domainJoinedDevice"] }],
    ["beside one that can be", { operator: "AND", builtInControls: ["mfa", "domainJoinedDevice"] }],
  ])("is warned of a demand that nobody can meet, %s, which blocks no change", (_, controls) => {
    expect(told(policy(everybody, {}, controls))).toMatchObject([
      {
        locksOutAll: false,
        detail: expect.stringContaining(
          "demand domainJoinedDevice, which nobody here can meet, of every administrator",
        ),
      },
    ]);
  });

  test("is told of when two policies block them together, and not by an old one that blocks some", () => {
    const one = policy({ includeUsers: [ref("user", "anna@x", "u-anna@x")] });
    const { changeId: _, ...old } = policy({ includeGroups: [ref("group", "Nested", "g-nested")] });
    expect(lockOutWarnings([one, { ...old, name: "Old" }], facts)).toEqual([
      {
        changeId: "c1",
        locksOutAll: true,
        detail: 'Together with "Old", it would block every administrator.',
      },
    ]);
    const report = { ...old, body: { ...old.body, state: "enabledForReportingButNotEnforced" } };
    expect(lockOutWarnings([one, report], facts)).toEqual([]);
  });

  test("nothing is told of a policy that is not enforced, or not changed", () => {
    const one = policy(everybody);
    for (const state of ["disabled", "enabledForReportingButNotEnforced"])
      expect(told({ ...one, body: { ...one.body, state } })).toEqual([]);
    const { changeId: _, ...unchanged } = one;
    expect(told(unchanged)).toEqual([]);
  });

  test("where nobody knows who they are, a policy for All may block them", () => {
    expect(told(policy(everybody), { administrators: [] })).toEqual([
      {
        changeId: "c1",
        locksOutAll: false,
        detail: "It may block every administrator: who they are is not known.",
      },
    ]);
  });

  test("guests among them may be meant by kinds of guests", () => {
    const guest = { ...person("guest@y"), isGuest: true };
    const users = {
      includeGuestsOrExternalUsers: { guestOrExternalUserTypes: "b2bCollaborationGuest" },
    };
    expect(told(policy(users), { administrators: [guest] })).toMatchObject([
      { locksOutAll: false },
    ]);
    const literal = { includeUsers: ["GuestsOrExternalUsers"] };
    expect(told(policy(literal), { administrators: [guest] })).toMatchObject([
      { locksOutAll: true },
    ]);
  });
});

describe("break-glass accounts", () => {
  const nobody = { administrators: [person("other@x", [], [])] };
  const mfa = { operator: "OR", builtInControls: ["mfa"] };

  test("are told of when any demand is made of them, with the exclusion that failed", () => {
    const users = {
      includeUsers: ["All"],
      excludeGroups: [ref("group", "Wrong group", "g-wrong")],
    };
    expect(told(policy(users, {}, mfa), nobody)).toMatchObject([
      {
        locksOutAll: false,
        detail:
          "It would demand mfa of the break-glass accounts glass@x. Its exclusion of group Wrong group does not save them.",
      },
    ]);
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["their group is left out", everybody, {}],
    [
      "they are left out",
      { includeUsers: ["All"], excludeUsers: [ref("user", "glass@x", "u-glass@x")] },
      {},
    ],
    ["only old protocols are meant", { includeUsers: ["All"] }, { clientAppTypes: ["other"] }],
  ])("are not told of when %s", (_, users, conditions) => {
    expect(told(policy(users, conditions, mfa), nobody)).toEqual([]);
  });

  test("count by their group, whoever is in it", () => {
    const more = {
      ...nobody,
      breakGlass: [],
      breakGlassGroups: [{ id: "g-glass", name: "Break glass" }],
    };
    expect(told(policy({ includeUsers: ["All"] }, {}, mfa), more)).toMatchObject([
      { detail: expect.stringContaining("of the group Break glass") },
    ]);
    expect(told(policy(everybody, {}, mfa), more)).toEqual([]);
  });
});

describe("our own application", () => {
  const nobody = { includeUsers: ["None"] };
  const workloads = (clientApplications: JsonObject, more: JsonObject = {}): PolicyAfter =>
    policy(nobody, { clientApplications, ...more });

  test.each<[string, PolicyAfter, RegExp]>([
    [
      "all of the tenant's",
      workloads({ includeServicePrincipals: ["ServicePrincipalsInMyTenant"] }),
      /^It would block our own/,
    ],
    [
      "ours",
      workloads({ includeServicePrincipals: [ref("user", "Muster", "our-sp")] }),
      /^It would block our own/,
    ],
    [
      "ours outside a place",
      workloads(
        { includeServicePrincipals: ["our-sp"] },
        { locations: { includeLocations: ["All"], excludeLocations: ["l1"] } },
      ),
      /^It may block our own/,
    ],
    [
      "filtered ones",
      workloads({
        includeServicePrincipals: ["ServicePrincipalsInMyTenant"],
        servicePrincipalFilter: { rule: "x" },
      }),
      /^It may block our own/,
    ],
    [
      "people who sign in to it",
      policy({ includeGroups: ["g-x"] }, { applications: { includeApplications: ["our-app"] } }),
      /keep people from signing in/,
    ],
    [
      "device code",
      policy(everybody, { authenticationFlows: { transferMethods: "deviceCodeFlow" } }),
      /by device code/,
    ],
  ])("is told of: %s", (_, one, words) => {
    expect(told(one)).toMatchObject([{ locksOutAll: false, detail: expect.stringMatching(words) }]);
  });

  test.each<[string, PolicyAfter]>([
    [
      "it is left out",
      workloads({
        includeServicePrincipals: ["ServicePrincipalsInMyTenant"],
        excludeServicePrincipals: ["our-sp"],
      }),
    ],
    ["others are meant", workloads({ includeServicePrincipals: ["other"] })],
  ])("is not told of: %s", (_, one) => {
    expect(told(one)).toEqual([]);
  });
});

const bodyOf = (users: JsonObject): JsonObject => ({ ...policy(users).body, displayName: "P" });

describe("in a plan", () => {
  const type = typeWith({ key: "conditionalAccessPolicy" });
  const planned = (users: JsonObject, isConfirmed = false) =>
    planOf({
      types: [type],
      desired: [content(type.key, [item(type.key, "P", bodyOf(users))])],
      actual: [content(type.key, [item(type.key, "P", bodyOf({ includeUsers: ["None"] }), "p")])],
      rules: noRules,
      now: 0,
      unread: [],
      lookup: lookupOf([], [{ family: "group", id: "g-glass", name: "Break glass" }]),
      lockOut: facts,
      ...(isConfirmed ? { confirmed: anything } : {}),
    });

  test("a change that blocks every administrator is blocked, until somebody accepts just that", () => {
    expect(planned(everybody)).toMatchObject({
      changes: [],
      blocked: [{ key: "P", reason: "lockOut" }],
    });
    expect(planned(everybody, true)).toMatchObject({
      changes: [{ key: "P", warnings: [{ reason: "lockOut" }] }],
      blocked: [],
    });
  });

  test("any other warning stands at the change", () => {
    const users = { includeUsers: [ref("user", "glass@x", "u-glass@x")] };
    expect(planned({ ...users, includeUsers: ["u-glass@x"] })).toMatchObject({
      changes: [{ warnings: [{ reason: "lockOut", detail: expect.stringContaining("glass@x") }] }],
      blocked: [],
    });
  });
});
