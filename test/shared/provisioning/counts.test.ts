/** What a large run costs in storage requests, counted at the seam around every call that leaves the process. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { action, type RunCalls, runCalls } from "../../functions/provisioning/support/run-calls.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  // Nothing is taken for lost while a slow machine is at it.
  rig = await startNotifyRig(undefined, undefined, () => ({ claimMs: 300_000 }));
  api = runCalls(rig);
});
afterAll(() => rig.stop());

/** Six, none of which waits for anything but its answer. */
const six = [
  "endpointProtectionDownloadDefinition",
  "endpointProtectionQuickScan",
  "endpointProtectionFullScan",
  "endpointProtectionDownloadDefinition",
  "endpointProtectionQuickScan",
  "endpointProtectionFullScan",
].map((type, at) => action(`a${at + 1}`, type));

it("takes 2,000 devices through six actions for 0.03 storage requests for each device and action", async () => {
  const devices = 2_000;
  const tenantId = await api.tenantOf(devices);
  const templateId = await api.template(six);
  rig.faults.reset();
  const run = await api.start(tenantId, { templateId });
  await rig.drain();
  const calls = rig.faults.calls();
  expect(await api.read(run)).toMatchObject({ buckets: { successful: devices } });
  const { total } = await rig.ledger(tenantId);
  expect(total, "each was asked for each").toBe(devices * six.length);
  const ours = calls.filter((call) => !call.startsWith("graph."));
  // Each message is received and deleted, too.
  const storage = ours.length + 2 * ours.filter((call) => call.startsWith("queue.send")).length;
  expect(storage / devices / six.length).toBeLessThanOrEqual(0.03);
}, 300_000);
