/**
 * What a site costs in requests, counted on the way. `RELAY_COST_DEVICES=100000` measures the size that the documents
 * speak of; the limits are the same for every size.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runRelay } from "../../relay/relay.ts";
import { readSettings } from "../../relay/settings.ts";
import type { Interceptor } from "../../shared/storage/calls.ts";
import { type Proxy, startProxy } from "./support/proxy.ts";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site, until } from "./support/site.ts";

const devices = Number(process.env["RELAY_COST_DEVICES"] ?? "3000");
const timeMs = 60_000 + devices * 10;

const storage = new Map<string, number>();
const counting: Interceptor = (operation, call) => {
  storage.set(operation, (storage.get(operation) ?? 0) + 1);
  return call();
};

let rig: Rig;
let site: Site;
let doors: { readonly muster: Proxy; readonly site: Proxy };
const stopper = new AbortController();
let running: Promise<void>;

beforeAll(async () => {
  rig = await startRig({ tap: counting });
  doors = { muster: await startProxy(rig.muster.url), site: await startProxy(rig.sandbox.url) };
  site = await rig.tenant({ devices });
  const settings = readSettings({
    ...site.settings,
    RELAY_MUSTER_URL: doors.muster.url,
    RELAY_ADMIN_SERVICE_URL: `${doors.site.url}/sites/${site.tenantId}/P01/AdminService`,
    RELAY_REQUESTS_PER_SECOND: "1000",
    RELAY_POLL_SECONDS: "2",
  });
  running = runRelay(settings, () => undefined, stopper.signal);
}, timeMs);
afterAll(async () => {
  stopper.abort();
  await running;
  await doors.muster.stop();
  await doors.site.stop();
  await rig.stop();
}, timeMs);

const isLease = ({ path }: { path: string }): boolean => path.endsWith("/lease");
/** Requests so far, without the hold on the site: that one comes by time, and not by devices. */
const counts = () => ({
  site: doors.site.calls.length,
  muster: doors.muster.calls.filter((call) => !isLease(call)).length,
  storage: [...storage.values()].reduce((sum, each) => sum + each, 0),
});

/** What some work cost. */
async function costOf(name: string, work: () => Promise<unknown>) {
  const before = counts();
  const began = performance.now();
  await work();
  const after = counts();
  const cost = {
    site: after.site - before.site,
    muster: after.muster - before.muster,
    storage: after.storage - before.storage,
  };
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${devices} devices, ${name}: ${JSON.stringify(cost)}, ${seconds} s`);
  return cost;
}

const listed = async (): Promise<number> => {
  const path = `/tenants/${site.tenantId}/sites`;
  type Sites = { value: { devices: number }[] };
  return (await rig.muster.call<Sites>("GET", path)).body.value[0]?.devices ?? 0;
};

test(
  "an inventory costs a request for each 1,000 systems, and one for each 2,000 handed in",
  async () => {
    const cost = await costOf("inventory", async () => {
      await until(async () => (await listed()) === devices);
      await until(async () => (await site.devices()).length > 0);
    });
    // The last page is empty; and the site says who it is.
    expect(cost.site).toBeLessThanOrEqual(Math.ceil(devices / 1000) + 4);
    expect(cost.muster).toBeLessThanOrEqual(Math.ceil(devices / 2000) + 3);
  },
  timeMs,
);

test(
  "an action costs some 0.01 requests for each device at the site, and as many at Muster",
  async () => {
    const cost = await costOf("restart", async () => {
      const notification = await site.send({ action: "restart", expiresAfter: "PT2H" });
      // Looked at seldom: looking costs requests too.
      do await sleep(1_000);
      while ((await site.status(notification)).counts["done"] !== devices);
    });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
    expect(cost.site / devices).toBeLessThan(0.012);
    expect(cost.muster / devices).toBeLessThan(0.012);
    expect(cost.storage / devices).toBeLessThan(0.12);
  },
  timeMs,
);
