/** The Graph requests that carry an action. */
import { describe, expect, it } from "vitest";
import type { Route } from "../../../shared/devices/actions/action.ts";
import {
  passedOn,
  restartNow,
  scan,
  throughSite,
} from "../../../shared/devices/actions/catalogue.ts";
import {
  bulkRequest,
  callsFor,
  costOf,
  deviceRequest,
} from "../../../shared/devices/actions/send.ts";

const ids = (count: number): string[] => Array.from({ length: count }, (_, nth) => `d${nth}`);
const restart: Route = { ...restartNow, fidelity: "exact", managements: ["intune"] };

/** Forms and sizes of the calls that carry an action to so many devices. */
const sizes = (route: Route, alone: boolean, count: number): string[] =>
  callsFor([{ route, singly: alone, deviceIds: ids(count) }]).map(
    ({ form, deviceIds }) => `${form} ${deviceIds.length}`,
  );

describe("calls", () => {
  it("go in bulk by the hundred, and as batches of 20 where bulk was refused or does not exist", () => {
    expect(sizes(restart, false, 101)).toEqual(["bulk 100", "bulk 1"]);
    expect(sizes(restart, true, 41)).toEqual(["batch 20", "batch 20", "batch 1"]);
    expect(sizes(passedOn("wakeUpClient"), false, 21)).toEqual(["batch 20", "batch 1"]);
    expect(sizes(throughSite, false, 5)).toEqual([]);
    expect(sizes(restart, false, 0)).toEqual([]);
  });

  it("cost one for bulk, and one for each part of a batch", () => {
    expect(costOf({ route: restart, form: "bulk", deviceIds: ids(100) })).toBe(1);
    expect(costOf({ route: restart, form: "batch", deviceIds: ids(20) })).toBe(20);
  });

  it("name the action and the devices, and nothing else", () => {
    expect(bulkRequest("rebootNow", ["a", "b"])).toEqual({
      method: "POST",
      path: "/deviceManagement/managedDevices/executeAction",
      body: { actionName: "rebootNow", deviceIds: ["a", "b"] },
    });
  });

  it("carry a body where the action has one, fixed or filled from parameters", () => {
    const { call } = scan(true);
    if (call === undefined) throw new Error("a scan has a call");
    const request = deviceRequest(call, "id/with?odd", { parameters: {} });
    expect(request.path).toBe(
      "/deviceManagement/managedDevices/id%2Fwith%3Fodd/windowsDefenderScan",
    );
    expect(request.body).toEqual({ quickScan: true });
    const filled = { version: "beta", segment: "s", fill: { scriptPolicyId: "p" } } as const;
    expect(deviceRequest(filled, "d", { parameters: { p: "x", q: "y" } }).body).toEqual({
      scriptPolicyId: "x",
    });
    expect(
      deviceRequest({ version: "beta", segment: "s" }, "d", { parameters: {} }),
    ).not.toHaveProperty("body");
  });
});
