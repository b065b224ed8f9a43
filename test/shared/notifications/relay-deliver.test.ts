/** Deliveries that a relay carries, on real storage: told, claimed, reported, forgotten, cancelled. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { siteQueueName } from "../../../shared/configmgr/site.ts";
import { sweep } from "../../../shared/fanout/care/sweep.ts";
import { dispatch } from "../../../shared/fanout/engine/dispatch.ts";
import { readBack } from "../../../shared/fanout/engine/read-back.ts";
import { ChunkMessage } from "../../../shared/fanout/state/job.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { type NotificationParts, notificationShape } from "../../../shared/notifications/kind.ts";
import { claimForSite } from "../../../shared/notifications/relay/claim.ts";
import type {
  ClaimRequest,
  ClaimView,
  RelayOutcome,
} from "../../../shared/notifications/relay/contract.ts";
import { relayCarrier } from "../../../shared/notifications/relay/relay-carrier.ts";
import { takeReport } from "../../../shared/notifications/relay/report.ts";
import { changeNotification } from "../../../shared/notifications/send-notification.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { servicesFor } from "./support/own-work.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

type Errand = Omit<ClaimRequest, "relayId" | "mark">;

/** The site's highest operation number when the first claim is made. */
const mark = 16_777_300;
const { graceMs, tellAgainMs } = relayCarrier({
  directory: undefined as never,
  queues: undefined as never,
});
const clients = 30;
const intuneOnly = 10;
let tenantId = "";
/** Messages that sites were sent. */
let told: Errand[] = [];

beforeEach(async () => {
  await work();
  const mix = { windows: 1, intuneOnly: 1 };
  tenantId = await rig.tenant({ devices: intuneOnly, mix });
  told = [];
  const of = { tenantId, siteCode: "P01", inventoryId: randomUUID() };
  const devices = Array.from({ length: clients }, (_, at) => ({
    resourceId: at + 1,
    name: `PC-${at}`,
    operatingSystem: "Microsoft Windows NT Workstation 10.0",
  }));
  await rig.services.sites.putPart(of, 0, devices);
  await rig.services.refreshes.completeInventory(of, 1, newestFirstId(Date.now()));
  await work();
});

/** Handles messages until none is left; those for sites are kept apart. */
async function work(): Promise<void> {
  for (let next = await rig.queues.take(); next !== undefined; next = await rig.queues.take()) {
    // Sites of earlier tests may be told again, too.
    const queue: string = next.queue;
    if (queue === siteQueueName(tenantId, "P01")) told.push(next.message as ClaimRequest);
    else if (!queue.startsWith("site-")) await rig.handle(next);
  }
}

/** The same app, so much later; its sweeper leaves the work of other test files alone. */
function later(ms: number): NotificationParts {
  const { notify, engine } = servicesFor(rig, tenantId);
  return { ...notify, engine: { ...engine, clock: { now: () => Date.now() + ms } } };
}

const sweepLater = (ms: number) => sweep(later(ms).engine, rig.services.sweepGate);

async function claim(
  errand: Errand | undefined,
  parts: NotificationParts = rig.services.notify,
  at: number = mark,
) {
  const { notificationId = "", from = "", to = "" } = errand ?? {};
  const given = await claimForSite(
    parts,
    { tenantId, siteCode: "P01" },
    { notificationId, from, to, mark: at },
  );
  if (!given.ok) throw new Error(given.failure.detail);
  return given.value;
}

async function report(
  given: ClaimView | undefined,
  outcome: RelayOutcome,
  claimId = given?.claimId,
) {
  const { notificationId = "", devices = [] } = given ?? {};
  const results = devices.map(({ deviceId }) => ({ deviceId, outcome }));
  const done = await takeReport(rig.services.notify, tenantId, {
    notificationId,
    claimId: claimId ?? "",
    results,
  });
  return done.ok ? done.value.taken : done.failure.code;
}

test("the site is told once, Graph's devices go their way, and one status ends both", async () => {
  const id = await rig.send(tenantId);
  await work();
  expect(told).toHaveLength(1);
  expect((await rig.view(tenantId, id)).counts).toMatchObject({
    waiting: clients,
    done: intuneOnly,
  });
  expect((await rig.view(tenantId, id)).state).toBe("running");
  const given = await claim(told[0]);
  expect(given?.devices).toHaveLength(clients);
  expect(await report(given, "accepted")).toBe(clients);
  expect((await rig.view(tenantId, id)).counts).toMatchObject({ sent: clients });
  await report(given, "done");
  expect(await rig.view(tenantId, id)).toMatchObject({
    state: "completed",
    counts: { total: clients + intuneOnly, done: clients + intuneOnly },
  });
});

describe("a claim", () => {
  test("made twice at once is one claim", async () => {
    await rig.send(tenantId);
    await work();
    const [one, other] = await Promise.all([claim(told[0]), claim(told[0])]);
    expect(one?.claimId).toBe(other?.claimId);
    expect(new Set([one?.again, other?.again])).toEqual(new Set([false, true]));
    expect(other?.devices).toEqual(one?.devices);
  });

  test("asked for again says where the site stood when it was first made", async () => {
    await rig.send(tenantId);
    await work();
    expect((await claim(told[0]))?.mark).toBe(mark);
    expect(await claim(told[0], rig.services.notify, mark + 50)).toMatchObject({
      again: true,
      mark,
    });
  });

  test("is over with its report, and nothing waits any more", async () => {
    await rig.send(tenantId);
    await work();
    await report(await claim(told[0]), "accepted");
    expect(await claim(told[0])).toBeUndefined();
  });

  test("takes nothing for a tenant that is paused, and what waits says so", async () => {
    const id = await rig.send(tenantId);
    await work();
    const { notify } = rig.services;
    const rest = { code: "tenant-paused", detail: "not now" } as const;
    const engine = { ...notify.engine, rests: () => Promise.resolve(rest) };
    expect(await claim(told[0], { ...notify, engine })).toBeUndefined();
    const [row] = await engine.items.page(id, { top: 1 });
    expect(row?.items.map(({ state, code }) => [state, code])).toContainEqual([
      "waiting",
      "tenant-paused",
    ]);
  });

  test("of another site finds nothing", async () => {
    await rig.send(tenantId);
    await work();
    const { notificationId = "", from = "", to = "" } = told[0] ?? {};
    const errand = { notificationId, from, to, mark };
    const other = { tenantId, siteCode: "P02" };
    expect(await claimForSite(rig.services.notify, other, errand)).toEqual({ ok: true });
  });

  test("given back for later can be claimed again, under another id", async () => {
    await rig.send(tenantId);
    await work();
    const first = await claim(told[0]);
    await report(first, "later");
    expect(await claim(told[0])).toBeUndefined();
    const second = await claim(told[0], later(40_000));
    expect(second?.devices).toEqual(first?.devices);
    expect(second?.claimId).not.toBe(first?.claimId);
    // The first claim's word does not count any more.
    expect(await report(second, "done", first?.claimId)).toBe(0);
  });
});

describe("a site that does not answer", () => {
  test("is told again of what waits, and of what it claimed", async () => {
    await rig.send(tenantId, { expiresAfter: "PT2H" });
    await work();
    await sweepLater(tellAgainMs / 2);
    await work();
    expect(told).toHaveLength(1);
    await sweepLater(tellAgainMs + 60_000);
    await work();
    expect(told).toHaveLength(2);
    const given = await claim(told[1]);
    await sweepLater(2 * tellAgainMs + 60_000);
    await work();
    expect(told).toHaveLength(3);
    expect((await claim(told[2]))?.claimId).toBe(given?.claimId);
  });

  test.each(["claimed", "accepted"] as const)("ends as unknown when it was %s", async (stage) => {
    const id = await rig.send(tenantId, { expiresAfter: "PT60S" });
    await work();
    const given = await claim(told[0]);
    if (stage === "accepted") await report(given, "accepted");
    const { notificationId: jobId, from, to } = told[0] ?? {};
    const ids = { kind: notificationShape.id, tenantId, jobId };
    const chunk = ChunkMessage.parse({ ...ids, from, to });
    const before = later(60_000 + graceMs - 5_000).engine;
    await dispatch(before, chunk);
    await readBack(before, { ...chunk, round: 0 });
    expect((await rig.view(tenantId, id)).state).toBe("running");
    const after = later(60_000 + graceMs + 5_000).engine;
    await dispatch(after, chunk);
    await readBack(after, { ...chunk, round: 0 });
    expect(await rig.view(tenantId, id)).toMatchObject({
      state: "partlyCompleted",
      counts: { unknown: clients, done: intuneOnly },
    });
    // Truth that comes even later still counts, and the kept counts follow it.
    expect(await report(given, "done")).toBe(clients);
    expect(await rig.view(tenantId, id)).toMatchObject({
      state: "completed",
      counts: { done: clients + intuneOnly },
    });
  });
});

test("a cancelled notification's waiting devices are not given out; claimed ones are followed", async () => {
  const id = await rig.send(tenantId);
  await work();
  const given = await claim(told[0]);
  const other = await rig.send(tenantId);
  await work();
  await changeNotification(rig.services.notify, { tenantId, notificationId: id }, "cancel");
  await changeNotification(rig.services.notify, { tenantId, notificationId: other }, "cancel");
  await work();
  expect(await claim(told[1])).toBeUndefined();
  expect((await rig.view(tenantId, other)).counts).toMatchObject({ cancelled: clients });
  await report(given, "done");
  expect(await rig.view(tenantId, id)).toMatchObject({
    // The cancellation came too late for all of them: it has cancelled nothing.
    state: "completed",
    counts: { done: clients + intuneOnly, cancelled: 0 },
  });
});
