/** The timer that looks after refreshes, on real storage with queues that lose messages. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { sweepRefreshesFunction } from "../../../functions/devices/sweep-refreshes.timer.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { servicesFor } from "../../shared/notifications/support/own-work.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const sweep = (tenantId: string): Promise<void> =>
  sweepRefreshesFunction.handle({ services: servicesFor(rig, tenantId), log: () => undefined });
const messagesFor = (tenantId: string): number =>
  rig.queues
    .waiting()
    .filter(
      ({ queue, message }) =>
        queue === queueNames.devicesRefresh && message["tenantId"] === tenantId,
    ).length;

/** A refresh that was started, and whose message is lost. */
async function lostRefresh(): Promise<{ tenantId: string; refreshId: string }> {
  const tenantId = await rig.tenant({ devices: 20 });
  const refreshId = newestFirstId(Date.now());
  await rig.services.refreshes.start(tenantId, refreshId);
  rig.queues.lose();
  return { tenantId, refreshId };
}

it("a refresh whose message is lost is woken when it is silent, and ends", async () => {
  const { tenantId, refreshId } = await lostRefresh();
  await sweep(tenantId);
  expect(messagesFor(tenantId)).toBe(0);
  passTime(60_000);
  await sweep(tenantId);
  expect(messagesFor(tenantId)).toBe(1);
  await rig.drain();
  const stored = await rig.services.refreshes.parts.refreshes.get(tenantId, refreshId);
  expect(stored?.refresh.state).toBe("completed");
  passTime(60_000);
  await sweep(tenantId);
  expect(messagesFor(tenantId)).toBe(0);
});

it("a refresh whose tenant is gone is struck off", async () => {
  const { tenantId, refreshId } = await lostRefresh();
  const { tenantStore: store } = rig.services;
  const stored = await store.get(tenantId);
  await store.remove(tenantId, stored?.etag ?? "");
  passTime(60_000);
  await sweep(tenantId);
  expect(messagesFor(tenantId)).toBe(0);
  const { open } = await rig.services.refreshes.parts.refreshes.listOpen(1000);
  expect(open).not.toContainEqual({ tenantId, refreshId });
});
