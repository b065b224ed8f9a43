/** What webhooks are told of notifications and runs: that one waits for a second person, and how it ended, once each. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { bootstrapCaller } from "../../../shared/access/sign-in/caller.ts";
import { sweep } from "../../../shared/fanout/care/sweep.ts";
import type { Job } from "../../../shared/fanout/state/job.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { eventTypes } from "../../../shared/webhooks/webhook.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { pause, runCalls } from "../../functions/provisioning/support/run-calls.ts";
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

/** A webhook that is told everything of a tenant. */
async function hook(tenantId: string): Promise<string> {
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
  return webhookId;
}

it("is that a run waits for a second person, and the end of one with its word", async () => {
  const api = runCalls(rig);
  const tenantId = await api.tenantOf(1);
  const webhookId = await hook(tenantId);
  passTime(30_000);
  const { runId } = await api.start(tenantId, { templateId: await api.template([pause("one")]) });
  for (let next = await rig.queues.take(); next; next = await rig.queues.take())
    if (next.queue !== "webhooks-deliver") await rig.handle(next);
  const held = { ...(await rig.services.provision.jobs.get(tenantId, String(runId)))?.job } as Job;
  await rig.services.provision.engine.announce?.({ ...held, state: "pendingApproval" });
  const { items } = await store.deliveries(webhookId, 100);
  const url = `/api/v1/tenants/${tenantId}/provisioning-runs/${runId}`;
  const told = items.map(({ body }) => JSON.parse(body) as { type: string });
  expect(told.toSorted((a, b) => a.type.localeCompare(b.type))).toMatchObject([
    { type: "provisioningRun.approvalPending", data: { tenantId, runId, url } },
    { type: "provisioningRun.ended", data: { tenantId, runId, state: "completed", url } },
  ]);
  const stored = await store.get(webhookId);
  await store.remove(webhookId, stored?.etag ?? "", () => true);
});

it.each([undefined, "before", "after"] as const)(
  "is the end of a notification with its word, also where a worker dies %s it is taken off the list",
  async (when) => {
    const tenantId = await rig.tenant({ devices: 3 });
    const webhookId = await hook(tenantId);
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
