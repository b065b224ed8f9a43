/**
 * The relay beside a whole Muster: the built app in the local host, Azurite, the sandbox, and the relay started by its
 * own command.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { controlOf } from "../local/sandbox/support.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { callerOf } from "./support/call-muster.ts";
import { type Proxy, startProxy } from "./support/proxy.ts";
import { npmRunRelay, type RelayProcess } from "./support/relay-process.ts";
import { makeSite, type Site, until, type World } from "./support/site.ts";

let muster: RunningMuster;
let world: World;
/** Between the relays and Muster, and between them and AdminService. */
let doors: { readonly muster: Proxy; readonly site: Proxy };
let homes = "";
const relays: RelayProcess[] = [];

beforeAll(async () => {
  muster = await startMuster();
  const { url, adminToken, sandboxUrl, storageConnection } = muster;
  world = {
    sandboxUrl,
    control: controlOf(sandboxUrl),
    muster: { url, call: callerOf(url, adminToken) },
    token: adminToken,
    storage: storageConnection,
    relays,
  };
  doors = { muster: await startProxy(url), site: await startProxy(sandboxUrl) };
  homes = mkdtempSync(join(tmpdir(), "relays-"));
});
afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.kill()));
  await doors.muster.stop();
  await doors.site.stop();
  await muster.stop();
  rmSync(homes, { recursive: true });
});
beforeEach(() => {
  doors.muster.meddle(() => "pass");
  doors.site.meddle(() => "pass");
});

const mixed = { windows: 1, intuneOnly: 1, coManaged: 1, configMgrOnly: 1 };
const away = (): "never-arrives" => "never-arrives";
const newSite = (plan?: Record<string, unknown>): Promise<Site> =>
  makeSite(world, mkdtempSync(join(homes, "relay-")), plan);

/** The site's relay, as people start it, behind the doors. */
const start = (site: Site, more: Record<string, string> = {}): Promise<RelayProcess> =>
  site.known(
    {
      RELAY_MUSTER_URL: doors.muster.url,
      RELAY_ADMIN_SERVICE_URL: `${doors.site.url}/sites/${site.tenantId}/P01/AdminService`,
      RELAY_LEASE_SECONDS: "6",
      RELAY_TIMEOUT_SECONDS: "2",
      ...more,
    },
    npmRunRelay,
  );

async function expectDoneOnce(site: Site, notification: string, devices: number): Promise<void> {
  expect((await site.ended(notification)).counts).toMatchObject({ total: devices, done: devices });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
}

test("a co-managed, an Intune-only and a ConfigMgr-only device in one collection get their action by the right route in one notification, with one status", async () => {
  const site = await newSite({ mix: mixed });
  await start(site);
  const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
  const { body } = await world.muster.call("POST", `/tenants/${site.tenantId}/collections`, {
    kind: "rule",
    name: "All Windows",
    rule,
  });
  const target = { kind: "collection", collectionId: body["collectionId"] };
  const notification = await site.send({ action: "restart", target });
  expect(await site.ended(notification)).toMatchObject({
    state: "completed",
    counts: { total: 3, done: 3 },
  });
  const agents = new Map(
    (await site.devices()).map(({ deviceId, managementAgent }) => [deviceId, managementAgent]),
  );
  const routes = (await site.deliveries(notification)).map(({ deviceId, route }) => [
    agents.get(deviceId),
    route,
  ]);
  expect(Object.fromEntries(routes)).toEqual({
    configurationManagerClient: "adminService",
    configurationManagerClientMdm: "adminService",
    mdm: "intune",
  });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 2, doubled: 0 });
  expect(await site.ledger("rebootNow")).toMatchObject({ total: 1, doubled: 0 });
}, 60_000);

test("the site's clients are in the directory, and its relay is seen", async () => {
  const site = await newSite({ devices: 4 });
  await start(site);
  const devices = await site.devices();
  expect(devices).toHaveLength(4);
  for (const device of devices)
    expect(device).toMatchObject({
      source: "configMgr",
      siteCode: "P01",
      configMgrResourceId: expect.any(Number),
    });
  const { body } = await world.muster.call("GET", `/tenants/${site.tenantId}/sites`);
  expect(body["value"]).toMatchObject([
    { siteCode: "P01", devices: 4, relaySeenAt: expect.any(String) },
  ]);
}, 60_000);

describe("nothing is doubled and nothing is lost", () => {
  test("when the relay is killed while it works, and started again", async () => {
    const site = await newSite({ devices: 12 });
    const relay = await start(site, { RELAY_DEVICES_PER_OPERATION: "3" });
    await site.behave({ slowRate: 1, slowMs: 700 });
    const notification = await site.send({ action: "restart" });
    await until(async () => (await site.ledger("clientOperation")).total > 3);
    await relay.kill();
    await site.behave({ slowRate: 0 });
    await start(site, { RELAY_DEVICES_PER_OPERATION: "3" });
    await expectDoneOnce(site, notification, 12);
  }, 60_000);

  test("when the functions are killed while it works", async () => {
    const site = await newSite({ devices: 12 });
    await start(site, { RELAY_DEVICES_PER_OPERATION: "3" });
    await site.behave({ slowRate: 1, slowMs: 300 });
    const notification = await site.send({ action: "restart" });
    await until(async () => (await site.ledger("clientOperation")).total > 3);
    process.kill(muster.current().hostPid, "SIGKILL");
    await site.behave({ slowRate: 0 });
    await expectDoneOnce(site, notification, 12);
  }, 60_000);

  test("when Muster is away for a while", async () => {
    const site = await newSite();
    const relay = await start(site);
    await site.behave({ slowRate: 1, slowMs: 1_000 });
    const notification = await site.send({ action: "restart" });
    await relay.saw("claim.take");
    doors.muster.meddle(away);
    await relay.saw("muster.failure");
    await site.behave({ slowRate: 0 });
    doors.muster.meddle(() => "pass");
    await expectDoneOnce(site, notification, 3);
  }, 60_000);

  test("when AdminService is away for a while", async () => {
    const site = await newSite();
    const relay = await start(site);
    doors.site.meddle(away);
    const notification = await site.send({ action: "restart" });
    await relay.saw("site.unreadable");
    // Nothing is claimed for a site that cannot be read: it can still be cancelled.
    expect(relay.lines().map(({ event }) => event)).not.toContain("claim.take");
    doors.site.meddle(() => "pass");
    await expectDoneOnce(site, notification, 3);
  }, 60_000);
});

test("work whose time ended while the relay was away is retired", async () => {
  const site = await newSite();
  const relay = await start(site);
  await relay.kill();
  const notification = await site.send({ action: "restart", expiresAfter: "PT2S" });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await start(site);
  expect((await site.ended(notification)).counts).toMatchObject({ total: 3, expired: 3 });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 0 });
}, 60_000);

describe.skipIf(process.platform === "win32")("as a terminal ends it", () => {
  test.each([
    ["SIGINT", 0],
    ["SIGTERM", 0],
    // npm itself takes this one for its end, and leaves the relay to itself.
    ["SIGHUP", null],
  ] as const)(
    "%s lets the call under way end, and leaves the rest to the next relay",
    async (signal, code) => {
      const site = await newSite({ devices: 6 });
      const relay = await start(site, { RELAY_DEVICES_PER_OPERATION: "2" });
      await site.behave({ slowRate: 1, slowMs: 500 });
      const notification = await site.send({ action: "restart" });
      await until(async () => (await site.ledger("clientOperation")).total > 0);
      expect(await relay.signalGroup(signal)).toBe(code);
      expect(relay.lines().at(-1)).toMatchObject({ event: "relay.stop", claims: 1 });
      expect((await site.ledger("clientOperation")).total).toBeLessThan(6);
      await site.behave({ slowRate: 0 });
      const next = await start(site, { RELAY_DEVICES_PER_OPERATION: "2" });
      await expectDoneOnce(site, notification, 6);
      // Its call had ended, so nobody had to look.
      expect(next.lines().map(({ event }) => event)).not.toContain("operation.read-back");
    },
    60_000,
  );
});

test("a wrong token is one line and exit code 1", async () => {
  const site = await newSite();
  const relay = site.relay({ RELAY_MUSTER_TOKEN: "not-the-token" }, npmRunRelay);
  expect(await relay.exit).toBe(1);
  expect(relay.lines()).toEqual([]);
  // npm may have words of its own, about its configuration.
  expect(relay.errors().replaceAll(/^npm .*\n/gm, "")).toMatch(
    /^The relay does not start\. Muster answers 401 unauthenticated: [^\n]+\n$/,
  );
}, 60_000);
