/** Planning: what targets begin with, and how rows become chunks that cover everything once. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action } from "../../../shared/devices/actions/action.ts";
import { groupsOf } from "../../../shared/devices/actions/asked-devices.ts";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import { callsFor, costOf } from "../../../shared/devices/actions/send.ts";
import type { Device } from "../../../shared/devices/directory/device.ts";
import { cursorBehind } from "../../../shared/devices/directory/directory.ts";
import {
  chunkCost,
  firstItem,
  keptOf,
  rowsPerChunk,
  toChunks,
} from "../../../shared/fanout/engine/engine.ts";
import { toRows } from "../../../shared/fanout/state/item.ts";
import { noCost } from "../../../shared/fanout/state/rollout.ts";
import { type DeviceTarget } from "../../../shared/notifications/kind.ts";
import { idOf, kind, running, states, waiting } from "./support/arbitrary-delivery.ts";

const known = (id: string): Action => {
  const action = findAction(id);
  if (action === undefined) throw new Error(`no action ${id}`);
  return action;
};
const restart = known("restart");
const job = running();

const device = (more: Partial<Device>): Device => ({
  deviceId: idOf(1),
  name: "PC-1",
  operatingSystem: "Windows",
  osVersion: "10",
  managementAgent: "mdm",
  complianceState: "compliant",
  lastSyncDateTime: "",
  source: "intune",
  ...more,
});

describe("the first delivery", () => {
  it("waits on the device's best route", () => {
    const target: DeviceTarget = { targetId: idOf(1), device: device({}) };
    const first = firstItem(kind, job, target, 5);
    expect(first).toEqual(waiting(1, { route: 1, at: 5 }));
  });

  it("ends at once where there is no way, and says why", () => {
    const target: DeviceTarget = { targetId: idOf(1), device: device({ operatingSystem: "iOS" }) };
    const first = firstItem(kind, job, target, 5);
    expect(first).toMatchObject({ state: "notSupported", route: -1 });
    expect(first).toMatchObject({ code: "platform-not-supported" });
  });

  it("fails where the directory no longer has the device", () => {
    const first = firstItem(kind, job, { targetId: idOf(1) }, 5);
    expect(first).toMatchObject({ state: "failed", code: "device-not-found", name: "" });
  });
});

/** Deliveries of runs of states, on the routes of the action by turns, some refused by bulk. */
const lists = fc.array(
  fc.record({
    state: fc.constantFrom(...states),
    route: fc.integer({ min: 0, max: 2 }),
    singly: fc.boolean(),
  }),
  { maxLength: 2500 },
);

const isWaiting = ({ state }: { state: string }): boolean => state === "waiting";

describe("a step", () => {
  const most = 5 * rowsPerChunk;

  it.each([
    [0, "ffff0000.7.3", 0],
    [7, "ffff0000.7.3", 7],
    [8, "ffff0000.7.3", 8],
    [15, "ffff0000.7.3", 8],
    [39, "ffff0000.7.3", 32],
    [90, "ffff0000.7.3", most],
    [39, undefined, 39],
    [90, undefined, most],
  ])("that finds %i rows, more behind them: %s, keeps %i", (found, next, kept) => {
    const full = Array.from({ length: found * 100 }, (_, nth) => waiting(nth));
    const step = keptOf(kind, toRows(full, 0), next);
    expect(step.rows).toHaveLength(kept);
    expect(step.next).toBe(kept < found ? cursorBehind(next, idOf(kept * 100 - 1)) : next);
  });
});

describe("chunks", () => {
  it("cover every waiting delivery once, in order, and cost what their calls cost", () => {
    fc.assert(
      fc.property(lists, (list) => {
        const deliveries = list.map((more, nth) => waiting(nth, more));
        const rows = toRows(deliveries, 0);
        const chunks = toChunks(kind, job, rows);
        const covered = chunks.map(({ from, to }) =>
          rows.filter(({ lastTargetId }) => from <= lastTargetId && lastTargetId <= to),
        );
        for (const [nth, part] of covered.entries()) {
          expect(part.length).toBeLessThanOrEqual(rowsPerChunk);
          const inside = part.flatMap((row) => row.items);
          expect(chunks[nth]?.cost).toEqual(chunkCost(kind, job, inside.filter(isWaiting)));
        }
        const reached = covered.flat().flatMap((row) => row.items);
        expect(reached.filter(isWaiting)).toEqual(deliveries.filter(isWaiting));
        expect(new Set(covered.flat()).size).toBe(covered.flat().length);
      }),
      { numRuns: 40 },
    );
  });

  it("leave out rows in which nothing waits", () => {
    const done = Array.from({ length: 300 }, (_, nth) => waiting(nth, { state: "notSupported" }));
    expect(toChunks(kind, job, toRows(done, 0))).toEqual([]);
  });

  it("name the stops of what relays carry, which costs Graph nothing", () => {
    const sites = ["P02", undefined, "P01", "P02"];
    const rows = toRows(
      sites.map((_, nth) => waiting(nth)),
      0,
    );
    const targets = sites.map(
      (siteCode, nth): DeviceTarget => ({
        targetId: idOf(nth),
        device: device({ deviceId: idOf(nth), ...(siteCode && { siteCode }) }),
      }),
    );
    expect(toChunks(kind, job, rows, targets)).toEqual([
      { from: idOf(3), to: idOf(3), cost: noCost, stops: ["P01", "P02"] },
    ]);
  });
});

describe("calls", () => {
  it("carry every device of a Graph route once, by the way that fits it", () => {
    fc.assert(
      fc.property(lists, (list) => {
        const deliveries = list.map((more, nth) => waiting(nth, more));
        const calls = callsFor(groupsOf(restart, deliveries));
        const sent = calls.flatMap(({ deviceIds }) => deviceIds);
        const throughGraph = deliveries.filter(({ route }) => route > 0);
        expect(sent.toSorted()).toEqual(throughGraph.map(({ targetId }) => targetId));
        const alone = new Set(
          deliveries.filter((each) => each.singly).map((each) => each.targetId),
        );
        for (const call of calls) {
          expect(call.deviceIds.length).toBeLessThanOrEqual(call.form === "bulk" ? 100 : 20);
          expect(costOf(call)).toBe(call.form === "bulk" ? 1 : call.deviceIds.length);
          for (const id of call.deviceIds) expect(alone.has(id)).toBe(call.form === "batch");
        }
      }),
      { numRuns: 40 },
    );
  });
});
