/** Messages that nobody can handle: set aside with the reason, listed, and the work itself goes on. */
import { randomUUID } from "node:crypto";
import { QueueClient } from "@azure/storage-queue";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { planFunction } from "../../../functions/fanout/plan.queue.ts";
import { sweepFunction } from "../../../functions/fanout/sweep.timer.ts";
import { watchPoisonFunction } from "../../../functions/platform/watch-poison.timer.ts";
import type { Services } from "../../../functions/services.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { servicesFor } from "../../shared/notifications/support/own-work.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const kind = notificationShape.id;
const ids = () => ({ kind, tenantId: randomUUID(), jobId: newestFirstId(Date.now()) });
const deadLetters = async (mark: string) =>
  (await rig.services.deadLetters.list(200)).entries.filter(({ content }) =>
    content.includes(mark),
  );

describe("a message of an unknown kind", () => {
  test.each<[string, string, object, RegExp]>([
    ["of no version", queueNames.fanoutPlan, ids(), /unknown version/],
    ["of a later version", queueNames.fanoutPlan, { v: 2, ...ids() }, /unknown version/],
    [
      "with a stranger's property",
      queueNames.fanoutPlan,
      { v: 1, ...ids(), extra: 1 },
      /unknown shape/,
    ],
    ["without its ids", queueNames.fanoutDispatch, { v: 1, kind, tenantId: randomUUID() }, /jobId/],
    [
      "with an odd number",
      queueNames.fanoutReadBack,
      { v: 1, ...ids(), from: randomUUID(), to: randomUUID(), round: -1 },
      /round/,
    ],
  ])(
    "%s is set aside with the reason, and not handled again",
    async (_, queue, message, reason) => {
      const mark = (message as { tenantId: string }).tenantId;
      const waiting = { queue, message, visibleAt: 0, attempts: 0 } as Parameters<
        NotifyRig["handle"]
      >[0];
      await rig.handle(waiting);
      expect(rig.queues.waiting()).toEqual([]);
      const [entry, ...more] = await deadLetters(mark);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ queue, reason: expect.stringMatching(reason) });
    },
  );
});

const log = (): void => undefined;

describe("a message that failed every time", () => {
  it("is listed, taken out of the poison queue, and its work goes on from its row", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 10 });
    const notificationId = await rig.send(tenantId);
    rig.queues.lose();
    const poison = new QueueClient(storageConnectionString(), `${queueNames.fanoutPlan}-poison`);
    await poison.createIfNotExists();
    const text = JSON.stringify({ v: 1, kind, tenantId, jobId: notificationId });
    await poison.sendMessage(Buffer.from(text).toString("base64"));
    const odd = `not base64! ${randomUUID()}`;
    await poison.sendMessage(odd);
    const real = await openStorage(
      { kind: "connectionString", value: storageConnectionString() },
      systemClock,
    );
    const watch = watchPoisonFunction<Services>([planFunction]);
    await watch.handle({ services: { ...rig.services, storage: real }, log });
    expect(await deadLetters(notificationId)).toMatchObject([
      {
        queue: queueNames.fanoutPlan,
        reason: expect.stringContaining("every attempt failed"),
      },
    ]);
    expect(await deadLetters(odd)).toMatchObject([{ reason: expect.stringContaining("base64") }]);
    expect((await poison.peekMessages()).peekedMessageItems).toEqual([]);
    const [again, ...more] = rig.queues.waiting();
    expect(again).toMatchObject({
      queue: queueNames.fanoutPlan,
      message: { jobId: notificationId },
    });
    expect(more).toEqual([]);
    rig.queues.lose();
    passTime(1_100);
    await sweepFunction.handle({ services: servicesFor(rig, tenantId), log });
    await rig.drain();
    const { state, counts } = await rig.view(tenantId, notificationId);
    expect({ state, counts }).toMatchObject({ state: "completed", counts: { done: 10 } });
  });
});

describe("a message about a tenant that is gone", () => {
  test.each([
    queueNames.fanoutPlan,
    queueNames.fanoutDispatch,
    queueNames.fanoutReadBack,
    queueNames.fanoutClose,
  ])("in %s leaves no trace", async (queue) => {
    const chunk = { from: randomUUID(), to: randomUUID() };
    const isChunk = queue === queueNames.fanoutDispatch || queue === queueNames.fanoutReadBack;
    const gone = ids();
    const message = { v: 1, ...gone, ...(isChunk ? chunk : {}) };
    await rig.handle({ queue, message, visibleAt: 0, attempts: 0 });
    expect(rig.queues.waiting()).toEqual([]);
    expect(await deadLetters(gone.jobId)).toEqual([]);
  });
});
