import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changeJob, countOpen } from "../../../shared/fanout/care/control.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { listDeliveries } from "../../../shared/notifications/list-deliveries.ts";
import { countSyncs } from "../../../shared/sync/run/run-sync.ts";
import { startSync } from "../../../shared/sync/run/start-sync.ts";
import { theService } from "../../../shared/sync/state/sync.ts";
import { Drain, restMs } from "../../../shared/work/drain.ts";
import { passTime } from "../../support/passing-time.ts";
import { rowOf, rows, startRegisterRig } from "../registration/register-rig.ts";

let rig: Awaited<ReturnType<typeof startRegisterRig>>;
beforeAll(async () => {
  rig = await startRegisterRig();
});
afterAll(() => rig.stop());

/** Of every sort of work one, asked for now. */
async function askForAll(tenantId: string) {
  const { services } = rig;
  const { sync } = services;
  const notificationId = await rig.send(tenantId, { expiresAfter: "P1D" });
  const lines = rows(3, `D${tenantId.slice(0, 6)}`).map(rowOf);
  const { registrationId } = await rig.register(tenantId, lines);
  const started = await startSync(sync, {
    tenantId,
    syncId: newestFirstId(Date.now()),
    mode: "plan",
    trigger: "manual",
    types: ["roleScopeTag"],
    by: theService,
  });
  const refreshId = newestFirstId(Date.now());
  await services.refreshes.start(tenantId, refreshId);
  return {
    notificationId,
    registrationId,
    syncId: started.ok ? started.value.syncId : "",
    refreshId,
  };
}

/** What the service was asked for a tenant, and what became of the work. */
async function standing(tenantId: string, ids: Awaited<ReturnType<typeof askForAll>>) {
  const { services } = rig;
  const { counts } = await rig.view(tenantId, ids.notificationId);
  const { view } = await rig.ended(tenantId, ids.registrationId);
  const sync = await services.sync.store.sync(tenantId, ids.syncId);
  const refresh = await services.refreshes.read(tenantId, ids.refreshId);
  return {
    sent: (await rig.ledger(tenantId)).total,
    waiting: counts.waiting,
    registered: view.counts.registered,
    sync: sync?.value.phase,
    refresh: refresh.ok ? refresh.value.state : refresh.failure.code,
  };
}

const untouched = { sent: 0, registered: 0, sync: "preflight", refresh: "running" };
const done = { waiting: 0, registered: 3, sync: "done", refresh: "completed" };

describe("a tenant that is paused", () => {
  it("has new work taken and waiting, says why, and goes on when it is resumed; others are not touched", async () => {
    const [tenantId, otherId] = [
      await rig.tenant({ devices: 5 }),
      await rig.tenant({ devices: 5 }),
    ];
    const { tenants } = rig.services;
    expect((await tenants.change(tenantId, { paused: true }, undefined)).ok).toBe(true);
    const ids = await askForAll(tenantId);
    const otherIds = await askForAll(otherId);
    const until = Date.now() + 5 * restMs;
    await rig.drain(() => Date.now() > until);
    expect(await standing(otherId, otherIds)).toMatchObject(done);
    const still = await standing(tenantId, ids);
    expect(still).toMatchObject(untouched);
    expect(still.waiting).toBeGreaterThan(0);
    // The message of each is the only one: nothing piles up.
    await rig.services.refreshes.sweep();
    const left = rig.queues.waiting().filter(({ message }) => message["tenantId"] === tenantId);
    expect(left).toHaveLength(4);
    const { notify } = rig.services;
    const query = { state: "waiting", top: 5 } as const;
    const found = await listDeliveries(notify, { tenantId, ...ids }, query);
    const why = found.ok ? found.value.items.map(({ code }) => code) : [];
    expect(why).toEqual(Array.from({ length: still.waiting }, () => "tenant-paused"));

    await tenants.change(tenantId, { paused: false }, undefined);
    await rig.drain();
    expect(await standing(tenantId, ids)).toMatchObject(done);
  });

  it("may have its work cancelled meanwhile", async () => {
    const tenantId = await rig.tenant({ devices: 2 });
    const { services } = rig;
    await services.tenants.change(tenantId, { paused: true }, undefined);
    const jobId = await rig.send(tenantId);
    const { engine, jobs } = services.notify;
    const change = { change: "cancel", name: "It", unknown: { ok: false } } as never;
    await changeJob(engine, jobs, { tenantId, jobId }, change);
    await rig.drain();
    expect(await rig.view(tenantId, jobId)).toMatchObject({ state: "cancelled" });
  });

  it("is paused since the first time that it was", async () => {
    const tenantId = randomUUID();
    const { tenants } = rig.services;
    await tenants.add({ tenantId, displayName: "Contoso", pace: {} });
    const first = await tenants.change(tenantId, { paused: true }, undefined);
    passTime(5_000);
    const again = await tenants.change(tenantId, { paused: true, displayName: "C" }, undefined);
    const since = first.ok ? first.value.tenant.pausedAt : "";
    expect(since).toMatch(/^20/);
    expect(again).toMatchObject({ value: { tenant: { pausedAt: since, displayName: "C" } } });
    const resumed = await tenants.change(tenantId, { paused: false }, undefined);
    expect(resumed.ok && resumed.value.tenant).not.toHaveProperty("pausedAt");
  });
});

describe("an installation that is drained", () => {
  it("lets nothing new leave for any tenant, and counts what is left", async () => {
    const tenantId = await rig.tenant({ devices: 5 });
    const { services } = rig;
    // Its row is one for all who share the storage: here only this app believes in it.
    Object.assign(services.drain, { since: () => Promise.resolve(1) });
    const ids = await askForAll(tenantId);
    const until = Date.now() + 3 * restMs;
    await rig.drain(() => Date.now() > until);
    expect(await standing(tenantId, ids)).toMatchObject(untouched);
    expect((await countOpen(services.engine)).jobs).toBeGreaterThanOrEqual(2);
    expect((await countSyncs(services.sync)).syncs).toBeGreaterThanOrEqual(1);
    Reflect.deleteProperty(services.drain, "since");
    await rig.drain();
    expect(await standing(tenantId, ids)).toMatchObject(done);
  });

  it("remembers since when, for three seconds, and asking twice is once", async () => {
    const rowsOf = new Map<string, object>();
    let reads = 0;
    const tables = {
      get: async (_table: string, _partition: string, key: string) => {
        reads += 1;
        const columns = rowsOf.get(key);
        return Promise.resolve(columns && { columns });
      },
      put: async (_table: string, row: { rowKey: string }) =>
        Promise.resolve(void rowsOf.set(row.rowKey, row)),
      remove: async (_table: string, _partition: string, key: string) =>
        Promise.resolve(void rowsOf.delete(key)),
    };
    let now = 1_000;
    const drain = new Drain(tables as never, { now: () => now });
    expect(await drain.since()).toBeUndefined();
    expect(await drain.set(true)).toEqual({ before: undefined, since: 1_000 });
    now = 2_000;
    expect(await drain.set(true)).toEqual({ before: 1_000, since: 1_000 });
    expect(await drain.since()).toBe(1_000);
    const before = reads;
    now += 2_999;
    expect(await drain.since()).toBe(1_000);
    expect(reads).toBe(before);
    now += 1;
    await drain.since();
    expect(reads).toBe(before + 1);
    expect(await drain.set(false)).toEqual({ before: 1_000, since: undefined });
    expect(await drain.since()).toBeUndefined();
  });
});
