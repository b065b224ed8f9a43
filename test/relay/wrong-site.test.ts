/** AdminService of another site: there, the same resource ids are other people's devices. */
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
