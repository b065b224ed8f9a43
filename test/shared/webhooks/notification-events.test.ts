/** What webhooks are told of notifications: that one waits for a second person, and how it ended, once each. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { bootstrapCaller } from "../../../shared/access/sign-in/caller.ts";
import { sweep } from "../../../shared/fanout/care/sweep.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { eventTypes } from "../../../shared/webhooks/webhook.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { servicesFor } from "../notifications/support/own-work.ts";
import { testStorage } from "../storage/open-storage.ts";

let rig: NotifyRig;
let store: WebhookStore;
beforeAll(async () => {
  rig = await startNotifyRig();
  store = new WebhookStore((await testStorage()).tables);
});
afterAll(() => rig.stop());

it.each([undefined, "before", "after"] as const)(
  "is the end of a notification with its word, also where a worker dies %s it is taken off the list",
  async (when) => {
    const tenantId = await rig.tenant({ devices: 3 });
    const now = Date.now();
    const webhookId = newestFirstId(now);
    await store.insert({
      v: 1,
      webhookId,
      url: "https://hooks.example/",
      events: [...eventTypes],
      tenantIds: [tenantId],
      owner: bootstrapCaller,
      secrets: [{ sealed: "" }],
      createdAt: now,
      updatedAt: now,
    });
    // Another instance made it: this one has not heard of it yet.
    passTime(30_000);
    const notificationId = await rig.send(tenantId);
    if (when !== undefined) rig.faults.arm({ atCall: "table.transact WebhookDeliveries", when });
    const { engine, sweepGate } = servicesFor(rig, tenantId);
    const told = async () => (await store.deliveries(webhookId, 100)).items;
    for (let tries = 0; tries < 200 && (await told()).length === 0; tries += 1) {
      for (let next = await rig.queues.take(); next; next = await rig.queues.take())
        if (next.queue !== "webhooks-deliver") await rig.handle(next);
      rig.faults.revive();
      passTime(2_000);
      await sweep(engine, sweepGate);
    }
    const items = await told();
    expect(items.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
      {
        type: "notification.ended",
        data: {
          tenantId,
          notificationId,
          state: (await rig.view(tenantId, notificationId)).state,
          url: `/api/v1/tenants/${tenantId}/notifications/${notificationId}`,
        },
      },
    ]);
    const { open } = await rig.services.notify.jobs.open(1000);
    expect(open.filter(({ jobId }) => jobId === notificationId)).toEqual([]);
    const stored = await store.get(webhookId);
    await store.remove(webhookId, stored?.etag ?? "", () => true);
  },
);
