/** Deliveries to a real receiver: what arrives, what is tried again, what must not be sent, and what a death leaves. */
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keepWebhooksMs, retryAfterMs } from "../../../shared/webhooks/deliver.ts";
import { passTime } from "../../support/passing-time.ts";
import {
  happened,
  otherTenant,
  type Received,
  startWebhookRig,
  tenantId,
  type WebhookRig,
} from "./webhook-rig.ts";

const hourMs = 3_600_000;
let rig: WebhookRig;
beforeAll(async () => {
  rig = await startWebhookRig({ timeoutMs: 300 });
});
afterAll(() => rig.stop());
beforeEach(async () => {
  for (const { webhookId } of await rig.store.all()) {
    const found = await rig.webhooks.get(webhookId);
    if (found !== undefined) await rig.webhooks.remove(found);
  }
  rig.queues.lose();
  rig.assign("fullAdministrator", { kind: "everything" });
  rig.receiver.answers(() => [200]);
  rig.events.length = 0;
  rig.deadLetters.length = 0;
});

/** Whatever a library that we did not write makes of it; the clock may be ahead of the machine's. */
function verify(secret: string, { headers, body }: Received): unknown {
  const age = Math.abs(Number(headers["webhook-timestamp"]) * 1000 - Date.now());
  expect(age).toBeLessThan(5_000);
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}
const only = (): Received => {
  expect(rig.receiver.received).toHaveLength(1);
  return rig.receiver.received[0] as Received;
};
const idsOf = (): unknown[] => rig.receiver.received.map(({ headers }) => headers["webhook-id"]);

describe("what arrives", () => {
  it("is signed so that the scheme's own library verifies it, and says what happened by ids", async () => {
    const { secret, webhookId } = await rig.hook();
    const event = happened();
    await rig.webhookSender.announce([event]);
    await rig.drain();
    expect(verify(secret, only())).toEqual({
      type: "sync.statusChanged",
      timestamp: new Date(event.at).toISOString(),
      data: {
        tenantId,
        syncId: "s1",
        status: "idle",
        previous: "inProgress",
        url: `https://muster.example/api/v1/tenants/${tenantId}/syncs/s1`,
      },
    });
    const [delivery] = await rig.deliveries(webhookId);
    expect(delivery).toMatchObject({ state: "delivered", attempts: [{ status: 200 }] });
    expect(delivery?.deliveryId).toBe(idsOf()[0]);
  });

  it("verifies by the old secret for a day after it was replaced, and by the new one at once", async () => {
    const { secret, webhookId } = await rig.hook();
    const rotated = await rig.webhooks.rotate(webhookId);
    if (!rotated.ok) throw new Error(rotated.failure.detail);
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    const both = only();
    verify(secret, both);
    verify(rotated.value, both);
    passTime(24 * hourMs + 1_000);
    rig.receiver.answers(() => [204]);
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    verify(rotated.value, only());
    expect(() => verify(secret, only())).toThrow(/signature/i);
  });

  it("has one webhook-id however often it is announced, and another for another webhook or event", async () => {
    await rig.hook();
    await rig.hook();
    const [one, other] = [happened(), happened()];
    await rig.webhookSender.announce([one, other]);
    await rig.webhookSender.announce([one]);
    await rig.drain();
    expect(new Set(idsOf()).size).toBe(4);
    // Announced again after it was delivered: nothing is there to send any more.
    expect(idsOf()).toHaveLength(4);
  });

  it("goes to those alone who asked for such events, of such tenants", async () => {
    await rig.hook({ events: ["sync.approvalPending"] });
    await rig.hook({ tenantIds: [otherTenant] });
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    expect(rig.receiver.received).toEqual([]);
  });

  it("is tested by a message of its own", async () => {
    const { secret, webhookId } = await rig.hook();
    const webhook = await rig.webhook(webhookId);
    if (webhook === undefined) throw new Error("there is no webhook");
    expect(await rig.webhooks.test(webhook)).toMatchObject({ value: { type: "webhook.test" } });
    await rig.drain();
    expect(verify(secret, only())).toMatchObject({ type: "webhook.test", data: {} });
  });
});

describe("what fails", () => {
  it("is tried again under one id for a day, then set aside", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers(() => [500]);
    const began = Date.now();
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    expect(idsOf()).toHaveLength(retryAfterMs.length + 1);
    expect(new Set(idsOf()).size).toBe(1);
    const took = Date.now() - began;
    expect([took > 18 * hourMs, took < 29 * hourMs]).toEqual([true, true]);
    const [delivery] = await rig.deliveries(webhookId);
    expect(delivery).toMatchObject({ state: "failed", attempts: expect.any(Array) });
    expect(delivery?.attempts[0]).toMatchObject({ status: 500, error: "answered 500" });
    expect(rig.deadLetters).toMatchObject([{ reason: expect.stringContaining("answered 500") }]);
    expect(await rig.webhook(webhookId)).toMatchObject({ failingSince: expect.any(Number) });
  });

  it("arrives once the receiver is back, and the webhook is whole again", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers((before) => [before < 2 ? 502 : 200]);
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    expect(idsOf()).toHaveLength(3);
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "delivered" }]);
    expect(await rig.webhook(webhookId)).not.toHaveProperty("failingSince");
  });

  it("disables the webhook after five days without a word, with an event in the trail", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers(() => [500]);
    for (let day = 0; day < 6; day += 1) {
      await rig.webhookSender.announce([happened()]);
      await rig.drain();
    }
    expect(await rig.webhook(webhookId)).toMatchObject({ disabled: "failing" });
    expect(rig.events).toMatchObject([
      {
        operation: "webhooks-disable",
        object: `webhook/${webhookId}`,
        actor: { kind: "system" },
        after: { disabledReason: "failing" },
      },
    ]);
    const stored = await rig.webhooks.get(webhookId);
    if (stored === undefined) throw new Error("there is no webhook");
    const { owner } = stored.value;
    await rig.webhooks.change(stored, { enabled: true }, owner);
    const webhook = await rig.webhook(webhookId);
    expect([webhook?.disabled, webhook?.failingSince]).toEqual([undefined, undefined]);
  });

  it("disables the webhook at once where the receiver says that it is gone", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers(() => [410]);
    await rig.webhookSender.announce([happened(), happened()]);
    await rig.drain();
    expect(rig.receiver.received).toHaveLength(1);
    expect(await rig.webhook(webhookId)).toMatchObject({ disabled: "gone" });
    const states = (await rig.deliveries(webhookId)).map(({ state }) => state);
    expect(states.toSorted()).toEqual(["dropped", "failed"]);
    expect(rig.events).toHaveLength(1);
  });

  it.each([
    ["seconds", 429, () => "1800", 1800_000],
    ["a moment", 503, () => new Date(Date.now() + 1800_000).toUTCString(), 1799_000],
    ["more than anybody waits", 503, () => "999999", 12 * hourMs],
    ["nothing that can be read", 429, () => "soon", 4_000],
  ])("waits as long as the receiver asks: %s", async (_, status, retryAfter, leastMs) => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers((before) =>
      before === 0 ? [status, { "retry-after": retryAfter() }] : [200],
    );
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    const [first, second] = rig.receiver.received.map(({ at }) => at);
    const waited = (second ?? 0) - (first ?? 0);
    expect(waited).toBeGreaterThanOrEqual(leastMs);
    expect(waited).toBeLessThan(leastMs + 60_000);
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "delivered" }]);
  });

  it("follows no redirect", async () => {
    const { webhookId } = await rig.hook();
    const target = `${rig.receiver.url}/elsewhere`;
    rig.receiver.answers((before) => (before === 0 ? [307, { location: target }] : [200]));
    await rig.webhookSender.announce([happened()]);
    await rig.drain(1);
    expect(rig.receiver.received).toHaveLength(1);
    const [delivery] = await rig.deliveries(webhookId);
    expect(delivery?.attempts).toMatchObject([
      { status: 307, error: "307: redirects are not followed" },
    ]);
  });

  it("does not wait for ever for an answer", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers(() => undefined);
    await rig.webhookSender.announce([happened()]);
    await rig.drain(1);
    const [delivery] = await rig.deliveries(webhookId);
    expect(delivery?.attempts).toMatchObject([{ error: "no answer in time" }]);
  });

  it("can be sent again by hand, under its own id", async () => {
    const { webhookId } = await rig.hook();
    rig.receiver.answers(() => [500]);
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    const [failed] = await rig.deliveries(webhookId);
    rig.receiver.answers(() => [200]);
    const webhook = await rig.webhook(webhookId);
    if (webhook === undefined || failed === undefined) throw new Error("nothing failed");
    expect(await rig.webhooks.redeliver(webhook, failed.deliveryId)).toMatchObject({ ok: true });
    await rig.drain();
    expect(idsOf()).toEqual([failed.deliveryId]);
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "delivered" }]);
  });
});

describe("what must not leave", () => {
  it("is not announced of tenants that the owner may not read, nor of those they may not tell about", async () => {
    const { webhookId } = await rig.hook();
    rig.assign("infrastructureAdministrator", { kind: "tenants", tenantIds: [otherTenant] });
    await rig.webhookSender.announce([happened()]);
    // Reads everything, and manages no webhooks.
    rig.assign("readOnlyAnalyst", { kind: "everything" });
    await rig.webhookSender.announce([happened()]);
    expect(await rig.deliveries(webhookId)).toEqual([]);
    rig.assign("infrastructureAdministrator", { kind: "tenants", tenantIds: [tenantId] });
    await rig.webhookSender.announce([happened()]);
    expect(await rig.deliveries(webhookId)).toHaveLength(1);
  });

  it.each([
    ["whose owner lost their role meanwhile", () => rig.assign("partner", { kind: "everything" })],
    [
      "whose webhook was disabled meanwhile",
      async (webhookId: string) => {
        const stored = await rig.webhooks.get(webhookId);
        if (stored === undefined) throw new Error("there is no webhook");
        await rig.webhooks.change(stored, { enabled: false }, stored.value.owner);
      },
    ],
  ])("is dropped: a delivery %s", async (_, meanwhile) => {
    const { webhookId } = await rig.hook();
    await rig.webhookSender.announce([happened()]);
    await meanwhile(webhookId);
    await rig.drain();
    expect(rig.receiver.received).toEqual([]);
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "dropped" }]);
  });

  it("is not in any row: the secret, in clear", async () => {
    const { secret, webhookId } = await rig.hook();
    const rotated = await rig.webhooks.rotate(webhookId);
    if (!rotated.ok) throw new Error(rotated.failure.detail);
    await rig.webhookSender.announce([happened()]);
    await rig.drain();
    const { rows } = await rig.tables.page("Webhooks", { partition: "webhooks" }, 1000);
    const deliveries = await rig.tables.page("WebhookDeliveries", { partition: webhookId }, 1000);
    const text = JSON.stringify([rows, deliveries.rows]);
    expect(text).toContain("muster1.");
    for (const each of [secret, rotated.value]) {
      const bytes = Buffer.from(each.slice(6), "base64");
      for (const form of [each.slice(6), bytes.toString("base64url"), bytes.toString("hex")])
        expect(text).not.toContain(form);
    }
  });
});

describe("a death", () => {
  it.each([
    "table.transact WebhookDeliveries",
    "queue.send webhooks-deliver",
    "webhook.post",
    "table.get Webhooks",
    "table.replace Webhooks",
  ])("at %s loses nothing, and doubles have one id", async (call) => {
    for (const when of ["before", "after"] as const) {
      const { webhookId } = await rig.hook();
      rig.receiver.answers((before) => [before === 0 ? 500 : 200]);
      const event = happened();
      rig.faults.arm({ atCall: call, when });
      // Whoever owes the telling tells again until it is through.
      await rig.webhookSender.announce([event]).catch(() => undefined);
      if (rig.faults.isDead()) {
        rig.faults.revive();
        await rig.webhookSender.announce([event]);
      }
      await rig.drain();
      rig.faults.revive();
      // A message that was lost with its worker is sent again by the sweeper.
      passTime(60_000);
      await rig.webhookSender.sweep();
      await rig.drain();
      expect(await rig.deliveries(webhookId), when).toMatchObject([{ state: "delivered" }]);
      expect(new Set(idsOf()).size).toBe(1);
      const found = await rig.webhooks.get(webhookId);
      if (found !== undefined) await rig.webhooks.remove(found);
    }
  });

  it("leaves what the sweeper finds, and nothing of what is through", async () => {
    const { webhookId } = await rig.hook();
    await rig.webhookSender.announce([happened(), happened()]);
    rig.queues.lose();
    expect(await rig.webhookSender.sweep()).toBe(0);
    passTime(2_000);
    expect(await rig.webhookSender.sweep()).toBe(2);
    await rig.drain();
    expect(rig.receiver.received).toHaveLength(2);
    passTime(2_000);
    expect(await rig.webhookSender.sweep()).toBe(0);
    expect(await rig.store.due(webhookId, Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  it("at every attempt ends the delivery all the same, as a failure that somebody can see", async () => {
    const { webhookId } = await rig.hook();
    await rig.webhookSender.announce([happened()]);
    rig.queues.lose();
    const [delivery] = await rig.deliveries(webhookId);
    const ids = { webhookId, deliveryId: delivery?.deliveryId ?? "" };
    for (let deaths = 0; deaths < 20; deaths += 1) {
      rig.faults.arm({ atCall: "webhook.post", when: "before" });
      await rig.webhookSender.deliver(ids).catch(() => undefined);
      rig.faults.revive();
      passTime(60_000);
    }
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "failed", tries: 9 }]);
  });

  it("of its secret is an attempt that failed, and comes again", async () => {
    const { webhookId } = await rig.hook();
    await rig.webhookSender.announce([happened()]);
    const { value: before, etag } = (await rig.store.get(webhookId)) ?? {
      value: undefined,
      etag: "",
    };
    if (before === undefined) throw new Error("the webhook is gone");
    await rig.store.replace({ value: { ...before, secrets: [{ sealed: "no seal" }] }, etag });
    await rig.drain(1);
    expect(await rig.deliveries(webhookId)).toMatchObject([{ state: "waiting", tries: 1 }]);
  });

  it("does not let two workers make one attempt", async () => {
    const { webhookId } = await rig.hook();
    await rig.webhookSender.announce([happened()]);
    const [delivery] = await rig.deliveries(webhookId);
    const ids = { webhookId, deliveryId: delivery?.deliveryId ?? "" };
    await Promise.all([1, 2, 3, 4].map(() => rig.webhookSender.deliver(ids)));
    expect(rig.receiver.received).toHaveLength(1);
  });
});

it("costs no request of storage where nobody asks: webhooks are remembered for half a minute", async () => {
  passTime(keepWebhooksMs);
  await rig.webhookSender.announce([happened()]);
  rig.faults.reset();
  for (let times = 0; times < 20; times += 1) await rig.webhookSender.announce([happened()]);
  expect(rig.faults.calls()).toEqual([]);
});
