/** Requests whose answer is lost, on devices that show no results: nothing is done twice, and the end is true. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { RetryRequest } from "../../../shared/notifications/contract.ts";
import { retryNotification } from "../../../shared/notifications/send-notification.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const devices = 12;
const silent = { lostAnswerRate: 1, emptyResultsRate: 1, audits: "empty" };

/** The end of a notification under some behaviour of the far side. */
async function endUnder(behaviour: Record<string, unknown>, action: string, atOnce = devices) {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: atOnce });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, ...behaviour });
  const notificationId = await rig.send(tenantId, { action, expiresAfter: "PT10M" });
  await rig.drain();
  const ends = await tally(rig, tenantId, notificationId);
  return { tenantId, notificationId, ends, ledger: await rig.ledger(tenantId) };
}

it.each([1, devices])(
  "a restart of %i devices without answer or trace leaves once, and a person decides about it",
  async (count) => {
    const { ends, ledger } = await endUnder(silent, "restart", count);
    expect(ends).toEqual({ "unknown no-clear-answer": count });
    expect(ledger).toMatchObject({ total: count, doubled: 0 });
  },
);

it("a scan without answer or trace is tried three times, and then nobody knows", async () => {
  const { ends, ledger } = await endUnder(silent, "endpointProtectionQuickScan");
  expect(ends).toEqual({ "unknown no-clear-answer": devices });
  expect(ledger).toMatchObject({ total: 3 * devices });
});

it("a lost answer whose results show is followed to its end", async () => {
  const { ends, ledger } = await endUnder({ lostAnswerRate: 1 }, "restart");
  expect(ends).toEqual({ done: devices });
  expect(ledger).toMatchObject({ total: devices, doubled: 0 });
});

it("what may have been done is retried only when somebody says that it may be repeated", async () => {
  const { tenantId, notificationId } = await endUnder(silent, "restart");
  const ids = { tenantId, notificationId };
  const retry = (body: object) =>
    retryNotification(rig.services.notify, ids, `retry-${Date.now()}`, RetryRequest.parse(body));
  expect(await retry({ only: ["unknown"] })).toMatchObject({
    ok: false,
    failure: { code: "invalid-request", faults: [{ pointer: "/mayRepeat" }] },
  });
  expect((await retry({})).ok).toBe(false);
  expect((await retry({ only: ["unknown"], mayRepeat: true })).ok).toBe(true);
  rig.queues.lose();
});
