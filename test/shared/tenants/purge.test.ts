/** Removing a tenant: its work ends, and nothing of it stays but what is meant to. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queueNames, tableNames } from "../../../shared/storage/names.ts";
import { PurgeStore } from "../../../shared/tenants/purge.ts";
import { keepTenantMs, TenantRegistry } from "../../../shared/tenants/tenants.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, settleMs, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import type { Waiting } from "../../support/test-queues.ts";
import { putRows } from "../notifications/support/put-rows.ts";
import { testStorage } from "../storage/open-storage.ts";
import { furnish, purgedTables, tablesWith } from "./furnished-tenant.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const { tables, blobs } = await testStorage();
const purges = new PurgeStore(tables);

const tenantOf = (devices: number) => rig.tenant({ ...onlyIntuneWindows, devices });
const waitsFor = (queue: string) => () =>
  rig.queues.waiting().some((message) => message.queue === queue);

const remove = async (tenantId: string): Promise<void> => {
  const removed = await rig.services.tenants.remove(tenantId, undefined);
  expect(removed).toMatchObject({ ok: true });
};
const add = async (tenantId: string) => {
  const body = { tenantId, displayName: "Contoso", pace: {} };
  const added = await rig.services.tenants.add(body);
  return added.ok ? "added" : added.failure.code;
};

describe("a removed tenant", () => {
  it("leaves nothing behind but what is meant to stay, and can be registered again afterwards", async () => {
    const { tenantId, notificationIds } = await furnish(rig);
    expect(await tablesWith(tables, tenantId, notificationIds)).toEqual(purgedTables);
    await remove(tenantId);
    expect(await add(tenantId)).toBe("tenant-being-removed");
    await rig.drain();
    expect(await tablesWith(tables, tenantId, notificationIds)).toEqual([]);
    for (const prefix of [`sites/${tenantId}/`, `refreshes/${tenantId}/`]) {
      let asked = 0;
      expect(await blobs.deletePrefix(prefix, () => (asked += 1) < 0)).toBe(true);
    }
    expect(await blobs.get(`targets/${notificationIds[1]}.json`)).toBeUndefined();
    expect(await add(tenantId)).toBe("added");
    expect(await rig.services.directory.meta(tenantId)).toBeUndefined();
  });

  it("cannot be registered again by whoever looked before it was removed", async () => {
    const tenantId = randomUUID();
    const { storage, clock, tenantStore: store, knownTenants: known } = rig.services;
    /** Sees no purge at its first look. */
    class EarlyLook extends PurgeStore {
      #looked = false;
      override get(id: string) {
        if (this.#looked) return super.get(id);
        this.#looked = true;
        return Promise.resolve(undefined);
      }
    }
    await purges.open(tenantId, Date.now());
    const looks = { purges: new EarlyLook(tables), queues: storage.queues, clock };
    const early = new TenantRegistry({ store, known, ...looks });
    const body = { tenantId, displayName: "Contoso", pace: {} };
    const added = await early.add(body);
    expect(added).toMatchObject({ failure: { code: "tenant-being-removed" } });
    expect(await store.get(tenantId)).toBeUndefined();
    expect(await add(tenantId)).toBe("tenant-being-removed");
  });

  it("is asked nothing of Graph any more, whatever was under way", async () => {
    const tenants = [await tenantOf(30), await tenantOf(30), await tenantOf(30)];
    const stages = [queueNames.fanoutPlan, queueNames.fanoutDispatch, queueNames.fanoutReadBack];
    const held: Waiting[] = [];
    for (const [nth, tenantId] of tenants.entries()) {
      await rig.send(tenantId);
      await rig.drain(waitsFor(stages[nth]!));
      held.push(...rig.queues.waiting());
      rig.queues.lose();
      await rig.services.tenantStore.remove(tenantId, "*");
    }
    expect(held.map(({ queue }) => queue)).toEqual(stages);
    const ledgers = () => Promise.all(tenants.map((each) => rig.ledger(each)));
    // As long as readers remember a tenant.
    passTime(keepTenantMs + 100);
    rig.faults.reset();
    const before = await ledgers();
    for (const each of held) await rig.handle(each);
    expect(rig.faults.calls().filter((call) => call.startsWith("graph."))).toEqual([]);
    expect(await ledgers()).toEqual(before);
    expect(rig.queues.waiting()).toEqual([]);
  });
});

describe("a purge", () => {
  it("that is killed at any call is gone on with", async () => {
    const { tenantId, notificationIds } = await furnish(rig);
    await remove(tenantId);
    rig.queues.lose();
    const message = { v: 1, tenantId };
    const waiting = { queue: queueNames.tenantPurge, message, visibleAt: 0, attempts: 0 };
    let atCall = 1;
    for (;;) {
      rig.faults.arm({ atCall, when: atCall % 2 === 0 ? "before" : "after" });
      await rig.handle(waiting);
      const died = rig.faults.calls().length >= atCall;
      rig.faults.revive();
      rig.queues.lose();
      if (!died) break;
      atCall += 1;
    }
    expect(atCall).toBeGreaterThan(15);
    rig.queues.put(waiting);
    await rig.drain();
    expect(await tablesWith(tables, tenantId, notificationIds)).toEqual([]);
  });

  it("leaves a tenant alone that is there, and drops its note after a while", async () => {
    const { tenantId, notificationIds } = await furnish(rig);
    rig.queues.lose();
    const { purging } = rig.services;
    const rows = await tablesWith(tables, tenantId, notificationIds);
    await purges.open(tenantId, Date.now());
    expect((await purging.pass(tenantId)).kind).toBe("again");
    passTime(settleMs);
    expect(await purging.pass(tenantId)).toEqual({ kind: "kept" });
    expect(await purging.pass(tenantId)).toEqual({ kind: "nothing" });
    expect(await tablesWith(tables, tenantId, notificationIds)).toEqual(rows);
  });

  it("whose message was lost gets a new one", async () => {
    const tenantId = randomUUID();
    const { purging } = rig.services;
    await purges.open(tenantId, Date.now() - settleMs - 60_000);
    rig.queues.lose();
    await purging.sweep(30_000);
    const mine = rig.queues.waiting().filter(({ message }) => message["tenantId"] === tenantId);
    expect(mine).toHaveLength(1);
    rig.queues.lose();
    rig.queues.put(mine[0]!);
    await rig.drain();
    expect(await purges.get(tenantId)).toBeUndefined();
  });

  it("of 100,000 devices and their notification takes less than 100 requests", async () => {
    const tenantId = await tenantOf(1);
    const notificationId = await rig.send(tenantId);
    rig.queues.lose();
    // As many rows as so many devices take: 1,024 buckets, and 100 deliveries to a row.
    await putRows(rig, notificationId, 1_000, Date.now());
    const partitionKey = `${tenantId}|10`;
    for (let from = 0; from < 1_024; from += 64)
      await tables.transact(
        tableNames.devices,
        Array.from({ length: 64 }, (_, nth) => {
          const rowKey = (from + nth).toString(16).padStart(4, "0");
          return { kind: "insert", row: { partitionKey, rowKey, count: 100 } } as const;
        }),
      );
    await remove(tenantId);
    rig.queues.lose();
    // As if nobody could write any more who began while it was there.
    await purges.open(tenantId, Date.now() - settleMs);
    rig.faults.reset();
    await rig.services.purging.pass(tenantId);
    const calls = rig.faults.calls();
    expect(await tablesWith(tables, tenantId, [notificationId])).toEqual([]);
    expect(calls.length).toBeLessThan(100);
    expect(calls.filter((call) => call.startsWith("table.transact")).length).toBeLessThan(30);
  });
});
