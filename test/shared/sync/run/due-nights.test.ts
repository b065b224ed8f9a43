/** Nights that have come, by the timer: once each, whatever dies. In a file of their own, since every tenant is due then. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDue } from "../../../../shared/sync/run/nightly.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

const day = 24 * 3600_000;

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

describe("a night that has come", () => {
  it("starts one sync though two timers look, and the next one a night later", async () => {
    const tenantId = await rig.tenant();
    await rig.settle(tenantId, { nightly: { enabled: true } });
    await rig.sync(tenantId);
    const { nextAt = 0 } = await rig.status(tenantId);
    rig.pass(nextAt - Date.now() + 1_000);
    const started = await Promise.all([rig.startDue(), rig.startDue()]);
    const { last = "", nextAt: later = 0 } = await rig.status(tenantId);
    expect(started[0] + started[1]).toBeGreaterThanOrEqual(1);
    const night = { trigger: "schedule", outcome: "succeeded" };
    expect(await rig.syncOf(tenantId, last)).toMatchObject(night);
    expect(later).toBe(nextAt + day);
    expect(await rig.syncCount(tenantId)).toBe(2);
    await rig.startDue();
    expect(await rig.syncCount(tenantId)).toBe(2);
  });

  it("is started once, moved on and gone through, though the timer dies at one of its calls", async () => {
    for (let call = 1, calls = 1; call <= calls; call += 5) {
      const tenantId = await rig.tenant();
      await rig.settle(tenantId, { nightly: { enabled: true } });
      await rig.sync(tenantId);
      const { nextAt = 0 } = await rig.status(tenantId);
      rig.pass(nextAt - Date.now() + 1_000);
      rig.faults.arm({ atCall: call, when: call % 2 === 0 ? "before" : "after" });
      await rig.attempt(() => rig.startDue());
      rig.faults.revive();
      rig.faults.reset();
      await rig.startDue();
      calls = Math.max(calls, rig.faults.calls().length);
      const { nextAt: later, active } = await rig.status(tenantId);
      if (active !== undefined) await rig.toRest(tenantId, active);
      const { status } = await rig.status(tenantId);
      expect(status, `call ${call}`).toBe("idle");
      expect([later, await rig.syncCount(tenantId)], `call ${call}`).toEqual([nextAt + day, 2]);
      // Or it would be due again beside the next one.
      await rig.settle(tenantId, { nightly: { enabled: false } });
    }
  }, 60_000);

  it("keeps nobody from theirs though the look at one tenant breaks off", async () => {
    const tenants = [await rig.tenant(), await rig.tenant()] as const;
    for (const tenantId of tenants) {
      await rig.settle(tenantId, { nightly: { enabled: true } });
      await rig.sync(tenantId);
    }
    const { nextAt = 0 } = await rig.status(tenants[0]);
    rig.pass(nextAt - Date.now() + 1_000);
    const broken: typeof rig.parts.preflight = (sync) =>
      sync.tenantId === tenants[0]
        ? Promise.reject(new Error("no answer of any known kind"))
        : rig.parts.preflight(sync);
    await startDue({ ...rig.parts, preflight: broken }, () => true);
    for (const tenantId of tenants) {
      const { active, nextAt: later } = await rig.status(tenantId);
      if (active !== undefined) await rig.toRest(tenantId, active);
      expect([await rig.syncCount(tenantId), later]).toEqual([2, nextAt + day]);
      await rig.settle(tenantId, { nightly: { enabled: false } });
    }
  });
});
