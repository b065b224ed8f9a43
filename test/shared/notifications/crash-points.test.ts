/**
 * Kills the worker once at every call that leaves the process, before and after the far side has done
 * it, and compares the end with an undisturbed run: nothing lost, nothing twice, same counts.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { ListedDevice } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

const devices = 24;
/** Windows devices that Intune manages get the restart, the others end as not supported. */
const fleet = { mix: { windows: 3, iOS: 1, intuneOnly: 1 }, devices };

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

/** What an admin sees at the end, and what truly happened; both must agree. */
type End = { state: string; counts: Record<string, number>; effects: number; doubled: number };

/** Runs a notification to its end, with one death on the way. */
async function run(death?: { atCall: number; when: "before" | "after" }) {
  const tenantId = await rig.tenant(fleet);
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, failRate: 0.2, seed: 5 });
  const notificationId = await rig.send(tenantId);
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  await rig.drain();
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const { state, counts } = await rig.view(tenantId, notificationId);
  const { total, doubled } = await rig.ledger(tenantId);
  const end: End = { state, counts, effects: total, doubled };
  return { calls, end, truth: await truthOf(tenantId) };
}

/** What must be true, from what only the sandbox knows of its devices. */
async function truthOf(tenantId: string): Promise<End> {
  const { body } = await rig.sandbox.control<{ value: ListedDevice[] }>(
    "GET",
    `/tenants/${tenantId}/devices?top=1000&action=rebootNow`,
  );
  const windows = body.value.filter(({ operatingSystem }) => operatingSystem === "Windows");
  const failed = windows.filter(({ failing }) => failing).length;
  const counts = {
    total: devices,
    waiting: 0,
    sent: 0,
    done: windows.length - failed,
    failed,
    notSupported: devices - windows.length,
    offline: 0,
    expired: 0,
    cancelled: 0,
    unknown: 0,
  };
  return { state: "completed", counts, effects: windows.length, doubled: 0 };
}

describe("a worker that dies at any call", () => {
  it("changes nothing about the end", async () => {
    const { calls, end, truth } = await run();
    expect(end).toEqual(truth);
    expect(calls.some((call) => call.startsWith("graph.POST"))).toBe(true);
    for (let atCall = 1; atCall <= calls.length; atCall += inject("oneCaseIn"))
      for (const when of ["before", "after"] as const) {
        const disturbed = await run({ atCall, when });
        const where = `killed ${when} call ${atCall}, ${calls[atCall - 1]}`;
        expect(disturbed.end, where).toEqual(disturbed.truth);
      }
  }, 180_000);
});
