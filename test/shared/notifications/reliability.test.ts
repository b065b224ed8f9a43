/** Operators who edit rows, clocks that jump, two hosts: each device once, and an end. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { queueNames, tableNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { ageBy, deliveriesOf, rowsOf } from "./support/rig-reading.ts";

const devices = 120;
let rig: NotifyRig;
/** How far the machine's clock is off. */
let offMs = 0;
beforeAll(async () => {
  rig = await startNotifyRig({ now: () => Date.now() + offMs });
});
afterAll(() => rig.stop());

const tenantOf = (count = devices) => rig.tenant({ ...onlyIntuneWindows, devices: count });
const waitsFor = (queue: string) => () =>
  rig.queues.waiting().some((message) => message.queue === queue);

async function expectAllDoneOnce(tenantId: string, notificationId: string, count = devices) {
  const { state, counts } = await rig.view(tenantId, notificationId);
  expect({ state, counts }).toMatchObject({
    state: "completed",
    counts: { total: count, done: count },
  });
  expect(await rig.ledger(tenantId)).toMatchObject({ total: count, doubled: 0 });
}

/** Runs `edit` while Graph is thinking, between claim and settle. */
async function edited(edit: (tenantId: string, notificationId: string) => Promise<void>) {
  const tenantId = await tenantOf();
  const notificationId = await rig.send(tenantId);
  await rig.drain(waitsFor(queueNames.fanoutDispatch));
  const [message] = rig.queues.waiting();
  rig.queues.lose();
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs: 150 });
  rig.faults.reset();
  const delivering = rig.handle(message!);
  while (!rig.faults.calls().includes("graph.POST")) await sleep(2);
  await edit(tenantId, notificationId);
  await delivering;
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs: 0 });
  await rig.drain();
  return { tenantId, notificationId };
}

describe("a row that an operator edits", () => {
  it("between claim and settle: outcomes are applied to what stands there now", async () => {
    const { tenantId, notificationId } = await edited(async (_, id) => {
      const rows = await rowsOf(rig, id);
      const renamed = rows.map((row) => ({
        ...row,
        items: row.items.map((each) => ({ ...each, name: "RENAMED" })),
      }));
      expect(await rig.services.engine.items.replace(id, renamed)).toBeDefined();
    });
    await expectAllDoneOnce(tenantId, notificationId);
    const names = (await deliveriesOf(rig, tenantId, notificationId)).map(
      (each) => each.deviceName,
    );
    expect(new Set(names)).toEqual(new Set(["RENAMED"]));
  });

  it("of the notification: a shorter time holds from then on", async () => {
    const { tenantId, notificationId } = await edited((tenant, id) =>
      ageBy(rig, tenant, id, 50_000),
    );
    await expectAllDoneOnce(tenantId, notificationId);
  });

  it("so that a delivery was claimed anew: the late answer of the first claim is left out", async () => {
    const { tenantId, notificationId } = await edited(async (_, id) => {
      const rows = await rowsOf(rig, id);
      const claimedAnew = rows.map((row) => ({
        ...row,
        items: row.items.map((each) => ({ ...each, attempts: 2, claimedAt: Date.now() })),
      }));
      await rig.services.engine.items.replace(id, claimedAnew);
    });
    await expectAllDoneOnce(tenantId, notificationId);
    const attempts = (await deliveriesOf(rig, tenantId, notificationId)).map(
      (each) => each.attempts,
    );
    expect(new Set(attempts)).toEqual(new Set([2]));
  });

  it("into something that nobody can read is an error, not a guess", async () => {
    const tenantId = await tenantOf(5);
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    const [row] = await rowsOf(rig, notificationId);
    await rig.services.storage.tables.put(tableNames.items, {
      partitionKey: notificationId,
      rowKey: `row:${row!.lastTargetId}`,
      v: 1,
      parts: 1,
      d0: '[["a","b","?",0,0,0]]',
    });
    await expect(rowsOf(rig, notificationId)).rejects.toThrow("unknown state");
    rig.queues.lose();
  });
});

describe("a machine's clock that jumps", () => {
  test.each([
    ["an hour ahead", 3_600_000],
    ["an hour back", -3_600_000],
  ])("%s expires nothing early, takes over no claim and doubles nothing", async (_, ms) => {
    const tenantId = await tenantOf();
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs: 60 });
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT30S" });
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    const [message] = rig.queues.waiting();
    rig.faults.reset();
    try {
      const delivering = rig.drain();
      while (!rig.faults.calls().includes("graph.POST")) await sleep(1);
      offMs = ms;
      await rig.handle(message!);
      await delivering;
      await rig.drain();
      await expectAllDoneOnce(tenantId, notificationId);
      const attempts = (await deliveriesOf(rig, tenantId, notificationId)).map(
        (each) => each.attempts,
      );
      expect(new Set(attempts)).toEqual(new Set([1]));
    } finally {
      offMs = 0;
      await rig.services.tenantStore.list(1);
    }
  });
});

describe("two hosts on one storage account", () => {
  it("reach each device once, though both get every message", async () => {
    const tenantId = await tenantOf(300);
    const second = await startNotifyRig({ now: () => Date.now() }, rig);
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, throttleRate: 0.2, seed: 4 });
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    for (const message of rig.queues.waiting()) rig.queues.put(message);
    while (!(await rig.view(tenantId, notificationId)).final)
      await Promise.all([rig.drain(), second.drain(), sleep(20)]);
    await expectAllDoneOnce(tenantId, notificationId, 300);
  }, 40_000);
});
