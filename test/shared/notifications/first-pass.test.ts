/** Small notifications are planned and sent inside their request, and a worker that dies there costs nothing. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Approval } from "../../../shared/access/approvals/approval.ts";
import { newestFirstId } from "../../../shared/kernel/ids.ts";
import { sweepNotifications } from "../../../shared/notifications/care/sweep.ts";
import { dryRun } from "../../../shared/notifications/dry-run.ts";
import { retryNotification } from "../../../shared/notifications/retry.ts";
import {
  type SendDeps,
  sendNotification,
  settleHeld,
} from "../../../shared/notifications/send-notification.ts";
import { NewNotification, RetryRequest } from "../../../shared/notifications/state/contract.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyCoManaged, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type Death, Killed } from "../../support/fault-tap.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { servicesFor } from "./support/own-work.ts";
import { packedOf, setPace } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

/** The rig's services as they are outside of tests, with times to match. */
const inRequest = (more: object = {}): NotifyRig["services"]["notify"] => ({
  ...rig.services.notify,
  // On a busy machine the rig's claims would be over before the first request may leave.
  claimMs: 60_000,
  firstPass: { devices: 1_000, boxMs: 20_000, safetyMs: 100, ...more },
});

const scan = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };

/** Sends; answers the id. */
async function send(deps: SendDeps, tenantId: string, body: object = {}, id?: string) {
  const seed = id ?? newestFirstId(Date.now());
  const parsed = NewNotification.parse({ expiresAfter: "PT60S", ...scan, ...body });
  const sent = await sendNotification(deps, tenantId, seed, parsed);
  if (!sent.ok) throw new Error(sent.failure.detail);
  return sent.value;
}

/** The queues in which something waits. */
const waitingIn = (): string[] => rig.queues.waiting().map(({ queue }) => queue);

describe("a small notification", () => {
  it.each([1, 1_000])(
    "has reached its %i devices when its request is answered",
    async (devices) => {
      const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
      const { notificationId, state } = await send(inRequest(), tenantId);
      expect(state).toBe("running");
      expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
      // Nothing is left but to look at the answers.
      expect(new Set(waitingIn())).toEqual(new Set([queueNames.notificationConfirm]));
      await rig.drain();
      expect(await rig.view(tenantId, notificationId)).toMatchObject({
        state: "completed",
        counts: { total: devices, done: devices },
      });
      expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
    },
  );

  it("ends in its request where no device can do it", async () => {
    const tenantId = await rig.tenant({ mix: { iOS: 1 }, devices: 3 });
    const { notificationId } = await send(inRequest(), tenantId);
    expect(await rig.view(tenantId, notificationId)).toMatchObject({ state: "nothingToSend" });
    expect(waitingIn()).toEqual([]);
  });

  it("is the same one when its request comes again", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 2 });
    const { notificationId } = await send(inRequest(), tenantId);
    const again = await send(inRequest(), tenantId, {}, notificationId);
    expect(again).toMatchObject({ notificationId, state: "running" });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 2, doubled: 0 });
    await rig.drain();
  });

  it("takes no more storage requests and Graph requests than by messages", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 150 });
    const costs: { storage: number; graph: number }[] = [];
    for (const deps of [inRequest(), rig.services.notify]) {
      rig.faults.reset();
      await send(deps, tenantId);
      let handled = 0;
      for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
        await rig.handle(next);
        handled += 1;
      }
      const calls = rig.faults.calls();
      const graph = calls.filter((call) => call.startsWith("graph")).length;
      // Each message that is handled was received and deleted.
      costs.push({ storage: calls.length - graph + 2 * handled, graph });
    }
    const [mine, byMessages] = costs;
    expect(mine?.storage).toBeLessThan(byMessages?.storage ?? 0);
    expect(mine?.graph).toBeLessThanOrEqual(byMessages?.graph ?? 0);
  });

  it("asks Graph as often as its dry run says", async () => {
    const tenantId = await rig.tenant({ ...onlyCoManaged, devices: 30 });
    const body = NewNotification.parse({ ...scan, action: "downloadComputerPolicy" });
    const would = await dryRun(rig.services.notify, tenantId, body);
    await send(inRequest(), tenantId, { action: body.action });
    const { total } = await rig.ledger(tenantId);
    expect(would).toMatchObject({
      value: { total: 30, byRoute: [{ devices: 30, graphRequests: total }] },
    });
    await rig.drain();
  });

  it("leaves to messages what is not its turn yet", async () => {
    const tenantId = await rig.tenant({ ...onlyCoManaged, devices: 60 });
    // Of 160 requests in 20 seconds, 20 may go at once.
    await setPace(rig, tenantId, 160);
    const { notificationId } = await send(inRequest(), tenantId, {
      action: "downloadComputerPolicy",
    });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 20 });
    const [rest] = rig.queues.waiting();
    expect(rest).toMatchObject({
      queue: queueNames.notificationDeliver,
      message: { notificationId, granted: 40 },
    });
    expect(rest?.visibleAt).toBeGreaterThan(Date.now());
    rig.queues.lose();
  });

  it("waits as long as Graph says, by a message", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, throttleRate: 1 });
    await send(inRequest(), tenantId);
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 0 });
    expect(waitingIn()).toEqual([queueNames.notificationDeliver]);
    rig.queues.lose();
  });

  it("is answered when its time is over, and what is under way comes to its end all the same", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 1 });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs: 250 });
    const { notificationId } = await send(inRequest({ boxMs: 60, safetyMs: 60_000 }), tenantId);
    expect(await packedOf(rig, notificationId)).not.toMatchObject([{ state: "sent" }]);
    await expect
      .poll(() => waitingIn(), { timeout: 5_000 })
      .toEqual([queueNames.notificationConfirm]);
    await rig.drain();
    expect(await rig.view(tenantId, notificationId)).toMatchObject({ state: "completed" });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  it("begins nothing new when its message is due: the rest goes by it", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    await send(inRequest({ safetyMs: 0 }), tenantId);
    const due = () =>
      rig.queues.waiting().map(({ queue, visibleAt }) => [queue, visibleAt <= Date.now()]);
    await expect.poll(due, { timeout: 5_000 }).toEqual([[queueNames.notificationPlan, true]]);
    await rig.drain();
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 5, doubled: 0 });
  });

  it("is one too after somebody has approved it, and as a retry", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 3 });
    const deps = inRequest();
    const { notificationId } = await send(inRequest({ devices: -1 }), tenantId);
    rig.queues.lose();
    // As a verdict leaves it: released, and not begun.
    const subject = { kind: "notification", id: notificationId, summary: "" } as const;
    const approval = { tenantId, subject, state: "approved" } as Approval;
    await settleHeld(deps, approval);
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 3 });
    await rig.drain();

    const failing = await rig.tenant({ ...onlyIntuneWindows, devices: 3 });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId: failing, failRate: 1 });
    const { notificationId: first } = await send(deps, failing);
    await rig.drain();
    const body = RetryRequest.parse({ only: ["failed"] });
    const ids = { tenantId: failing, notificationId: first };
    await retryNotification(deps, ids, newestFirstId(Date.now()), body);
    expect(await rig.ledger(failing)).toMatchObject({ total: 6 });
    rig.queues.lose();
  });
});

describe("a large notification", () => {
  it("goes by its message, at once", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 1_001 });
    const { state } = await send(inRequest(), tenantId);
    expect(state).toBe("planning");
    expect(waitingIn()).toEqual([queueNames.notificationPlan]);
    expect(rig.queues.waiting()[0]?.visibleAt).toBeLessThanOrEqual(Date.now());
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 0 });
    rig.queues.lose();
  });
});

describe("a worker that dies inside the request", () => {
  const devices = 4;

  /** Sends, with a death on the way, until the caller has an answer; then whoever is left goes on. */
  async function run(death?: Death) {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
    const id = newestFirstId(Date.now());
    rig.faults.reset();
    if (death) rig.faults.arm(death);
    const died = await send(inRequest(), tenantId, {}, id).then(
      () => false,
      (error: unknown) => error instanceof Killed,
    );
    const calls = [...rig.faults.calls()];
    rig.faults.revive();
    // Nobody got an answer, so the caller asks again, as callers do.
    if (died) await send(inRequest(), tenantId, {}, id);
    await rig.drain();
    if (!(await rig.view(tenantId, id)).final) {
      // It died between the row and the message, as it could before.
      await sleep(1_100);
      await sweepNotifications(servicesFor(rig, tenantId).notify);
      await rig.drain();
    }
    const { state, counts } = await rig.view(tenantId, id);
    const { total, doubled } = await rig.ledger(tenantId);
    return { calls, end: { state, done: "done" in counts && counts.done, total: total - doubled } };
  }

  it("costs nothing: every device is reached", async () => {
    const { calls, end } = await run();
    const whole = { state: "completed", done: devices, total: devices };
    expect(end).toEqual(whole);
    expect(calls.some((call) => call.startsWith("graph.POST"))).toBe(true);
    for (let atCall = 1; atCall <= calls.length; atCall += inject("oneCaseIn"))
      for (const when of ["before", "after"] as const) {
        const disturbed = await run({ atCall, when });
        expect(disturbed.end, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toEqual(whole);
      }
  }, 180_000);
});
