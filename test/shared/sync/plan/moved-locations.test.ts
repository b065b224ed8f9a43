/** Whom a change of a named location would lock out, by policies that stay as they are. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../shared/sync/items/json.ts";
import type { LockOutFacts } from "../../../../shared/sync/plan/lock-out.ts";
import { isForMore } from "../../../../shared/sync/plan/moved-locations.ts";
import {
  confirmable,
  confirmationOf,
  noRules,
  type Plan,
  planHash,
} from "../../../../shared/sync/plan/plan.ts";
import { planWithTargets } from "../../../../shared/sync/plan/plan-of.ts";
import { anything, content, item, locations, lookupOf, plan, policies, ref } from "./situations.ts";

const ip = (...ranges: string[]): JsonObject => ({
  "@odata.type": "#microsoft.graph.ipNamedLocation",
  isTrusted: false,
  ipRanges: ranges.map((cidrAddress) => ({ cidrAddress })),
});
const trusted = (...ranges: string[]): JsonObject => ({ ...ip(...ranges), isTrusted: true });
const countries = (countriesAndRegions: string[], more: JsonObject = {}): JsonObject => ({
  "@odata.type": "#microsoft.graph.countryNamedLocation",
  countryLookupMethod: "clientIpAddress",
  countriesAndRegions,
  includeUnknownCountriesAndRegions: false,
  ...more,
});

const office = ref("namedLocation", "Office", "l1");
const policyFor = (where: JsonObject): JsonObject => ({
  conditions: { locations: where },
});
const insideOf = policyFor({ includeLocations: [office] });
const outsideOf = policyFor({ includeLocations: ["All"], excludeLocations: [office] });
const ofTrusted = policyFor({ includeLocations: ["AllTrusted"] });
const exceptTrusted = policyFor({ excludeLocations: ["AllTrusted"] });

describe("a policy is for more sign-ins", () => {
  test.each<[string, JsonObject, JsonObject | undefined, JsonObject | undefined]>([
    ["its place gets a range", insideOf, ip("10.0.0.0/24"), ip("10.0.0.0/24", "10.1.0.0/24")],
    ["its place's range grows", insideOf, ip("10.0.0.0/24"), ip("10.0.0.0/16")],
    ["its place gets a country", insideOf, countries(["FR"]), countries(["FR", "DE"])],
    [
      "its place takes unknown countries",
      insideOf,
      countries(["FR"]),
      countries(["FR"], { includeUnknownCountriesAndRegions: true }),
    ],
    [
      "countries are found in another way",
      outsideOf,
      countries(["FR"]),
      countries(["FR"], { countryLookupMethod: "authenticatorAppGps" }),
    ],
    [
      "the place left out loses a range",
      outsideOf,
      ip("10.0.0.0/24", "10.1.0.0/24"),
      ip("10.0.0.0/24"),
    ],
    ["the place left out moves", outsideOf, ip("10.0.0.0/24"), ip("10.1.0.0/24")],
    ["the place left out shrinks, IPv6", outsideOf, ip("2001:db8::/32"), ip("2001:db8::/48")],
    ["the place left out becomes another kind", outsideOf, ip("10.0.0.0/24"), countries(["FR"])],
    ["a place is trusted", ofTrusted, ip("10.0.0.0/24"), trusted("10.0.0.0/24")],
    ["a place is not trusted any more", exceptTrusted, trusted("10.0.0.0/24"), ip("10.0.0.0/24")],
    ["a trusted place shrinks", exceptTrusted, trusted("10.0.0.0/16"), trusted("10.0.0.0/24")],
    ["a trusted place goes", exceptTrusted, trusted("10.0.0.0/16"), undefined],
    ["a trusted place is made", ofTrusted, undefined, trusted("10.0.0.0/16")],
  ])("when %s", (_, policy, before, after) => {
    expect(isForMore(policy, { changeId: "c", id: "l1", before, after })).toBe(true);
  });

  test.each<[string, JsonObject, JsonObject | undefined, JsonObject | undefined]>([
    ["its place shrinks", insideOf, ip("10.0.0.0/16"), ip("10.0.1.0/24")],
    ["its place loses a country", insideOf, countries(["FR", "DE"]), countries(["FR"])],
    ["the place left out grows", outsideOf, ip("10.0.0.0/24"), ip("10.0.0.0/16", "10.9.0.0/24")],
    [
      "its ranges stand in another order",
      outsideOf,
      ip("10.0.0.0/24", "10.1.0.0/24"),
      ip("10.1.0.0/24", "10.0.0.0/24"),
    ],
    [
      "a place that it does not name moves",
      policyFor({ includeLocations: ["l2"] }),
      ip("10.0.0.0/24"),
      ip("11.0.0.0/24"),
    ],
    [
      "it is for all places anyway",
      policyFor({ includeLocations: ["All", office] }),
      ip("10.0.0.0/24"),
      ip("11.0.0.0/24"),
    ],
    ["it says nothing of places", policyFor({}), ip("10.0.0.0/24"), ip("11.0.0.0/24")],
    ["a place that nobody trusts moves", exceptTrusted, ip("10.0.0.0/24"), ip("11.0.0.0/24")],
  ])("not when %s", (_, policy, before, after) => {
    expect(isForMore(policy, { changeId: "c", id: "l1", before, after })).toBe(false);
  });
});

const blocking = (where: JsonObject, users: JsonObject = { includeUsers: ["All"] }) =>
  content(policies.key, [
    item(
      policies.key,
      "Elsewhere",
      {
        displayName: "Elsewhere",
        state: "enabled",
        conditions: {
          users,
          applications: { includeApplications: ["All"] },
          clientAppTypes: ["all"],
          locations: where,
        },
        grantControls: { operator: "OR", builtInControls: ["block"] },
      },
      "p1",
    ),
  ]);
const place = (key: string, body: JsonObject, id?: string) =>
  item(locations.key, key, { displayName: key, ...body }, id);

const sides = (before: JsonObject, after: JsonObject) => ({
  desired: [content(locations.key, [place("Office", after, "l1")])],
  actual: [content(locations.key, [place("Office", before, "l1")])],
});

describe("in a plan", () => {
  const globalAdmin = "62e90394-69f5-4237-9190-012177145e10";
  const anna = { id: "u-anna", name: "anna@x", groups: [], roles: [globalAdmin] };
  const facts: LockOutFacts = {
    administrators: [anna],
    breakGlass: [],
    breakGlassGroups: [],
    ourApp: { appId: "our-app", servicePrincipalId: "our-sp" },
    namedLocations: [{ id: "l1", isTrusted: true }],
    cannotBeMet: [],
  };
  const planned = (
    { desired, actual }: ReturnType<typeof sides>,
    policy: ReturnType<typeof blocking> | undefined,
    more: Parameters<typeof plan>[1] = {},
  ): Plan =>
    plan(
      { desired, actual: policy === undefined ? actual : [...actual, policy] },
      { types: [locations], lockOut: facts, ...more },
    );
  const narrowing = sides(trusted("10.0.0.0/16"), trusted("10.0.0.0/24"));
  const untrusting = sides(trusted("10.0.0.0/16"), ip("10.0.0.0/16"));

  test("a change by which every administrator may be blocked says so, and by which policy", () => {
    const outside = blocking({ includeLocations: ["All"], excludeLocations: [office] });
    expect(planned(narrowing, outside)).toMatchObject({
      changes: [
        {
          key: "Office",
          warnings: [
            {
              reason: "lockOut",
              detail:
                'By it, the policy "Elsewhere" is for more sign-ins. It may block every administrator (1). It excludes nobody.',
            },
          ],
        },
      ],
      blocked: [],
    });
  });

  test("a change by which every administrator would be blocked waits until somebody accepts just that", () => {
    const outside = blocking({ excludeLocations: ["AllTrusted"] });
    expect(planned(untrusting, outside)).toMatchObject({
      changes: [],
      blocked: [{ key: "Office", reason: "lockOut", confirm: { what: "lockOut" } }],
    });
    expect(planned(untrusting, outside, { confirmed: anything })).toMatchObject({
      changes: [{ key: "Office", warnings: [{ reason: "lockOut" }] }],
      blocked: [],
    });
  });

  test("a deletion that was confirmed as one of many still waits for that word, under another hash", () => {
    const outside = blocking({ excludeLocations: ["AllTrusted"] });
    const { actual } = untrusting;
    const gone = { desired: [content(locations.key, [])], actual };
    const ours = {
      rules: { ...noRules, deletes: [locations.key] },
      approvedBefore: [{ type: locations.key, key: "Office" }],
    };
    const first = planned(gone, outside, ours);
    expect(first).toMatchObject({ changes: [], blocked: [{ confirm: { what: "deletes" } }] });
    const confirmed = new Set(confirmable(first).map(({ confirm }) => confirmationOf(confirm)));
    const second = planned(gone, outside, { ...ours, confirmed });
    expect(second).toMatchObject({
      changes: [],
      blocked: [{ key: "Office", reason: "lockOut", confirm: { what: "lockOut" } }],
    });
    expect(planHash(second)).not.toBe(planHash(first));
    for (const { confirm } of confirmable(second)) confirmed.add(confirmationOf(confirm));
    expect(planned(gone, outside, { ...ours, confirmed })).toMatchObject({
      changes: [{ key: "Office", action: "delete", warnings: [{ reason: "lockOut" }] }],
      blocked: [],
    });
  });

  test("two places that each leave the other one trusted are no way out: somebody may choose both", () => {
    const two = (body: JsonObject) => [place("Office", body, "l1"), place("Branch", body, "l2")];
    const both = {
      desired: [content(locations.key, two(ip("10.0.0.0/16")))],
      actual: [content(locations.key, two(trusted("10.0.0.0/16")))],
    };
    const namedLocations = ["l1", "l2"].map((id) => ({ id, isTrusted: true }));
    const lockOut = { ...facts, namedLocations };
    const outside = blocking({ excludeLocations: ["AllTrusted"] });
    expect(planned(both, outside, { lockOut }).blocked).toHaveLength(2);
    // One alone leaves the other.
    const one = {
      ...both,
      desired: [
        content(locations.key, [
          place("Office", ip("10.0.0.0/16"), "l1"),
          place("Branch", trusted("10.0.0.0/16"), "l2"),
        ]),
      ],
    };
    expect(planned(one, outside, { lockOut })).toMatchObject({
      changes: [{ key: "Office", warnings: [{ reason: "lockOut" }] }],
      blocked: [],
    });
  });

  test("a policy that the plan changes is asked as it is now, too: the place may be approved alone", () => {
    const outside = blocking({ excludeLocations: ["AllTrusted"] });
    const off = content(
      policies.key,
      outside.items.map((each) => ({ ...each, body: { ...each.body, state: "disabled" } })),
    );
    const { desired, actual } = untrusting;
    const given = { desired: [...desired, off], actual: [...actual, outside] };
    expect(
      plan(given, { types: [locations, policies], lockOut: facts, lookup: lookupOf(actual) }),
    ).toMatchObject({
      changes: [{ key: "Elsewhere" }],
      blocked: [{ key: "Office", reason: "lockOut" }],
    });
  });

  test("where nobody can tell who the administrators are, it waits for somebody's word", () => {
    const outside = blocking({ includeLocations: ["All"], excludeLocations: [office] });
    const lockOut = { unknown: "who holds the administrator roles" };
    expect(planned(narrowing, outside, { lockOut })).toMatchObject({
      changes: [],
      blocked: [
        {
          reason: "lockOut",
          detail: expect.stringContaining("nobody can tell who holds") as string,
        },
      ],
    });
  });

  test.each<[string, JsonObject, ReturnType<typeof blocking>]>([
    [
      "the place grows where it is left out",
      trusted("10.0.0.0/8"),
      blocking({ includeLocations: ["All"], excludeLocations: [office] }),
    ],
    [
      "the policy is for nobody who administers",
      trusted("10.0.0.0/24"),
      blocking({ excludeLocations: [office] }, { includeUsers: ["u-other"] }),
    ],
  ])("nothing is said where %s", (_, after, policy) => {
    expect(planned(sides(trusted("10.0.0.0/16"), after), policy)).toMatchObject({
      changes: [{ warnings: [] }],
      blocked: [],
    });
  });

  test("where policies were never read, the change says that nobody knows which of them name it", () => {
    expect(planned(narrowing, undefined).changes).toMatchObject([
      { warnings: [{ detail: expect.stringContaining("was never read") as string }] },
    ]);
  });

  test.each<[string, ReturnType<typeof sides>, boolean]>([
    ["a policy is for more by the plan", narrowing, true],
    ["no policy is", sides(trusted("10.0.0.0/16"), trusted("10.0.0.0/8")), false],
  ])("the people of the tenant are asked for only where %s", (_, { desired, actual }, isAsked) => {
    const { isForOthers } = planWithTargets({
      types: [locations],
      desired,
      actual: [...actual, blocking({ excludeLocations: [office] })],
      rules: { modes: {}, deviations: [], overrides: [], held: [], deletes: [] },
      now: 0,
      unread: [],
      lookup: lookupOf(actual),
    });
    expect(isForOthers).toBe(isAsked);
  });
});
