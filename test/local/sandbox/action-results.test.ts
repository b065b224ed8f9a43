/** The timeline of an action on a device, looked at from later and later moments. */
import { beforeEach, expect, it } from "vitest";
import { calm } from "../../../local/sandbox/behaviour.ts";
import {
  type ActionResultTable,
  type ActionTimeline,
  actionResults,
} from "../../../local/sandbox/fleet/action-results.ts";
import { type ActionCatalogue, actionKinds } from "../../../local/sandbox/fleet/actions.ts";
import { type Fleet, makeFleet } from "../../../local/sandbox/fleet/fleet.ts";
import { makeTenant, timelineOf } from "../../../local/sandbox/fleet/tenants.ts";

const now = Date.parse("2026-08-01T00:00:00Z");
const timeline: ActionTimeline = { at: now, actMs: 100, reportMs: 50, ending: "done" };
const tenantId = "aaaaaaaa-0000-4000-8000-000000000001";

let kinds: ActionCatalogue;
let fleet: Fleet;
let results: ActionResultTable;

beforeEach(() => {
  kinds = actionKinds();
  fleet = makeFleet({ tenantId, devices: 10, seed: 1, mix: {} }, now - 1_000);
  results = actionResults(fleet, kinds);
});

const states = (at: number): readonly string[] => results.of(3, at).map(({ state }) => state);

it.for([
  ["done", ["pending", "pending", "active", "active", "done"]],
  ["failed", ["pending", "pending", "active", "active", "failed"]],
  ["notSupported", ["pending", "pending", "active", "active", "notSupported"]],
  ["silent", ["pending", "pending", "pending", "pending", "pending"]],
] as const)("an action that ends %s goes through its states in time", ([ending, expected]) => {
  results.put(3, kinds.of("syncDevice"), { ...timeline, ending });
  expect([0, 99, 100, 149, 150].map((later) => states(now + later)[0])).toEqual(expected);
});

it("a device that fails once does it the next time, and fails at something else", () => {
  const plan = { tenantId, displayName: "Once", devices: 10, seed: 1, mix: {} };
  const tenant = makeTenant(plan, 1, kinds, now);
  const once = { ...calm, failRate: 1, failsOnce: true };
  const ask = (name: string) => {
    const asked = timelineOf(tenant, 3, kinds.of(name), once, now);
    tenant.results.put(3, kinds.of(name), asked);
    return asked.ending;
  };
  expect(["syncDevice", "syncDevice", "rebootNow"].map(ask)).toEqual(["failed", "done", "failed"]);
});

it("a device that was never asked has no results", () => {
  results.put(3, kinds.of("syncDevice"), timeline);
  expect(results.of(4, now)).toEqual([]);
});

it("a newer request replaces the row of its action and leaves the others", () => {
  results.put(3, kinds.of("syncDevice"), timeline);
  results.put(3, kinds.of("rebootNow"), timeline);
  results.put(3, kinds.of("syncDevice"), { ...timeline, at: now + 500 });
  const rows = results.of(3, now + 500);
  expect(rows.map(({ kind, state }) => [kind.action.name, state])).toEqual([
    ["rebootNow", "done"],
    ["syncDevice", "pending"],
  ]);
});

it("another script takes the place of the script before", () => {
  results.put(3, kinds.of("initiateOnDemandProactiveRemediation", "one"), timeline);
  results.put(3, kinds.of("initiateOnDemandProactiveRemediation", "two"), timeline);
  expect(results.of(3, now).map(({ kind }) => kind.detail)).toEqual(["two"]);
});

it("each ConfigMgr action has a row of its own, which a newer request for it replaces", () => {
  const door = "triggerConfigurationManagerAction";
  results.put(3, kinds.of(door, "refreshMachinePolicy"), timeline);
  results.put(3, kinds.of(door, "appEvaluation"), { ...timeline, ending: "failed" });
  results.put(3, kinds.of(door, "refreshMachinePolicy"), { ...timeline, at: now + 500 });
  const rows = results.of(3, now + 500).map(({ kind, state }) => [kind.detail, state]);
  expect(rows).toEqual([
    ["appEvaluation", "failed"],
    ["refreshMachinePolicy", "pending"],
  ]);
});

it("the last sync moves when the device acts and when it reports", () => {
  const before = results.lastSync(3, now);
  results.put(3, kinds.of("syncDevice"), timeline);
  expect([99, 100, 150, 9_999].map((later) => results.lastSync(3, now + later))).toEqual([
    before,
    now + 100,
    now + 150,
    now + 150,
  ]);
});

it("the last sync does not move for a silent device", () => {
  const before = results.lastSync(3, now);
  results.put(3, kinds.of("syncDevice"), { ...timeline, ending: "silent" });
  expect(results.lastSync(3, now + 9_999)).toBe(before);
});

it("the last sync is not lost when the row is replaced", () => {
  results.put(3, kinds.of("syncDevice"), timeline);
  results.put(3, kinds.of("syncDevice"), { ...timeline, at: now + 1_000, ending: "silent" });
  expect(results.lastSync(3, now + 9_999)).toBe(now + 150);
});
