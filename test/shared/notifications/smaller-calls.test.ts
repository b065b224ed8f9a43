/** A device that breaks every call that names it among others: it is isolated, and the others are reached. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { onlyCoManaged, onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { deliveriesOf, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

async function endOf(action: string, fleet: object, status: number, devices: number) {
  const tenantId = await rig.tenant({ ...fleet, devices });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, poison: { devices: 1, status } });
  const notificationId = await rig.send(tenantId, { action, expiresAfter: "PT10M" });
  await rig.drain();
  const ends = await tally(rig, tenantId, notificationId);
  const failed = (await deliveriesOf(rig, tenantId, notificationId)).find(
    ({ state }) => state === "failed",
  );
  return { ends, why: failed?.detail, ledger: await rig.ledger(tenantId) };
}

it.each([400, 413, 500, 504])(
  "a bulk scan that one device breaks with %i reaches the 99 others once, and that one says why",
  async (status) => {
    const scan = "endpointProtectionQuickScan";
    const { ends, why, ledger } = await endOf(scan, onlyIntuneWindows, status, 100);
    expect(ends).toEqual({ done: 99, "failed graph-refused": 1 });
    expect(why).toContain("The record of the device is damaged.");
    expect(ledger).toMatchObject({ total: 99, doubled: 0 });
  },
  60_000,
);

it.each([400, 504])(
  "a batch and its looks that one device breaks with %i reach the 19 others once",
  async (status) => {
    const { ends, why, ledger } = await endOf("wakeUp", onlyCoManaged, status, 20);
    expect(ends).toEqual({ done: 19, "failed graph-refused": 1 });
    expect(why).toContain("The record of the device is damaged.");
    expect(ledger).toMatchObject({ total: 19, doubled: 0 });
  },
  60_000,
);

it("a restart that one device breaks without a clear answer is never asked again, smaller neither", async () => {
  const { ends, ledger } = await endOf("restart", onlyIntuneWindows, 504, 8);
  expect(ends).toEqual({ "unknown no-clear-answer": 8 });
  expect(ledger).toMatchObject({ total: 0 });
});
