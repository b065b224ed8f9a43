/** Messages that the host has given up: tried again a while, then their work ends truly, with the cause. */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { reportOf } from "../../../shared/devices/actions/asked-devices.ts";
import type { ReadBack } from "../../../shared/devices/actions/read-back.ts";
import {
  endStep,
  maxFailures,
  poisonedChunk,
  poisonedPlan,
} from "../../../shared/fanout/care/sweep.ts";
import { beforePlanning } from "../../../shared/fanout/state/rollout.ts";
import { actionOf } from "../../../shared/notifications/kind.ts";
import { queueNames, tableNames } from "../../../shared/storage/names.ts";
import type { Row } from "../../../shared/storage/tables.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { kind, running, waiting } from "./support/arbitrary-delivery.ts";
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
  const ids = { kind: "notification", tenantId, jobId: notificationId };
  return { tenantId, notificationId, ids, message, chunk: { ...ids, from, to } };
}

/** As an operator, or an older version, may have left it: nobody can plan this. */
async function breakAction(tenantId: string, notificationId: string): Promise<void> {
  const { jobs } = rig.services.notify;
  const { job, etag } = (await jobs.get(tenantId, notificationId))!;
  await jobs.replace({ ...job, actionId: "withdrawn" }, etag);
}

/** What waits now, to be handled at once though it was sent for later. */
function takeAll() {
  const all = rig.queues.waiting();
  rig.queues.lose();
  return all;
}

describe("planning that fails every time", () => {
  it("is tried again twice, then the notification has failed and says why", async () => {
    const { tenantId, notificationId, ids, message } = await startedUntil(queueNames.fanoutPlan, 5);
    await breakAction(tenantId, notificationId);
    await rig.handle(message);
    rig.queues.lose();
    for (const wait of [60, 240]) {
      expect(await poisonedPlan(rig.services.engine, ids)).toBe("again");
      const [again] = takeAll();
      expect(again?.queue).toBe(queueNames.fanoutPlan);
      expect((again?.visibleAt ?? 0) - Date.now()).toBeGreaterThan((wait - 5) * 1000);
    }
    expect(await poisonedPlan(rig.services.engine, ids)).toBe("failed");
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
    const { open } = await rig.services.notify.jobs.open(1000);
    expect(open.map(({ jobId }) => jobId)).not.toContain(notificationId);
    expect(await poisonedPlan(rig.services.engine, ids)).toBe("over");
  });

  it("stops what waits, and follows what has left", async () => {
    const { tenantId, notificationId, ids, message } = await startedUntil(
      queueNames.fanoutDispatch,
      120,
    );
    const { engine, jobs } = rig.services.notify;
    const plan = await engine.items.plan(notificationId);
    const { job, etag } = (await jobs.get(tenantId, notificationId))!;
    const reopened = { ...plan!.progress, done: false };
    await engine.items.commitPlan({ ...ids, subject: "restart" }, [], reopened, plan!.etag);
    await jobs.replace({ ...job, state: "planning" }, etag);
    const [, last] = await rowsOf(rig, notificationId);
    const only = { from: last!.lastTargetId, reserved: 0, told: undefined };
    await rig.handle({ ...message, message: { ...message.message, ...only } });
    for (let nth = 1; nth < maxFailures; nth += 1) {
      await poisonedPlan(rig.services.engine, ids);
      takeAll();
    }
    await poisonedPlan(rig.services.engine, ids);
    expect((await rig.view(tenantId, notificationId)).state).toBe("failing");
    const { from, to } = { from: last!.lastTargetId, to: last!.lastTargetId };
    const look = { v: 1, ...ids, from, to };
    rig.queues.put({ ...message, queue: queueNames.fanoutReadBack, message: look });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      "cancelled notification-failed": 100,
      done: 20,
    });
    expect((await rig.view(tenantId, notificationId)).state).toBe("partlyCompleted");
  });

  it("has its patience back when it got a step further", async () => {
    const { notificationId, ids } = await startedUntil(queueNames.fanoutPlan, 5);
    const { engine } = rig.services;
    await poisonedPlan(engine, ids);
    await poisonedPlan(engine, ids);
    await engine.items.commitPlan(
      { ...ids, subject: "restart" },
      [],
      { ...beforePlanning, steps: 1 },
      undefined,
    );
    expect(await poisonedPlan(engine, ids)).toBe("again");
    takeAll();
    await rig.services.notify.jobs.close(notificationId);
  });
});

describe("rows whose handlers fail every time", () => {
  it("are tried row by row, and only the one that keeps failing ends as failed", async () => {
    const { tenantId, notificationId, message, chunk } = await startedUntil(
      queueNames.fanoutDispatch,
      120,
    );
    const { engine } = rig.services;
    await engine.failures.noteError(chunk, new Error("a row too many"), Date.now());
    expect(await poisonedChunk(engine, chunk)).toEqual({ again: 2, ended: 0 });
    const [first, second, ...more] = takeAll();
    expect([first?.queue, second?.queue, more.length]).toEqual([message.queue, message.queue, 0]);
    const row = { ...chunk, to: chunk.from };
    expect(await poisonedChunk(engine, row)).toEqual({ again: 1, ended: 0 });
    takeAll();
    expect(await poisonedChunk(engine, row)).toEqual({ again: 0, ended: 1 });
    const other = first?.message["from"] === chunk.from ? second : first;
    rig.queues.put({ ...other!, visibleAt: 0 });
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({
      done: 20,
      "failed muster-failed": 100,
    });
    const { state } = await rig.view(tenantId, notificationId);
    expect(state).toBe("partlyCompleted");
    expect((await rowsOf(rig, notificationId))[0]?.items[0]?.detail).toContain("row too many");
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 20, doubled: 0 });
  });

  it("are looked at first where something may have left", async () => {
    const { tenantId, notificationId, chunk } = await startedUntil(queueNames.fanoutReadBack, 9);
    for (let nth = 1; nth <= maxFailures; nth += 1) await poisonedChunk(rig.services.engine, chunk);
    takeAll();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 9 });
    expect((await rig.view(tenantId, notificationId)).state).toBe("completed");
  });

  it("have their patience back when a handler got through", async () => {
    const { notificationId, message, chunk } = await startedUntil(queueNames.fanoutDispatch, 9);
    const { engine } = rig.services;
    for (let nth = 1; nth < maxFailures; nth += 1) await poisonedChunk(engine, chunk);
    takeAll();
    await rig.handle(message);
    expect(await poisonedChunk(engine, chunk)).toEqual({ again: 1, ended: 0 });
    takeAll();
    await rig.services.notify.jobs.close(notificationId);
  });
});

const result = (actionState: string): ReadBack => ({
  kind: "seen",
  device: {
    id: waiting().targetId,
    deviceActionResults: [
      { actionName: "rebootNow", actionState, startDateTime: new Date(50_000).toISOString() },
    ],
  },
});

it("a row whose text is corrupt ends as unknown with its cause, and its neighbours are reached", async () => {
  const { tenantId, notificationId, message, chunk } = await startedUntil(
    queueNames.fanoutDispatch,
    120,
  );
  const { storage, engine } = rig.services;
  const key = `row:${chunk.from}`;
  const row = await storage.tables.get(tableNames.items, notificationId, key);
  const { etag, columns, partitionKey, rowKey } = row!;
  const broken = { ...(columns as Row), partitionKey, rowKey, d0: "[[" };
  await storage.tables.transact(tableNames.items, [{ kind: "replace", row: broken, etag }]);
  await expect(rig.handle({ ...message, attempts: 0 })).resolves.toBeUndefined();
  rig.queues.lose();
  expect(await poisonedChunk(engine, chunk)).toEqual({ again: 2, ended: 0 });
  const other = takeAll().find(({ message: { from } }) => from !== chunk.from);
  rig.queues.put({ ...other!, visibleAt: 0 });
  await rig.drain();
  const one = { ...chunk, to: chunk.from };
  expect(await poisonedChunk(engine, one)).toEqual({ again: 1, ended: 0 });
  rig.queues.lose();
  expect(await poisonedChunk(engine, one)).toEqual({ again: 0, ended: 1 });
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
  const nothing: ReadBack = { kind: "seen", device: { id: waiting().targetId } };
  test.each<[string, "waiting" | "claimed" | "sent", ReadBack | undefined, string]>([
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
    const delivery = waiting(0, { state, route: 1, claimedAt: 50_000, at: 50_000 });
    const finding = look && reportOf(actionOf(running()), delivery, look);
    expect(endStep(kind, delivery, finding, "x").event).toBe(event);
  });

  it("that waits and may have been done is unknown", () => {
    const delivery = waiting(0, { route: 1, unclear: 1 });
    expect(endStep(kind, delivery, undefined, "x").event).toBe("lose");
  });
});
