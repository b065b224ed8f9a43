/** Webhooks over tables of their own, with a receiver that answers as a test says, and time that passes at once. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveQueue, type Tools } from "../../../functions/define.ts";
import type { Services } from "../../../functions/services.ts";
import { webhookServices } from "../../../functions/services-access.ts";
import type { Settings } from "../../../functions/settings.ts";
import { webhooksDeliverFunction } from "../../../functions/webhooks/webhooks-deliver.queue.ts";
import type { AuditEvent } from "../../../shared/access/audit/records.ts";
import { type Assignment, type Scope } from "../../../shared/access/roles/decide.ts";
import { snapshotOf } from "../../../shared/access/roles/granted.ts";
import { principalOf } from "../../../shared/access/sign-in/caller.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { keyFileWrapper, sealer } from "../../../shared/storage/sealing.ts";
import type { NewWebhook } from "../../../shared/webhooks/contract.ts";
import type { PostOptions } from "../../../shared/webhooks/post.ts";
import type { WebhookEvent } from "../../../shared/webhooks/webhook.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { faultTap, Killed } from "../../support/fault-tap.ts";
import { TestQueues } from "../../support/test-queues.ts";
import { caller } from "../access/installation.ts";
import { openOwnTables } from "../access/tables.ts";

/** What a receiver was sent. */
export type Received = {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
};
/** How it answers: a status, and headers. */
type Said = readonly [status: number, headers?: Record<string, string>];

const always = (): Said => [200];

/** A receiver on this machine. `answer` is asked with how many came before; undefined: no answer at all. */
export async function startReceiver() {
  const received: Received[] = [];
  let answer: (before: number) => Said | undefined = always;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      received.push({ headers: request.headers, body, at: Date.now() });
      const said = answer(received.length - 1);
      if (said !== undefined) response.writeHead(said[0], said[1]).end("x".repeat(200_000));
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answers: (next: typeof answer) => {
      received.length = 0;
      answer = next;
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const tenantId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
export const otherTenant = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b02";
const owner = caller("ada");

export async function startWebhookRig(posting: Partial<PostOptions> = {}) {
  const home = mkdtempSync(join(tmpdir(), "muster-webhooks-"));
  const receiver = await startReceiver();
  const faults = faultTap();
  const tables = await openOwnTables(faults.tap);
  const queues = new TestQueues(faults.tap);
  const events: AuditEvent[] = [];
  let assignments: Assignment[] = [];
  const services = webhookServices(
    { publicUrl: "https://muster.example", overdueMs: 1000, webhooksToLoopback: true } as Settings,
    {
      clock: systemClock,
      storage: { tables, queues },
      sealer: sealer(keyFileWrapper(join(home, "keys.json"))),
      intercept: faults.tap,
      posting,
      trail: { append: async (event) => void events.push(event) },
      knownTenants: { get: async () => ({}) as never, invalidate: () => undefined },
      granted: {
        snapshots: { read: async () => snapshotOf([], assignments), invalidate: () => undefined },
      } as never,
    },
  );
  const deadLetters: { readonly reason: string }[] = [];
  const tools = {
    services: {
      ...services,
      storage: { queues },
      deadLetters: { add: async (entry: { reason: string }) => void deadLetters.push(entry) },
    },
    log: () => undefined,
  } as unknown as Tools<Services>;

  /** Gives the owner a role, and no other. */
  const assign = (roleId: string, scope: Scope): void => {
    const times = { createdAt: "", updatedAt: "" };
    assignments = [{ assignmentId: "a", principal: principalOf(owner), roleId, scope, ...times }];
  };
  assign("fullAdministrator", { kind: "everything" });

  return {
    ...services,
    receiver,
    faults,
    queues,
    events,
    deadLetters,
    assign,
    store: new WebhookStore(tables),
    tables,
    /** Makes a webhook to the receiver. */
    async hook(over: Partial<NewWebhook> = {}) {
      const body = { url: receiver.url, events: ["sync.statusChanged" as const], ...over };
      const added = await services.webhooks.add(body, owner);
      if (!added.ok) throw new Error(added.failure.detail);
      const { value, secret } = added.value;
      return { webhookId: value.webhookId, secret };
    },
    /** Handles messages until none is left: whatever waits for its time has it at once. */
    async drain(times = Number.POSITIVE_INFINITY): Promise<void> {
      for (let handled = 0; handled < times; handled += 1) {
        const next = await queues.take();
        if (next === undefined) return;
        try {
          await serveQueue(webhooksDeliverFunction, next.message, { invocationId: "t" }, tools);
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          queues.put(next);
        }
        if (faults.isDead()) faults.revive();
      }
    },
    deliveries: async (webhookId: string) =>
      (await services.webhooks.deliveries(webhookId, 100, undefined)).items,
    webhook: async (webhookId: string) => (await services.webhooks.get(webhookId))?.value,
    stop: () => {
      receiver.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export type WebhookRig = Awaited<ReturnType<typeof startWebhookRig>>;

let events = 0;
/** Something that happened in a tenant. */
export const happened = (over: Partial<WebhookEvent> = {}): WebhookEvent => ({
  eventId: `e${(events += 1)}`,
  at: Date.now(),
  type: "sync.statusChanged",
  tenantId,
  path: `/api/v1/tenants/${tenantId}/syncs/s1`,
  data: { syncId: "s1", status: "idle", previous: "inProgress" },
  ...over,
});
