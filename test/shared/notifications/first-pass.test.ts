/** Small notifications are planned and sent inside their request, and a worker that dies there costs nothing. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Approval } from "../../../shared/access/approvals/approval.ts";
import { RemoteActionAudits } from "../../../shared/devices/actions/audits.ts";
import { settleGate } from "../../../shared/fanout/care/approval-gate.ts";
import { sweep } from "../../../shared/fanout/care/sweep.ts";
import type { Engine } from "../../../shared/fanout/engine/engine.ts";
import type { JobKind } from "../../../shared/fanout/kind.ts";
import { type JobStore, ReadBackMessage } from "../../../shared/fanout/state/job.ts";
import { GraphClient } from "../../../shared/graph/client.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { NewNotification, RetryRequest } from "../../../shared/notifications/contract.ts";
import { dryRun } from "../../../shared/notifications/dry-run.ts";
import type { NotificationParts } from "../../../shared/notifications/kind.ts";
import {
  retryNotification,
  sendNotification,
} from "../../../shared/notifications/send-notification.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyCoManaged, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type Death, deaths, Killed } from "../../support/fault-tap.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { kindOver } from "./support/arbitrary-delivery.ts";
import { servicesFor } from "./support/own-work.ts";
import { packedOf, setPace } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

/** Notifications that wait for Graph as long as a busy machine may take: the rig's time is for a request or two. */
function patientKind(): NotificationParts["kind"] {
  const { engine, jobs, directory } = rig.services.notify;
  const { clock, items: deliveries } = engine;
  const graph = new GraphClient({
    baseUrl: rig.sandbox.graphUrl,
    token: async (tenantId) => String((await rig.sandbox.token(tenantId)).body["access_token"]),
    clock,
    intercept: rig.faults.tap,
    timeoutMs: 10_000,
  });
  const audits = new RemoteActionAudits(graph, clock, engine.times.readBackAfterMs / 2);
  return kindOver({ graph, audits, directory, targets: jobs, deliveries });
}

/** The rig's services as they are outside of tests, with times to match. */
const inRequest = (more: Partial<Engine["firstPass"]> = {}): NotificationParts => {
  const { notify, engine } = rig.services;
  // On a busy machine the rig's claims would be over before the first request may leave.
  const times = { ...engine.times, claimMs: 60_000 };
  // After its safety time a pass begins nothing new: a short one would make the machine decide who is reached.
  const firstPass = { targets: 1_000, boxMs: 20_000, safetyMs: 10_000, ...more };
  const kind = { ...patientKind(), gate: notify.kind.gate };
  const entry = { kind: kind as unknown as JobKind, jobs: notify.jobs as unknown as JobStore };
  const kinds = new Map([[kind.id, entry]]);
  return { ...notify, kind, engine: { ...engine, kinds, times, firstPass } };
};

const scan = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };

/** Sends; answers the id. */
async function send(deps: NotificationParts, tenantId: string, body: object = {}, id?: string) {
  const seed = id ?? newestFirstId(Date.now());
  const parsed = NewNotification.parse({ expiresAfter: "PT60S", ...scan, ...body });
  const sent = await sendNotification(deps, tenantId, seed, parsed);
  if (!sent.ok) throw new Error(sent.failure.detail);
  const { jobId: notificationId, state } = sent.value;
  return { notificationId, state };
}

/** Lets the time come of the message that goes on where a worker died. */
function hastenPlanning(): void {
  const waiting = rig.queues.waiting();
  rig.queues.lose();
  for (const each of waiting)
    rig.queues.put(each.queue === queueNames.fanoutPlan ? { ...each, visibleAt: 0 } : each);
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
      expect(new Set(waitingIn())).toEqual(new Set([queueNames.fanoutReadBack]));
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
    // Four fewer; none, where the machine is so busy that reading back is due before its message would be sent.
    expect(mine?.storage).toBeLessThanOrEqual(byMessages?.storage ?? 0);
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
    const began = Date.now();
    const { notificationId } = await send(inRequest(), tenantId, {
      action: "downloadComputerPolicy",
    });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 20 });
    const [rest] = rig.queues.waiting();
    expect(rest).toMatchObject({
      queue: queueNames.fanoutReadBack,
      message: { jobId: notificationId, sending: { reserved: 40 } },
    });
    const { v: _, ...message } = rest?.message ?? {};
    expect(ReadBackMessage.parse(message).sending?.at).toBeGreaterThan(began);
    rig.queues.lose();
  });

  it("waits as long as Graph says, by a message", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, throttleRate: 1 });
    await send(inRequest(), tenantId);
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 0 });
    expect(waitingIn()).toEqual([queueNames.fanoutDispatch]);
    rig.queues.lose();
  });

  it("is answered when its time is over, and what is under way comes to its end all the same", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 1 });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs: 250 });
    const { notificationId } = await send(inRequest({ boxMs: 60, safetyMs: 60_000 }), tenantId);
    expect(await packedOf(rig, notificationId)).not.toMatchObject([{ state: "sent" }]);
    await expect.poll(() => waitingIn(), { timeout: 5_000 }).toEqual([queueNames.fanoutReadBack]);
    await rig.drain();
    expect(await rig.view(tenantId, notificationId)).toMatchObject({ state: "completed" });
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 1, doubled: 0 });
  });

  it("begins nothing new when its message is due: the rest goes by it", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    await send(inRequest({ safetyMs: 0 }), tenantId);
    const due = () =>
      rig.queues.waiting().map(({ queue, visibleAt }) => [queue, visibleAt <= Date.now()]);
    await expect.poll(due, { timeout: 5_000 }).toEqual([[queueNames.fanoutPlan, true]]);
    await rig.drain();
    expect(await rig.ledger(tenantId)).toMatchObject({ total: 5, doubled: 0 });
  });

  it("is one too after somebody has approved it, and as a retry", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 3 });
    const deps = inRequest();
    const { notificationId } = await send(inRequest({ targets: -1 }), tenantId);
    rig.queues.lose();
    // As a verdict leaves it: released, and not begun.
    const subject = { kind: "notification", id: notificationId, summary: "" } as const;
    const approval = { tenantId, subject, state: "approved" } as Approval;
    await settleGate(deps, approval);
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
    expect(waitingIn()).toEqual([queueNames.fanoutPlan]);
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
    hastenPlanning();
    await rig.drain();
    if (!(await rig.view(tenantId, id)).final) {
      // It died between the row and the message, as it could before.
      passTime(1_100);
      const { engine, sweepGate } = servicesFor(rig, tenantId);
      await sweep(engine, sweepGate);
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
    for (const { atCall, when } of deaths(calls.length, inject("oneCaseIn"))) {
      const disturbed = await run({ atCall, when });
      expect(disturbed.end, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toEqual(whole);
    }
  }, 180_000);
});
