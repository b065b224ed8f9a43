/** Messages that the host has given up: tried again a while, then their work ends truly, with the cause. */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import type { Look } from "../../../shared/devices/actions/read-back.ts";
import {
  endStep,
  maxTroubles,
  poisonedPlan,
  poisonedUnit,
} from "../../../shared/notifications/care/poisoned.ts";
import { beforePlanning } from "../../../shared/notifications/state/plan-progress.ts";
import { queueNames, tableNames } from "../../../shared/storage/names.ts";
import type { Row } from "../../../shared/storage/rows.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { waiting } from "./support/arbitrary-delivery.ts";
import { deliveriesOf, rowsOf, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const waitsFor = (queue: string) => () =>
  rig.queues.waiting().some((message) => message.queue === queue);

/** A notification of so many devices, whose first message of a queue waits; and that message. */
async function startedUntil(queue: string, devices: number) {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
  const notificationId = await rig.send(tenantId);
  await rig.drain(waitsFor(queue));
  const [message] = rig.queues.waiting();
  rig.queues.lose();
  if (message === undefined) throw new Error(`nothing waits in ${queue}`);
  const { from, to } = message.message as { from: string; to: string };
  return { tenantId, notificationId, message, unit: { tenantId, notificationId, from, to } };
}

/** As an operator, or an older version, may have left it: nobody can plan this. */
async function breakAction(tenantId: string, notificationId: string): Promise<void> {
  const { notifications } = rig.services.notify;
  const stored = await notifications.get(tenantId, notificationId);
  const { notification, etag } = stored!;
  await notifications.replace({ ...notification, actionId: "withdrawn" }, etag);
}

/** What waits now, to be handled at once though it was sent for later. */
function takeAll() {
  const all = rig.queues.waiting();
  rig.queues.lose();
  return all;
}

describe("planning that fails every time", () => {
  it("is tried again twice, then the notification has failed and says why", async () => {
    const { tenantId, notificationId, message } = await startedUntil(
      queueNames.notificationPlan,
      5,
    );
    await breakAction(tenantId, notificationId);
    await rig.handle(message);
    rig.queues.lose();
    for (const wait of [60, 240]) {
      const ids = { tenantId, notificationId };
      expect(await poisonedPlan(rig.services.notify, ids)).toBe("again");
      const [again] = takeAll();
      expect(again?.queue).toBe(queueNames.notificationPlan);
      expect((again?.visibleAt ?? 0) - Date.now()).toBeGreaterThan((wait - 5) * 1000);
    }
    expect(await poisonedPlan(rig.services.notify, { tenantId, notificationId })).toBe("failed");
    await rig.drain();
    const { state, failure, finishedAt } = await rig.view(tenantId, notificationId);
    expect({ state, failure }).toEqual({
      state: "failed",
      failure: {
        code: "planning-failed",
        detail: expect.stringContaining('no action "withdrawn" any more'),
      },
    });
    expect(finishedAt).toBeDefined();
    const { open } = await rig.services.notify.notifications.open(1000);
    expect(open.map((each) => each.notificationId)).not.toContain(notificationId);
    expect(await poisonedPlan(rig.services.notify, { tenantId, notificationId })).toBe("over");
  });

  it("stops what waits, and follows what has left", async () => {
    const { tenantId, notificationId, message } = await startedUntil(
      queueNames.notificationDeliver,
      120,
    );
    const { notifications, deliveries } = rig.services.notify;
    const plan = await deliveries.plan(notificationId);
    const stored = await notifications.get(tenantId, notificationId);
    const reopened = { ...plan!.progress, done: false };
    await deliveries.commitPlan(stored!.notification, [], reopened, plan!.etag);
    await notifications.replace({ ...stored!.notification, state: "planning" }, stored!.etag);
    const [, last] = await rowsOf(rig, notificationId);
    const only = { from: last!.lastDeviceId, granted: 0, handed: undefined };
    await rig.handle({ ...message, message: { ...message.message, ...only } });
    for (let nth = 1; nth < maxTroubles; nth += 1) {
      await poisonedPlan(rig.services.notify, { tenantId, notificationId });
      takeAll();
    }
    await poisonedPlan(rig.services.notify, { tenantId, notificationId });
    expect((await rig.view(tenantId, notificationId)).state).toBe("failing");
    const { from, to } = { from: last!.lastDeviceId, to: last!.lastDeviceId };
    const ids = { v: 1, tenantId, notificationId, from, to };
    rig.queues.put({ ...message, queue: queueNames.notificationConfirm, message: ids });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      "cancelled notification-failed": 100,
      done: 20,
    });
    expect((await rig.view(tenantId, notificationId)).state).toBe("partlyCompleted");
  });

  it("has its patience back when it got a step further", async () => {
    const { tenantId, notificationId } = await startedUntil(queueNames.notificationPlan, 5);
    const ids = { tenantId, notificationId };
    const { notify } = rig.services;
    await poisonedPlan(notify, ids);
    await poisonedPlan(notify, ids);
    await notify.deliveries.commitPlan(
      { ...ids, actionId: "restart" },
      [],
      { ...beforePlanning, steps: 1 },
      undefined,
    );
    expect(await poisonedPlan(notify, ids)).toBe("again");
    takeAll();
    await rig.services.notify.notifications.close(notificationId);
  });
});

describe("rows whose handlers fail every time", () => {
  it("are tried row by row, and only the one that keeps failing ends as failed", async () => {
    const { tenantId, notificationId, message, unit } = await startedUntil(
      queueNames.notificationDeliver,
      120,
    );
    const { notify } = rig.services;
    await notify.troubles.noteError(notificationId, new Error("a row too many"), Date.now());
    expect(await poisonedUnit(notify, unit)).toEqual({ again: 2, ended: 0 });
    const [first, second, ...more] = takeAll();
    expect([first?.queue, second?.queue, more.length]).toEqual([message.queue, message.queue, 0]);
    const row = { ...unit, to: unit.from };
    expect(await poisonedUnit(notify, row)).toEqual({ again: 1, ended: 0 });
    takeAll();
    expect(await poisonedUnit(notify, row)).toEqual({ again: 0, ended: 1 });
    const other = first?.message["from"] === unit.from ? second : first;
    rig.queues.put({ ...other!, visibleAt: 0 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      done: 20,
      "failed muster-failed": 100,
    });
    const { state } = await rig.view(tenantId, notificationId);
    expect(state).toBe("partlyCompleted");
    expect((await rowsOf(rig, notificationId))[0]?.deliveries[0]?.detail).toContain("row too many");
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 20, doubled: 0 });
  });

  it("are looked at first where something may have left", async () => {
    const { tenantId, notificationId, unit } = await startedUntil(
      queueNames.notificationConfirm,
      9,
    );
    for (let nth = 1; nth <= maxTroubles; nth += 1) await poisonedUnit(rig.services.notify, unit);
    takeAll();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 9 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("completed");
  });

  it("have their patience back when a handler got through", async () => {
    const { notificationId, message, unit } = await startedUntil(queueNames.notificationDeliver, 9);
    const { notify } = rig.services;
    for (let nth = 1; nth < maxTroubles; nth += 1) await poisonedUnit(notify, unit);
    takeAll();
    await rig.handle(message);
    expect(await poisonedUnit(notify, unit)).toEqual({ again: 1, ended: 0 });
    takeAll();
    await rig.services.notify.notifications.close(notificationId);
  });
});

const result = (actionState: string): Look => ({
  kind: "seen",
  device: {
    id: waiting().deviceId,
    deviceActionResults: [
      { actionName: "rebootNow", actionState, startDateTime: new Date(50_000).toISOString() },
    ],
  },
});

it("a row whose text is corrupt ends as unknown with its cause, and its neighbours are reached", async () => {
  const { tenantId, notificationId, message, unit } = await startedUntil(
    queueNames.notificationDeliver,
    120,
  );
  const { storage, notify } = rig.services;
  const key = `row:${unit.from}`;
  const row = await storage.tables.get(tableNames.deliveries, notificationId, key);
  const { etag, columns, partitionKey, rowKey } = row!;
  const broken = { ...(columns as Row), partitionKey, rowKey, d0: "[[" };
  await storage.tables.transact(tableNames.deliveries, [{ kind: "replace", row: broken, etag }]);
  await expect(rig.handle({ ...message, attempts: 0 })).resolves.toBeUndefined();
  rig.queues.lose();
  expect(await poisonedUnit(notify, unit)).toEqual({ again: 2, ended: 0 });
  const other = takeAll().find(({ message: { from } }) => from !== unit.from);
  rig.queues.put({ ...other!, visibleAt: 0 });
  await rig.drain();
  const one = { ...unit, to: unit.from };
  expect(await poisonedUnit(notify, one)).toEqual({ again: 1, ended: 0 });
  rig.queues.lose();
  expect(await poisonedUnit(notify, one)).toEqual({ again: 0, ended: 1 });
  const { state, counts } = await rig.view(tenantId, notificationId);
  expect({ state, counts }).toMatchObject({
    state: "partlyCompleted",
    counts: { total: 120, done: 20, unknown: 100 },
  });
  const [first] = await deliveriesOf(rig, tenantId, notificationId);
  expect(first).toMatchObject({ state: "unknown", code: "muster-failed" });
  expect(first?.detail).toContain("cannot be read");
});

describe("the end of a delivery whose handlers fail", () => {
  const nothing: Look = { kind: "seen", device: { id: waiting().deviceId } };
  test.each<[string, "waiting" | "claimed" | "sent", Look | undefined, string]>([
    ["that waits", "waiting", undefined, "fail"],
    ["that is marked and left no trace", "claimed", nothing, "lose"],
    ["that is marked and was done", "claimed", result("done"), "finish"],
    ["that is marked and is pending", "claimed", result("pending"), "lose"],
    ["that is marked and was cancelled elsewhere", "claimed", result("canceled"), "lose"],
    ["that is marked and cannot be seen", "claimed", { kind: "later" }, "lose"],
    ["that was sent and was done", "sent", result("done"), "finish"],
    ["that was sent and failed", "sent", result("failed"), "fail"],
    ["that was sent and shows nothing", "sent", nothing, "lose"],
    ["that was sent and nobody can look at", "sent", undefined, "lose"],
  ])("%s", (_, state, look, event) => {
    const delivery = waiting(0, { state, route: 1, markedAt: 50_000, at: 50_000 });
    expect(endStep(findAction("restart"), delivery, look, "x").event).toBe(event);
  });

  it("that waits and may have been done is unknown", () => {
    const delivery = waiting(0, { route: 1, unclear: 1 });
    expect(endStep(findAction("restart"), delivery, undefined, "x").event).toBe("lose");
  });
});
