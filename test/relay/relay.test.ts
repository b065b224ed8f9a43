/** The relay between a real Muster and a site: outcomes, mixed routes, sizes, misbehaviour. */
import { QueueSASPermissions } from "@azure/storage-queue";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Rig, startRig } from "./support/rig.ts";
import { until } from "./support/site.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const policy = { action: "downloadComputerPolicy" };

test("a device that only ConfigMgr knows gets its action through the relay", async () => {
  const site = await rig.tenant({ devices: 1 });
  const relay = await site.known();
  const [device] = await site.devices();
  expect(device).toMatchObject({ source: "configMgr", siteCode: "P01" });
  expect(await site.ended(await site.send(policy))).toMatchObject({
    state: "completed",
    counts: { total: 1, done: 1 },
  });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 1, doubled: 0 });
  expect(await relay.stop()).toBe(0);
});

test("a SAS for nothing but the site's queue is enough", async () => {
  const site = await rig.tenant({ devices: 1 });
  const permissions = QueueSASPermissions.parse("up");
  const expiresOn = new Date(Date.now() + 3_600_000);
  const sas = site.queue.generateSasUrl({ permissions, expiresOn });
  await site.known({ RELAY_QUEUE_URL: sas, RELAY_STORAGE_CONNECTION: "" });
  expect((await site.ended(await site.send(policy))).counts).toMatchObject({ done: 1 });
});

test("a SAS that has run out is trouble, told without its signature, and the next one goes on", async () => {
  const site = await rig.tenant({ devices: 1 });
  const permissions = QueueSASPermissions.parse("up");
  const sas = (ms: number): string =>
    site.queue.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + ms) });
  const old = sas(-60_000);
  const relay = site.relay({ RELAY_QUEUE_URL: old, RELAY_STORAGE_CONNECTION: "" });
  const { why } = await relay.saw("relay.failure");
  expect(why).toMatch(/^the queue answers 403\b/);
  const signature = new URL(old).searchParams.get("sig") ?? "";
  await relay.stop();
  expect(JSON.stringify(relay.lines())).not.toContain(encodeURIComponent(signature));
  await site.known({ RELAY_QUEUE_URL: sas(3_600_000), RELAY_STORAGE_CONNECTION: "" });
  expect((await site.ended(await site.send(policy))).counts).toMatchObject({ done: 1 });
});

test("a message that is none of Muster's is told and removed", async () => {
  const site = await rig.tenant({ devices: 1 });
  await site.queue.createIfNotExists();
  await site.queue.sendMessage("not ours");
  const relay = await site.known();
  await relay.saw("message.unreadable");
  const left = async () => (await site.queue.getProperties()).approximateMessagesCount;
  await expect.poll(left, { timeout: 15_000 }).toBe(0);
});

test("one notification reaches a co-managed, an Intune-only and a ConfigMgr-only device, each its way", async () => {
  const mix = { windows: 1, intuneOnly: 1, coManaged: 1, configMgrOnly: 1 };
  const site = await rig.tenant({ devices: 3, mix });
  await site.known();
  const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
  const path = `/tenants/${site.tenantId}/collections`;
  const { body: collection } = await rig.muster.call("POST", path, {
    kind: "rule",
    name: "All Windows",
    rule,
  });
  const { collectionId } = collection;
  const target = { kind: "collection", collectionId };
  const notification = await site.send({ action: "restart", target });
  expect(await site.ended(notification)).toMatchObject({
    state: "completed",
    counts: { total: 3, done: 3 },
  });
  const agents = new Map(
    (await site.devices()).map((each) => [each.deviceId, each.managementAgent]),
  );
  const routes = (await site.deliveries(notification)).map(({ deviceId, route }) => [
    agents.get(deviceId),
    route,
  ]);
  expect(Object.fromEntries(routes)).toEqual({
    configurationManagerClient: "adminService",
    // The gentle restart, with ConfigMgr's warning to the user.
    configurationManagerClientMdm: "adminService",
    mdm: "intune",
  });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 2, doubled: 0 });
  expect(await site.ledger("rebootNow")).toMatchObject({ total: 1, doubled: 0 });
});

test("a co-managed device that no relay has reported is not restarted without warning", async () => {
  const site = await rig.tenant({ devices: 1, mix: { windows: 1, coManaged: 1 } });
  await rig.muster.call("POST", `/tenants/${site.tenantId}/devices/refresh`);
  await until(async () => (await site.devices()).length === 1);
  const notification = await site.send({ action: "restart" });
  expect((await site.ended(notification)).counts).toMatchObject({ total: 1, notSupported: 1 });
  expect((await site.deliveries(notification))[0]?.code).toBe("approximate-not-allowed");
  expect(await site.ledger("rebootNow")).toMatchObject({ total: 0 });
});

test("a site that counts every device as failed, or as offline, is believed", async () => {
  const site = await rig.tenant();
  await site.known();
  await site.behave({ failRate: 1 });
  expect((await site.ended(await site.send(policy))).counts).toMatchObject({ total: 3, failed: 3 });
  await site.behave({ failRate: 0, offlineRate: 1 });
  // Time enough for a busy machine's relay to claim it: what it has not claimed by then ends as expired.
  const offline = await site.send({ ...policy, expiresAfter: "PT6S" });
  expect((await site.ended(offline)).counts).toMatchObject({ total: 3, offline: 3 });
});

test("counts that leave open which device is which end as unknown, with the counts", async () => {
  const site = await rig.tenant({ devices: 20 });
  await site.known();
  await site.behave({ failRate: 0.5 });
  const notification = await site.send(policy);
  expect((await site.ended(notification)).counts).toMatchObject({ total: 20, unknown: 20 });
  const [delivery] = await site.deliveries(notification);
  expect(delivery?.code).toBe("counts-only");
  expect(delivery?.detail).toMatch(/^the site counts \d+ done, \d+ failed, 0 offline, 0 silent/);
});

test("with one device to an operation every outcome is known", async () => {
  const site = await rig.tenant({ devices: 20 });
  await site.known({ RELAY_DEVICES_PER_OPERATION: "1" });
  await site.behave({ failRate: 0.5 });
  const { counts } = await site.ended(await site.send(policy));
  const traits = await site.traits("clientOperation");
  const failing = traits.filter((each) => each.failing).length;
  expect(failing).toBeGreaterThan(0);
  expect(counts).toMatchObject({ total: 20, failed: failing, done: 20 - failing });
});

test.each([
  { action: "startCMPivot", effect: "sitePivot", parameters: { query: "OS | project Caption" } },
  { action: "runScript", effect: "siteScript", parameters: undefined },
])(
  "$action is asked of each device, and each answer counts",
  async ({ action, effect, parameters }) => {
    const site = await rig.tenant({ devices: 12 });
    await site.known();
    await site.behave({ failRate: 0.3, offlineRate: 0.2 });
    const traits = await site.traits(effect);
    const offline = traits.filter((each) => each.offline).length;
    const failed = traits.filter((each) => each.failing && !each.offline).length;
    const carried = parameters ?? { configMgrScriptId: await site.approvedScript() };
    const body = { action, parameters: carried, expiresAfter: "PT3S" };
    const { counts } = await site.ended(await site.send(body));
    expect(counts).toMatchObject({ total: 12, offline, failed, done: 12 - offline - failed });
    expect(await site.ledger(effect)).toMatchObject({ total: 12, doubled: 0 });
  },
);

test("a script that is not approved is refused, and says so", async () => {
  const site = await rig.tenant({ devices: 1 });
  await site.known();
  const parameters = { configMgrScriptId: "00000000-0000-4000-8000-000000000001" };
  const notification = await site.send({ action: "runScript", parameters });
  expect((await site.ended(notification)).counts).toMatchObject({ failed: 1 });
  expect((await site.deliveries(notification))[0]).toMatchObject({
    code: "site-refused",
    detail: "the site answers 404: There is no such script.",
  });
});

test("1,200 devices go in three claims of at most 500", async () => {
  const site = await rig.tenant({ devices: 1200 });
  const relay = await site.known();
  const notification = await site.send(policy);
  expect((await site.ended(notification)).counts).toMatchObject({ total: 1200, done: 1200 });
  const claims = relay.lines().filter(({ event }) => event === "claim.take");
  const sizes = claims.map(({ devices }) => Number(devices)).toSorted((a, b) => a - b);
  expect(sizes).toHaveLength(3);
  expect(sizes.at(-1)).toBeLessThanOrEqual(500);
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 1200, doubled: 0 });
});

test("a site that fails, cuts and dawdles gets every device's action exactly once", async () => {
  const site = await rig.tenant({ devices: 40 });
  await site.known({ RELAY_DEVICES_PER_OPERATION: "4" });
  await site.behave({ errorRate: 0.15, cutRate: 0.3, slowRate: 0.2, slowMs: 300, seed: 7 });
  const notification = await site.send({ action: "restart" });
  expect((await site.ended(notification)).counts).toMatchObject({ total: 40, done: 40 });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 40, doubled: 0 });
}, 60_000);

test("what happened while Muster was away is told when it is back", async () => {
  const site = await rig.tenant();
  const relay = await site.known();
  await site.behave({ slowRate: 1, slowMs: 800 });
  const notification = await site.send(policy);
  await relay.saw("claim.take");
  rig.muster.refuseWith(503);
  await site.behave({ slowRate: 0 });
  await relay.saw("muster.failure");
  rig.muster.refuseWith(undefined);
  expect((await site.ended(notification)).counts).toMatchObject({ total: 3, done: 3 });
});

test("a second relay with the same journal does not start", async () => {
  const site = await rig.tenant({ devices: 1 });
  await site.known();
  const second = site.relay();
  await second.stop();
  expect(second.lines()).toEqual([]);
});
