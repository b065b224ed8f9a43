/**
 * Kills the worker once at every call that leaves the process while it answers a relay, before and after the far side has
 * done it. The relay asks again, as it does; the end is that of an undisturbed run, under one claim.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Result } from "../../../shared/kernel/failure.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import type { SiteIds } from "../../../shared/notifications/relay/claim.ts";
import type { ClaimView, RelayOutcome } from "../../../shared/notifications/relay/contract.ts";
import { claimUnderLease, leaseSite } from "../../../shared/notifications/relay/lease.ts";
import { takeReport } from "../../../shared/notifications/relay/report.ts";
import { deaths, Killed } from "../../support/fault-tap.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import type { Waiting } from "../../support/test-queues.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const clients = 12;
const siteCode = "P01";

/** Handles messages until none is left; answers the last one that went to a site. */
async function work(): Promise<Waiting | undefined> {
  let told: Waiting | undefined;
  for (let next = await rig.queues.take(); next !== undefined; next = await rig.queues.take()) {
    const queue: string = next.queue;
    if (queue.startsWith("site-")) told = next;
    else await rig.handle(next);
  }
  return told;
}

/** A tenant whose devices only a site knows. */
async function newTenant(): Promise<string> {
  const tenantId = await rig.tenant({ devices: 1, mix: { windows: 1, intuneOnly: 1 } });
  const of = { tenantId, siteCode, inventoryId: randomUUID() };
  const devices = Array.from({ length: clients }, (_, at) => ({
    resourceId: at + 1,
    name: `PC-${at}`,
    operatingSystem: "Microsoft Windows NT Workstation 10.0",
  }));
  await rig.services.sites.putPart(of, 0, devices);
  await rig.services.refreshes.completeInventory(of, 1, newestFirstId(Date.now()));
  await work();
  return tenantId;
}

/** Asks as a relay does: once more when the worker died, and until Muster has an answer. */
async function ask<T>(what: () => Promise<Result<T>>): Promise<T> {
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      const answer = await what();
      if (answer.ok) return answer.value;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    if (rig.faults.isDead()) rig.faults.revive();
  }
  throw new Error("Muster has no answer");
}

/** Brings one notification to its end by a relay, with one death on the way. */
async function run(
  site: SiteIds & { readonly relayId: string },
  death?: { readonly atCall: number; readonly when: "before" | "after" },
) {
  const { tenantId, relayId } = site;
  const id = await rig.send(tenantId, { action: "collectHardwareInventory" });
  const told = (await work())?.message as { from: string; to: string } | undefined;
  const { from = "", to = "" } = told ?? {};
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  await ask(() => leaseSite(rig.services, site, { relayId, seconds: 60 }));
  const request = { notificationId: id, from, to, relayId, mark: 7 };
  const { notify, leases } = rig.services;
  const claim = () => ask(() => claimUnderLease(notify, leases, site, request));
  const given = await claim();
  const again = await claim();
  await report(tenantId, given, "accepted");
  await report(tenantId, given, "done");
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  await work();
  const { state, counts } = await rig.view(tenantId, id);
  const sameClaim = given?.claimId === again?.claimId;
  return { calls, end: { state, counts, sameClaim, devices: given?.devices.length } };
}

async function report(tenantId: string, claim: ClaimView | undefined, outcome: RelayOutcome) {
  const { notificationId = "", claimId = "", devices = [] } = claim ?? {};
  const results = devices.map(({ deviceId }) => ({ deviceId, outcome }));
  const body = { notificationId, claimId, results };
  await ask(() => takeReport(rig.services.notify, tenantId, body));
}

test("a worker that dies at any call changes nothing about the end", async () => {
  const tenantId = await newTenant();
  const site = { tenantId, siteCode, relayId: randomUUID() };
  const { calls, end } = await run(site);
  expect(end).toMatchObject({
    state: "completed",
    counts: { total: clients + 1, done: clients, notSupported: 1 },
    sameClaim: true,
    devices: clients,
  });
  expect(calls.length).toBeGreaterThan(10);
  for (const { atCall, when } of deaths(calls.length, inject("oneCaseIn"))) {
    const disturbed = await run(site, { atCall, when });
    expect(disturbed.end, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toEqual(end);
  }
}, 120_000);
