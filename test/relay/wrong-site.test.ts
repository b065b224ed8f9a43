/** AdminService of another site: there, the same resource ids are other people's devices. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy } from "./support/proxy.ts";
import { type Rig, startRig } from "./support/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

test("a relay whose AdminService belongs to another site hands nothing in and starts nothing", async () => {
  const site = await rig.tenant();
  const relay = site.relay({ RELAY_SITE_CODE: "P02" });
  expect(await relay.saw("site.unreadable")).toMatchObject({
    why: "this AdminService is of P01, not of P02",
  });
  expect(await site.devices()).toEqual([]);
  await relay.stop();
});

test("work that waits is left alone when AdminService has become another site's", async () => {
  const site = await rig.tenant();
  await (await site.known()).stop();
  const notification = await site.send({ action: "restart", expiresAfter: "PT10M" });
  const door = await startProxy(rig.sandbox.url);
  const others = JSON.stringify({ value: [{ SiteCode: "P02" }] });
  door.meddle(({ path }) => (path.includes("SMS_Site") ? { status: 200, body: others } : "pass"));
  const url = `${door.url}/sites/${site.tenantId}/P01/AdminService`;
  const relay = site.relay({ RELAY_ADMIN_SERVICE_URL: url });
  await relay.saw("site.unreadable");
  expect((await site.status(notification)).counts).toMatchObject({ total: 3, waiting: 3 });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 0 });
  await relay.stop();
  await door.stop();
});

test("an account that may not see its site is let go on, and told so", async () => {
  const site = await rig.tenant();
  const door = await startProxy(rig.sandbox.url);
  door.meddle(({ path }) => (path.includes("SMS_Site") ? { status: 403, body: "{}" } : "pass"));
  const url = `${door.url}/sites/${site.tenantId}/P01/AdminService`;
  const relay = await site.known({ RELAY_ADMIN_SERVICE_URL: url });
  expect(await relay.saw("site.unseen")).toMatchObject({ siteCode: "P01" });
  await relay.stop();
  await door.stop();
});

test("a site that suddenly shows a tenth of its systems is told to its operator, and taken once they confirm it", async () => {
  const site = await rig.tenant();
  const inventory = `/tenants/${site.tenantId}/sites/P01/inventories/${randomUUID()}`;
  const devices = Array.from({ length: 200 }, (_, at) => ({
    resourceId: at + 1,
    name: `PC-${at}`,
  }));
  await rig.muster.call("PUT", `${inventory}/parts/0`, { devices });
  await rig.muster.call("POST", `${inventory}/complete`, { parts: 1 });
  const relay = site.relay();
  const held = await relay.saw("muster.failure");
  expect(held["why"]).toContain("confirmDevices=3");
  await relay.stop();
  const started = site.relay({}, [process.execPath, "relay/main.ts", "--confirm-devices=3"]);
  expect(await started.saw("inventory.hand-in")).toMatchObject({ devices: 3 });
  await started.stop();
});

test.each(["--confirm-devices=few", "--confirm-devices=-1", "--confirm"])(
  "a relay does not start with %s, and says so",
  async (option) => {
    const site = await rig.tenant();
    const relay = site.relay({}, [process.execPath, "relay/main.ts", option]);
    expect(await relay.exit).toBe(1);
    expect(relay.errors()).toContain("confirm");
    expect(relay.lines()).toEqual([]);
  },
);
