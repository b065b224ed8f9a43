/** Nights that have come, by the timer: once each, whatever dies. In a file of their own, since every tenant is due then. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startDue } from "../../../../shared/sync/run/nightly.ts";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

const day = 24 * 3600_000;
const nights: string[] = [];

/** A tenant whose night has come, and whom no other test's timer finds after this test. */
async function aNight(): Promise<string> {
  const tenantId = await rig.tenant();
  await rig.settle(tenantId, { nightly: { enabled: true }, types: smallTypes });
  await rig.sync(tenantId);
  nights.push(tenantId);
  const { nextAt = 0 } = await rig.status(tenantId);
  rig.pass(nextAt - Date.now() + 1_000);
  return tenantId;
}
afterEach(async () => {
  for (const tenantId of nights.splice(0))
    await rig.settle(tenantId, { nightly: { enabled: false } });
});

/** What the trail says of the tenant's last sync, in the order in which it was told. */
async function toldOf(tenantId: string): Promise<unknown[]> {
  const { last, active } = await rig.status(tenantId);
  const { audit } = rig.below.services.access;
  const found = await audit.trail(tenantId, { object: active ?? last }, { top: 100 });
  if (!found.ok) throw new Error(found.failure.detail);
  return found.value.items.map(({ after }) => (after as { event?: string }).event).toReversed();
}

/** Somebody changes the tenant by hand. */
async function drift(tenantId: string): Promise<void> {
  const tags = await rig.inTenant(tenantId, "roleScopeTag");
  const item = tags.find(({ isBuiltIn }) => isBuiltIn !== true);
  await rig.byHand("PATCH", tenantId, `roleScopeTag/${item?.id}`, { description: "By hand" });
}

/** A tenant whose timer has died right after the end of its night was written. */
async function anEndUntold(): Promise<string> {
  const tenantId = await aNight();
  rig.faults.arm({ atCall: "table.transact Syncs", when: "after" });
  await rig.attempt(() => rig.startDue());
  rig.faults.revive();
  rig.faults.reset();
  expect((await rig.status(tenantId)).outbox).toHaveLength(3);
  return tenantId;
}

/** Some minutes in which all that looks after syncs does so. */
async function afterwards(): Promise<void> {
  for (let minute = 0; minute < 3; minute += 1) {
    rig.pass(60_000);
    await rig.startDue();
    await rig.sweep();
    await rig.quiet();
  }
}

const away = (): Promise<never> => Promise.reject(new Error("away"));

/** Somebody does something after the tenant's row was seen, and before anything is written. */
function meanwhile(act: () => Promise<unknown>): typeof rig.parts.preflight {
  let isDone = false;
  return async (sync) => {
    if (!isDone) {
      isDone = true;
      await act();
    }
    return rig.parts.preflight(sync);
  };
}

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

describe("a night that has come", () => {
  it("starts one sync though two timers look, and the next one a night later", async () => {
    const tenantId = await rig.tenant();
    nights.push(tenantId);
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
    for (let call = 1, calls = 1; call <= calls; call += 1) {
      const tenantId = await aNight();
      const { nextAt = 0 } = await rig.status(tenantId);
      rig.faults.arm({ atCall: call, when: call % 2 === 0 ? "before" : "after" });
      await rig.attempt(() => rig.startDue());
      rig.faults.revive();
      rig.faults.reset();
      await rig.startDue();
      calls = Math.max(calls, rig.faults.calls().length);
      await rig.quiet();
      const { nextAt: later, active } = await rig.status(tenantId);
      if (active !== undefined) await rig.toRest(tenantId, active);
      const { status } = await rig.status(tenantId);
      expect(status, `call ${call}`).toBe("idle");
      expect([later, await rig.syncCount(tenantId)], `call ${call}`).toEqual([nextAt + day, 2]);
      const shown = (await rig.parts.store.shown(tenantId, tenantId)).get(tenantId);
      expect(shown, `call ${call}`).toMatchObject({ status: "idle", nextAt: later });
      const told = new Set(await toldOf(tenantId));
      expect(told, `call ${call}`).toEqual(new Set(["start", "begin", "finish"]));
      // Or it would be due again beside the next one.
      await rig.settle(tenantId, { nightly: { enabled: false } });
    }
  }, 60_000);

  it("is one write where it finds nothing, and the trail has all that happened, once", async () => {
    const tenantId = await aNight();
    rig.faults.reset();
    await rig.startDue();
    const writes = rig.faults.calls().filter((name) => name.endsWith(" Syncs"));
    // Nights that have come, the tenant's row, its end, what lists show, and what was told struck off.
    expect(writes).toEqual([
      "table.page Syncs",
      "table.get Syncs",
      "table.transact Syncs",
      "table.put Syncs",
      "table.transact Syncs",
    ]);
    expect(rig.faults.calls().filter((name) => name.endsWith(" OpenWork"))).toEqual([]);
    expect(await toldOf(tenantId)).toEqual(["start", "begin", "finish"]);
    const { last = "" } = await rig.status(tenantId);
    const read = await rig.parts.store.types(await rig.syncOf(tenantId, last));
    expect([...read.values()].map(({ state }) => state)).toContain("read");
  });

  it("is on the sweeper's list from its first write on, where it is not its last", async () => {
    const tenantId = await aNight();
    await drift(tenantId);
    await rig.startDue();
    const { status, active = "" } = await rig.status(tenantId);
    expect(status).toBe("pendingApproval");
    expect(await rig.open(tenantId)).toEqual([active]);
    expect(await toldOf(tenantId)).toEqual(["start", "begin", "needApproval"]);
  });

  it("is written down after a few seconds, however long the look takes", async () => {
    const tenantId = await aNight();
    await rig.behave(tenantId, { latencyMs: 7_000 });
    const through = rig.startDue();
    await vi.waitUntil(async () => (await rig.status(tenantId)).status === "inProgress", 7_000);
    expect(await rig.open(tenantId)).toHaveLength(1);
    await rig.behave(tenantId, { latencyMs: 0 });
    await through;
    const { active, last = "" } = await rig.status(tenantId);
    await rig.toRest(tenantId, active ?? last);
    expect((await rig.status(tenantId)).status).toBe("idle");
    expect(await rig.open(tenantId)).toEqual([]);
  }, 30_000);

  it("is told though whoever ended it died, and somebody changes the tenant's settings before the next timer", async () => {
    const tenantId = await anEndUntold();
    await rig.settle(tenantId, { approvalDays: 9 });
    await afterwards();
    expect((await rig.status(tenantId)).outbox).toEqual([]);
    expect(await toldOf(tenantId)).toEqual(["start", "begin", "finish"]);
  });

  it("is told though whoever ended it died, and whoever sees to it fails once", async () => {
    const tenantId = await anEndUntold();
    await rig.startDue();
    rig.pass(60_000);
    const { announce } = rig.parts;
    Object.assign(rig.parts, { announce: away });
    const failures: unknown[] = [];
    const fails = (error: unknown): void => void failures.push(error);
    for (let left = await rig.queues.take(); left; left = await rig.queues.take())
      await rig.handle(left).catch(fails);
    Object.assign(rig.parts, { announce });
    expect(failures).toContainEqual(new Error("away"));
    await afterwards();
    expect((await rig.status(tenantId)).outbox).toEqual([]);
  });

  it.each([
    { what: "nothing", finds: [], status: "idle", ends: "finish" },
    { what: "a change", finds: [drift], status: "pendingApproval", ends: "needApproval" },
  ])(
    "is told once where it finds $what, though a second timer looks while the first one tells",
    async ({ finds, status, ends }) => {
      const tenantId = await aNight();
      for (const make of finds) await make(tenantId);
      const telling = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const announce: typeof rig.parts.announce = async (events) => {
        telling.resolve();
        await goOn.promise;
        return rig.parts.announce(events);
      };
      const knows: typeof rig.parts.knows = async (id) => {
        // It has found the night by the list, and comes to the tenant's row only then.
        await telling.promise;
        return rig.parts.knows(id);
      };
      const second = startDue({ ...rig.parts, knows }, () => true);
      const first = startDue({ ...rig.parts, announce }, () => true);
      await second;
      goOn.resolve();
      await first;
      // What the second has sent is due by then.
      rig.pass(60_000);
      await rig.quiet();
      const { outbox, status: after } = await rig.status(tenantId);
      expect({ outbox, after }).toEqual({ outbox: [], after: status });
      expect(await toldOf(tenantId)).toEqual(["start", "begin", ends]);
    },
  );

  it("keeps nobody from theirs though it cannot be told", async () => {
    const tenantId = await aNight();
    const broken = { ...rig.parts, announce: away };
    for (const _ of ["its own timer", "the next one"])
      expect(await startDue(broken, () => true)).toBeGreaterThanOrEqual(0);
    await afterwards();
    expect(new Set(await toldOf(tenantId))).toEqual(new Set(["start", "begin", "finish"]));
    const { last = "" } = await rig.status(tenantId);
    expect((await rig.syncOf(tenantId, last)).remark, "it has succeeded").toBeUndefined();
  });

  it("leaves a plan that waits since a moment ago to who asked for it", async () => {
    const tenantId = await aNight();
    await drift(tenantId);
    const plan = () => rig.sync(tenantId);
    await startDue({ ...rig.parts, preflight: meanwhile(plan) }, () => true);
    const { active = "" } = await rig.status(tenantId);
    expect(await rig.syncOf(tenantId, active)).toMatchObject({ trigger: "manual" });
    expect(await rig.syncCount(tenantId)).toBe(2);
  });

  it("is no more where somebody wants none, and reads what somebody chose, while it is looked at", async () => {
    const none = await aNight();
    const settle = () => rig.settle(none, { nightly: { enabled: false } });
    await startDue({ ...rig.parts, preflight: meanwhile(settle) }, () => true);
    expect(await rig.syncCount(none)).toBe(1);
    const tenantId = await aNight();
    const choose = () => rig.settle(tenantId, { types: ["roleScopeTag"] });
    await startDue({ ...rig.parts, preflight: meanwhile(choose) }, () => true);
    const { last = "", active } = await rig.status(tenantId);
    const night = { trigger: "schedule", types: ["roleScopeTag"] };
    expect(await rig.toRest(tenantId, active ?? last)).toMatchObject(night);
  });

  it("reads its types again where an older version has lost them", async () => {
    const tenantId = await aNight();
    await drift(tenantId);
    const { syncId } = await rig.sync(tenantId);
    const { store } = rig.parts;
    const [tenant, sync] = [await store.tenant(tenantId, 0), await store.sync(tenantId, syncId)];
    const { read, waits: _, ...rest } = sync?.value ?? (await rig.syncOf(tenantId, syncId));
    expect(read?.length).toBe(smallTypes.length);
    const left = { ...rest, phase: "plan" as const, leaseUntil: 0, touchedAt: 0 };
    const syncs = [{ value: left, etag: sync?.etag ?? "" }];
    const under = { ...tenant.value, status: "inProgress" as const };
    await store.change({ value: under, etag: tenant.etag }, { syncs });
    expect(await rig.toRest(tenantId, syncId)).toMatchObject({ waits: { for: "approval" } });
  });

  it("gives way to a person who starts a sync while it is looked at", async () => {
    const tenantId = await aNight();
    const { nextAt = 0 } = await rig.status(tenantId);
    await startDue({ ...rig.parts, preflight: meanwhile(() => rig.start(tenantId)) }, () => true);
    const { active = "", nextAt: later } = await rig.status(tenantId);
    expect(await rig.syncOf(tenantId, active)).toMatchObject({ trigger: "manual" });
    expect(await rig.syncCount(tenantId), "the first one, and that person's").toBe(2);
    expect(later).toBe(nextAt + day);
    expect(await rig.toRest(tenantId, active)).toMatchObject({ outcome: "succeeded" });
  });

  it("comes though somebody changes the tenant's settings while it is looked at", async () => {
    const tenantId = await aNight();
    const change = () => rig.settle(tenantId, { approvalDays: 9 });
    await startDue({ ...rig.parts, preflight: meanwhile(change) }, () => true);
    const { last = "", active, settings } = await rig.status(tenantId);
    expect(settings.approvalDays).toBe(9);
    const night = { trigger: "schedule", outcome: "succeeded" };
    expect(await rig.toRest(tenantId, active ?? last)).toMatchObject(night);
  });

  it("stays due though somebody changes other settings before it is begun, and not where they move it", async () => {
    const tenantId = await aNight();
    const { nextAt = 0 } = await rig.status(tenantId);
    await rig.settle(tenantId, { approvalDays: 9, nightly: { mode: "plan" } });
    expect((await rig.status(tenantId)).nextAt).toBe(nextAt);
    await rig.startDue();
    const { last = "", nextAt: later } = await rig.status(tenantId);
    expect(await rig.syncOf(tenantId, last)).toMatchObject({ trigger: "schedule", mode: "plan" });
    expect(later).toBe(nextAt + day);
    await rig.settle(tenantId, { nightly: { at: "03:00" } });
    expect((await rig.status(tenantId)).nextAt).toBe(nextAt + 3600_000);
  });

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

  it("keeps nobody from theirs, nor the sweeper from other syncs, where a row cannot be read", async () => {
    const [broken, tenantId] = [await rig.tenant(), await aNight()];
    const { store } = rig.parts;
    const { tables } = rig.below.services.storage;
    const unreadable = (partitionKey: string, rowKey: string) =>
      tables.put("Syncs", { partitionKey, rowKey, value0: "{" });
    await unreadable(broken, "status");
    // As many as are looked at side by side, and all of them before the other.
    const tenantIds = [...Array.from({ length: 16 }, () => broken), tenantId];
    Object.assign(store, { due: async () => ({ tenantIds }) });
    await expect(rig.startDue()).rejects.toThrow("some nights were not started");
    Reflect.deleteProperty(store, "due");
    expect(await rig.syncCount(tenantId)).toBe(2);

    const { last = "" } = await rig.status(tenantId);
    await unreadable(tenantId, "!broken");
    for (const syncId of ["!broken", last]) await store.open(tenantId, syncId);
    await expect(rig.sweep()).rejects.toThrow("some syncs were not looked after");
    const sent = rig.queues.waiting().map(({ message }) => message);
    expect(sent).toContainEqual(expect.objectContaining({ tenantId, syncId: last }));
    await tables.remove("Syncs", tenantId, "!broken");
    await store.close(tenantId, "!broken");
    await rig.quiet();
  });
});
