/** How notifications end: in time, too late, offline, without an answer, cancelled at any moment. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changeNotification } from "../../../shared/notifications/send-notification.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { setPace, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const tenantOf = (devices: number, more: object = {}) =>
  rig.tenant({ ...onlyIntuneWindows, devices, ...more });
const behave = (tenantId: string, settings: object) =>
  rig.sandbox.control("PUT", "/behaviour", { tenantId, ...settings });
const waitsFor = (queue: string) => () =>
  rig.queues.waiting().some((message) => message.queue === queue);
const cancel = async (tenantId: string, notificationId: string): Promise<string> => {
  const { notify } = rig.services;
  const cancelled = await changeNotification(notify, { tenantId, notificationId }, "cancel");
  return cancelled.ok ? cancelled.value.job.state : cancelled.failure.code;
};

describe("when its time is over", () => {
  it("what the pace kept waiting is expired, though its turn is hours away", async () => {
    const tenantId = await tenantOf(120);
    await setPace(rig, tenantId, 4);
    const { throttle } = rig.services;
    await throttle.defer(tenantId, "deviceActions", Date.now() + 3_600_000, Date.now());
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT1S" });
    await rig.drain(waitsFor(queueNames.fanoutDispatch));
    const [message] = rig.queues.waiting();
    rig.queues.lose();
    passTime(1_000);
    rig.queues.put({ ...message!, visibleAt: 0 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ "expired expired": 120 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("failed");
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });

  it("devices that were not seen are offline, those that synced without an answer are expired", async () => {
    const tenantId = await tenantOf(12);
    await behave(tenantId, { actMs: 60_000, reportMs: 60_000 });
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT2S" });
    await rig.drain(waitsFor(queueNames.fanoutReadBack));
    passTime(1_100);
    await rig.sandbox.control("PATCH", `/tenants/${tenantId}`, { touch: 5 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      "expired no-result-in-time": 5,
      "offline device-offline": 7,
    });
  });

  it("a device that Intune no longer knows is unknown", async () => {
    const tenantId = await tenantOf(6);
    await behave(tenantId, { actMs: 60_000, reportMs: 60_000 });
    const notificationId = await rig.send(tenantId, { expiresAfter: "PT1S" });
    await rig.drain(waitsFor(queueNames.fanoutReadBack));
    await rig.sandbox.control("PATCH", `/tenants/${tenantId}`, { remove: 2 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      "unknown device-gone": 2,
      "offline device-offline": 4,
    });
  });
});

describe("cancelling", () => {
  it("before planning began reaches nobody", async () => {
    const tenantId = await tenantOf(5);
    const notificationId = await rig.send(tenantId);
    expect(await cancel(tenantId, notificationId)).toBe("cancelling");
    await rig.drain();
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, total: counts["total"] }).toEqual({ state: "cancelled", total: 0 });
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });

  it("in the middle of planning settles what was planned, also in the step that was under way", async () => {
    const tenantId = await tenantOf(30);
    const notificationId = await rig.send(tenantId);
    const [message] = rig.queues.waiting();
    rig.queues.lose();
    rig.faults.reset();
    const planning = rig.handle(message!);
    while (!rig.faults.calls().includes("table.page Devices")) await sleep(1);
    expect(await cancel(tenantId, notificationId)).toBe("cancelling");
    await planning;
    await rig.drain();
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({
      state: "cancelled",
      counts: { total: 30, cancelled: 30 },
    });
    expect((await rig.ledger(tenantId)).total).toBe(0);
  });

  it("while devices wait stops them at once, and twice is once", async () => {
    const tenantId = await tenantOf(30);
    await behave(tenantId, { throttle: { limit: 0, windowSeconds: 60, retryAfter: 50 } });
    const notificationId = await rig.send(tenantId);
    await rig.drain(() =>
      rig.queues.waiting().some(({ visibleAt }) => visibleAt > Date.now() + 40_000),
    );
    expect(await cancel(tenantId, notificationId)).toBe("cancelling");
    expect(await cancel(tenantId, notificationId)).toBe("cancelling");
    await rig.drain(() => !waitsFor(queueNames.fanoutClose)());
    expect(await tally(rig, tenantId, notificationId)).toEqual({ "cancelled cancelled": 30 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("cancelled");
    expect(await cancel(tenantId, notificationId)).toBe("conflict");
    rig.queues.lose();
  });

  it("after all have left follows them to their end", async () => {
    const tenantId = await tenantOf(30);
    const notificationId = await rig.send(tenantId);
    await rig.drain(waitsFor(queueNames.fanoutReadBack));
    expect(await cancel(tenantId, notificationId)).toBe("cancelling");
    await rig.drain();
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({ state: "completed", counts: { done: 30 } });
    expect(await cancel(tenantId, notificationId)).toBe("conflict");
  });
});
