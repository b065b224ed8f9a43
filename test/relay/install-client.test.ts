/** Install client, from the request to what the site shows: for systems that a site has found, without a client. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fate, type Proxy, startProxy } from "./support/proxy.ts";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site, until } from "./support/site.ts";

let rig: Rig;
let door: Proxy;
/** What happens to client push requests of a tenant. */
const fates = new Map<string, Fate>();
beforeAll(async () => {
  rig = await startRig();
  door = await startProxy(rig.sandbox.url);
  door.meddle(({ path }) => {
    const [, tenantId = ""] = /\/sites\/([0-9a-f-]{36})\/.*CreateCCR$/.exec(path) ?? [];
    return fates.get(tenantId) ?? "pass";
  });
});
afterAll(async () => {
  await door.stop();
  await rig.stop();
});

const install = { action: "installClient" };

/** A site that has found two devices and put a client on none, whose relay runs. */
async function foundSite(plan: Record<string, unknown> = {}): Promise<Site> {
  const mix = { windows: 1, discovered: 1 };
  const site = await rig.tenant({ devices: 2, mix, ...plan });
  const url = `${door.url}/sites/${site.tenantId}/P01/AdminService`;
  await site.known({ RELAY_ADMIN_SERVICE_URL: url });
  return site;
}

const pushes = (site: Site) => site.ledger("clientPush");

describe("a client", () => {
  test("is installed through the relay, and until the site lists it nobody says that it is", async () => {
    const site = await foundSite();
    await site.behave({ actMs: [1500, 1500], reportMs: [1500, 1500] });
    const notification = await site.send(install);
    await until(async () => (await site.status(notification)).counts["sent"] === 2);
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        state: "sent",
        route: "adminService",
        code: "push-requested",
        detail: "the site has written the client push request, which is no client yet",
      });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, done: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        state: "done",
        detail: "the site lists a client on it now",
      });
    expect(await pushes(site)).toMatchObject({ total: 2, doubled: 0 });
    // The directory still has the inventory of before: what counts is what the site lists now.
    const again = await site.send(install);
    expect((await site.ended(again)).counts).toMatchObject({ total: 2, notSupported: 2 });
    for (const delivery of await site.deliveries(again))
      expect(delivery).toMatchObject({
        code: "client-installed",
        detail: "the site lists a client on it already, and was not asked",
      });
    expect(await pushes(site)).toMatchObject({ total: 2, doubled: 0 });
  });

  test("that never reports leaves its delivery unknown, and not done", async () => {
    const site = await foundSite();
    await site.behave({ failRate: 1 });
    const notification = await site.send({ ...install, expiresAfter: "PT5S" });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, unknown: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        code: "no-client-yet",
        detail: expect.stringContaining("it may still be trying"),
      });
    expect(await pushes(site)).toMatchObject({ total: 2, doubled: 0 });
  });

  test.each<[string, Fate, string, RegExp, number]>([
    ["whose request had no answer", "answer-lost", "unknown", /did not say whether it wrote/, 2],
    ["whose request never arrived", "never-arrives", "unknown", /did not say whether it wrote/, 0],
    [
      "for which the account lacks the right",
      { status: 404, body: '{"error":{"code":"","message":"Access denied"}}' },
      "failed",
      /404: Access denied/,
      0,
    ],
    [
      "for a system that the site does not know any more",
      { status: 201, body: '{"ReturnValue":1}' },
      "failed",
      /returns 1/,
      0,
    ],
    ["refused by a gateway's page", { status: 404, body: "<html>" }, "unknown", /did not say/, 0],
  ])("%s is asked for once, and its delivery says so", async (_, fate, state, detail, asked) => {
    const site = await foundSite();
    fates.set(site.tenantId, fate);
    const notification = await site.send(install);
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, [state]: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({ state, detail: expect.stringMatching(detail) });
    expect(await pushes(site)).toMatchObject({ total: asked, doubled: 0 });
    const calls = door.calls.filter(
      ({ path }) => path.includes(site.tenantId) && path.endsWith("CreateCCR"),
    );
    expect(calls).toHaveLength(2);
  });
});

describe("a device without a client", () => {
  test("takes nothing else, and is told to get one", async () => {
    const site = await foundSite();
    const [device] = await site.devices();
    expect(device).toMatchObject({ managementAgent: "configMgrDiscovery", configMgrClient: false });
    const notification = await site.send({ action: "restart" });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, notSupported: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        code: "no-route",
        detail: "Restart cannot be sent to devices without a ConfigMgr client: install it first",
      });
  });

  test("stands beside those with one, and only it gets one", async () => {
    const site = await foundSite({ mix: { windows: 1, discovered: 1, configMgrOnly: 1 } });
    const notification = await site.send(install);
    expect((await site.ended(notification)).counts).toMatchObject({ done: 1, notSupported: 1 });
    expect(await pushes(site)).toMatchObject({ total: 1, doubled: 0 });
  });
});
