/**
 * Kills the worker once at every call that leaves the process, before and after the far side has done
 * it, and compares the end with what truly happened: nothing lost, nothing twice. A restart that a dead
 * worker may have asked for and that left no trace is unknown, and is not sent again; a scan is.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { ListedDevice } from "../../local/sandbox/support.ts";
import { deaths } from "../../support/fault-tap.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

const devices = 24;
/** Windows devices that Intune manages get the restart, the others end as not supported. */
const fleet = { mix: { windows: 3, iOS: 1, intuneOnly: 1 }, devices };

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

/** An action, and what the sandbox calls it. */
type Sent = { readonly id: string; readonly graph: string; readonly repeatable: boolean };
const restart: Sent = { id: "restart", graph: "rebootNow", repeatable: false };
const scan: Sent = { id: "endpointProtectionQuickScan", graph: "quickScan", repeatable: true };

/** What an admin sees at the end, and what truly happened; both must agree. */
type End = { state: string; counts: Record<string, number>; effects: number; doubled: number };

/** Runs a notification to its end, with one death on the way. */
async function run(action: Sent, death?: { atCall: number; when: "before" | "after" }) {
  const tenantId = await rig.tenant(fleet);
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, failRate: 0.2, seed: 5 });
  const notificationId = await rig.send(tenantId, { action: action.id });
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  await rig.drain();
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const { state, counts } = await rig.view(tenantId, notificationId);
  const { total, doubled } = await rig.ledger(tenantId);
  const end: End = { state, counts, effects: total, doubled };
  return { calls, end, truth: await truthOf(tenantId, action, total) };
}

/** What must be true, from what only the sandbox knows of its devices. */
async function truthOf(tenantId: string, action: Sent, effects: number): Promise<End> {
  const { body } = await rig.sandbox.control<{ value: ListedDevice[] }>(
    "GET",
    `/tenants/${tenantId}/devices?top=1000&action=${action.graph}`,
  );
  const windows = body.value.filter(({ operatingSystem }) => operatingSystem === "Windows");
  // They go by one bulk call: it reached all of them, or none.
  const lost = action.repeatable || effects > 0 ? 0 : windows.length;
  const failed = windows.filter(({ failing }) => failing).length;
  const counts = {
    total: devices,
    waiting: 0,
    sent: 0,
    done: lost > 0 ? 0 : windows.length - failed,
    failed: lost > 0 ? 0 : failed,
    notSupported: devices - windows.length,
    offline: 0,
    expired: 0,
    cancelled: 0,
    unknown: lost,
  };
  const state = lost > 0 ? "unknown" : failed > 0 ? "partlyCompleted" : "completed";
  return { state, counts, effects: windows.length - lost, doubled: 0 };
}

describe("a worker that dies at any call", () => {
  it.each([restart, scan])(
    "tells the truth about $id at the end",
    async (action) => {
      const { calls, end, truth } = await run(action);
      expect(end).toEqual(truth);
      expect(calls.some((call) => call.startsWith("graph.POST"))).toBe(true);
      for (const { atCall, when } of deaths(calls.length, inject("oneCaseIn"))) {
        const disturbed = await run(action, { atCall, when });
        const where = `killed ${when} call ${atCall}, ${calls[atCall - 1]}`;
        expect(disturbed.end, where).toEqual(disturbed.truth);
      }
    },
    180_000,
  );
});
