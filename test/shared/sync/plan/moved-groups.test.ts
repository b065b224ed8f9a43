/** Whom a new rule of a group's membership would lock out, by policies that stay as they are. */
import { expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import type { LockOutFacts } from "../../../../shared/sync/plan/lock-out.ts";
import { anything, content, groups, item, plan, policies, ref } from "./situations.ts";

const globalAdmin = "62e90394-69f5-4237-9190-012177145e10";
const anna = { id: "u-anna", name: "anna@x", groups: ["g1", "g2"], roles: [globalAdmin] };
const lockOut: LockOutFacts = {
  administrators: [anna],
  breakGlass: [],
  breakGlassGroups: [],
  ourApp: { appId: "our-app", servicePrincipalId: "our-sp" },
  cannotBeMet: [],
};
const group = (id: string, body: JsonObject) =>
  item(groups.key, id, { displayName: id, ...body }, id);
const policy = (users: JsonObject) =>
  content(policies.key, [
    item(
      policies.key,
      "Everybody",
      {
        displayName: "Everybody",
        state: "enabled",
        conditions: { users, applications: { includeApplications: ["All"] } },
        grantControls: { operator: "OR", builtInControls: ["block"] },
      },
      "p1",
    ),
  ]);
const planned = (
  users: JsonObject,
  after: JsonObject,
  ids: readonly string[] = ["g1"],
  more: Parameters<typeof plan>[1] = {},
) =>
  plan(
    {
      desired: [
        content(
          groups.key,
          ids.map((id) => group(id, after)),
        ),
      ],
      actual: [
        content(
          groups.key,
          ids.map((id) => group(id, { membershipRule: "a", description: "" })),
        ),
        policy(users),
      ],
    },
    { types: [groups], lockOut, ...more },
  );
const except = (...ids: string[]) => ({
  includeUsers: ["All"],
  excludeGroups: ids.map((id) => ref("group", id, id)),
});
const rule = { membershipRule: "b", description: "" };

test("a group whose exclusion alone saves every administrator waits until somebody accepts just that", () => {
  const detail = expect.stringContaining(
    'the policy "Everybody" leaves it out. At worst: It would block every',
  ) as string;
  expect(planned(except("g1"), rule)).toMatchObject({
    changes: [],
    blocked: [{ key: "g1", reason: "lockOut", detail, confirm: { what: "lockOut" } }],
  });
  expect(planned(except("g1"), rule, ["g1"], { confirmed: anything })).toMatchObject({
    changes: [{ key: "g1", warnings: [{ reason: "lockOut" }] }],
  });
});

test("of two groups that are left out one may change, but not both", () => {
  expect(planned(except("g1", "g2"), rule)).toMatchObject({
    blocked: [],
    changes: [{ key: "g1" }],
  });
  expect(planned(except("g1", "g2"), rule, ["g1", "g2"]).blocked).toHaveLength(2);
});

test("a group that a policy is for may come to hold everybody, which is told and keeps nothing", () => {
  expect(planned({ includeGroups: [ref("group", "g1", "g1")] }, rule)).toMatchObject({
    blocked: [],
    changes: [{ warnings: [{ detail: expect.stringContaining("is for it. At worst") as string }] }],
  });
});

test("what is no change of membership, or of a group that no policy names, is not asked about", () => {
  const words = { membershipRule: "a", description: "new" };
  expect(planned(except("g1"), words).changes).toMatchObject([{ warnings: [] }]);
  expect(planned(except("g9"), rule).changes).toMatchObject([{ warnings: [] }]);
});

test("where policies were never read, a new rule says that nobody knows which of them name the group", () => {
  const [desired, actual] = [rule, { membershipRule: "a" }].map((body) => [
    content(groups.key, [group("g1", body)]),
  ]);
  expect(
    plan({ desired: desired ?? [], actual: actual ?? [] }, { types: [groups] }).changes,
  ).toMatchObject([{ warnings: [{ reason: "lockOut" }] }]);
});
