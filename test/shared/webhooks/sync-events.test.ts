/** What webhooks are told of syncs: every change of a tenant's status, once each, wherever a worker dies. */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { bootstrapCaller } from "../../../shared/access/sign-in/caller.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { acknowledge } from "../../../shared/sync/run/verdicts.ts";
import { eventTypes } from "../../../shared/webhooks/webhook.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { passTime } from "../../support/passing-time.ts";
import { testStorage } from "../storage/open-storage.ts";
import { type SyncRig, startSyncRig } from "../sync/sync-rig.ts";

let rig: SyncRig;
let store: WebhookStore;
beforeAll(async () => {
  rig = await startSyncRig();
  store = new WebhookStore((await testStorage()).tables);
});
afterAll(() => rig.stop());

/** A tenant with a webhook of its own that nothing is ever sent to: no key opens its secret. */
async function watched(): Promise<{ readonly tenantId: string; readonly webhookId: string }> {
  const tenantId = await rig.tenant();
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
  return { tenantId, webhookId };
}

/** What the webhook is told, in the order in which it happened. */
async function told(webhookId: string): Promise<string[]> {
  const { items } = await store.deliveries(webhookId, 100);
  const lines = items.map(({ type, at, body }) => {
    const { data } = JSON.parse(body) as { data: { previous?: string; status?: string } };
    return { at, line: `${type} ${data.previous ?? ""} ${data.status ?? ""}`.trimEnd() };
  });
  return lines
    .toSorted((a, b) => a.at - b.at || (a.line < b.line ? 1 : -1))
    .map(({ line }) => line);
}

/** Lets the sweeper and every message about syncs have their say. */
async function settle(): Promise<void> {
  await rig.insist(() => rig.sweep());
  for (let next = await rig.queues.take(); next; next = await rig.queues.take())
    if (next.queue !== "webhooks-deliver") await rig.handle(next);
}

/** An export, with one death on the way. */
async function run(death?: { atCall: number; when: "before" | "after" }) {
  const { tenantId, webhookId } = await watched();
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  await rig.sync(tenantId, { mode: "exportOnly", types: ["roleScopeTag"] });
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  await settle();
  const lines = await told(webhookId);
  const stored = await store.get(webhookId);
  await store.remove(webhookId, stored?.etag ?? "", () => true);
  return { calls, lines };
}

it("is every change of status, and no other, wherever a worker dies between the state and the message", async () => {
  const undisturbed = await run();
  expect(undisturbed.lines).toEqual([
    "sync.statusChanged notRun starting",
    "sync.statusChanged starting inProgress",
    "sync.statusChanged inProgress idle",
  ]);
  const deadly = /^(table\.transact (Syncs|Audit|WebhookDeliveries)|queue\.send webhooks-deliver)$/;
  const deaths = undisturbed.calls.flatMap((call, at) => (deadly.test(call) ? [at + 1] : []));
  expect(deaths.length).toBeGreaterThan(8);
  for (const atCall of deaths.filter((_, nth) => nth % inject("oneCaseIn") === 0))
    for (const when of ["before", "after"] as const) {
      const { lines } = await run({ atCall, when });
      const where = `killed ${when} call ${atCall}, ${undisturbed.calls[atCall - 1]}`;
      expect(lines, where).toEqual(undisturbed.lines);
    }
}, 300_000);

it("is that a plan waits for approval, beside the change of status", async () => {
  const { tenantId, webhookId } = await watched();
  await rig.sync(tenantId);
  const [filter] = await rig.inTenant(tenantId, "assignmentFilter");
  await rig.byHand("PATCH", tenantId, `assignmentFilter/${filter?.id}`, { description: "drift" });
  const sync = await rig.sync(tenantId);
  expect(sync.waits?.for).toBe("approval");
  await settle();
  expect((await told(webhookId)).slice(-2)).toEqual([
    "sync.statusChanged inProgress pendingApproval",
    "sync.approvalPending",
  ]);
  const { items } = await store.deliveries(webhookId, 100);
  const asked = items.find(({ type }) => type === "sync.approvalPending");
  expect(JSON.parse(asked?.body ?? "")).toMatchObject({
    data: {
      tenantId,
      syncId: sync.syncId,
      url: `/api/v1/tenants/${tenantId}/syncs/${sync.syncId}/plan`,
    },
  });
});

it("is that somebody took note of an error, though no sync is under way that would tell of it", async () => {
  const { tenantId, webhookId } = await watched();
  const { preflight } = rig.parts;
  Object.assign(rig.parts, { preflight: async () => ({ kind: "failed", error }) });
  await rig.sync(tenantId, { types: ["roleScopeTag"], mode: "exportOnly" });
  expect(await rig.status(tenantId)).toMatchObject({ status: "newError" });
  await rig.insist(() => acknowledge(rig.parts, tenantId, { kind: "user", id: "ada" }));
  Object.assign(rig.parts, { preflight });
  await settle();
  expect((await told(webhookId)).slice(-2)).toEqual([
    "sync.statusChanged starting newError",
    "sync.statusChanged newError notRun",
  ]);
  expect(await rig.open(tenantId)).toEqual([]);
});

const error = { code: "sign-in-failed", text: "", cause: "", remedy: "", requestIds: [] };
