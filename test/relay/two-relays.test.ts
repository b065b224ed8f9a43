/** Two relays for one site, each with a journal of its own: one works, the other stands by and takes over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Proxy, startProxy } from "./support/proxy.ts";
import type { RelayProcess } from "./support/relay-process.ts";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site, until } from "./support/site.ts";

let rig: Rig;
let other = "";
let site: Site;
let door: Proxy;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const devices = 4;
const restart = { action: "restart", expiresAfter: "PT10M" };
const isStart = ({ path }: { path: string }): boolean => path.includes("Initiate");

beforeEach(async () => {
  other = mkdtempSync(join(tmpdir(), "relay-other-"));
  site = await rig.tenant({ devices });
  door = await startProxy(rig.sandbox.url);
});
afterEach(async () => {
  await door.stop();
  rmSync(other, { recursive: true });
});

/** A relay that is missed soon; `RELAY_HOME` makes it another one. */
const settings = (home = site.home): Record<string, string> => ({
  RELAY_HOME: home,
  RELAY_LEASE_SECONDS: "6",
  RELAY_TIMEOUT_SECONDS: "2",
  RELAY_ADMIN_SERVICE_URL: `${door.url}/sites/${site.tenantId}/P01/AdminService`,
});

/** Two relays, of which the second has seen that it has to wait. */
async function pair(): Promise<readonly [first: RelayProcess, second: RelayProcess]> {
  const first = await site.known(settings());
  const second = site.relay(settings(other));
  await second.saw("site.leased-elsewhere");
  return [first, second];
}

const expectDoneOnce = async (notification: string): Promise<void> => {
  expect((await site.ended(notification)).counts).toMatchObject({ total: devices, done: devices });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
};

test("the second stands by, and takes nothing off the queue", async () => {
  const [, second] = await pair();
  await expectDoneOnce(await site.send(restart));
  expect(second.lines().map(({ event }) => event)).toEqual([
    "site.leased-elsewhere",
    "relay.start",
  ]);
});

test("one that was killed while the site was answering is followed by the other, which looks first", async () => {
  const [first, second] = await pair();
  await site.behave({ slowRate: 1, slowMs: 1500 });
  const notification = await site.send(restart);
  await until(async () => (await site.ledger("clientOperation")).total === devices);
  await first.kill();
  await site.behave({ slowRate: 0 });
  await expectDoneOnce(notification);
  expect(await second.saw("operation.read-back")).toMatchObject({ found: "ours" });
}, 60_000);

test("one that stood still while the other took over starts nothing when it goes on", async () => {
  const [first, second] = await pair();
  door.meddle((call) => (isStart(call) ? { status: 503 } : "pass"));
  const notification = await site.send(restart);
  // It has claimed, and is about to call again.
  await first.saw("site.busy");
  first.freeze();
  await second.saw("site.lease");
  door.meddle(() => "pass");
  await expectDoneOnce(notification);
  const starts = door.calls.filter(isStart).length;
  first.thaw();
  await first.saw("site.leased-elsewhere");
  // Time enough for more than one back-off.
  await sleep(3_000);
  expect(door.calls.filter(isStart)).toHaveLength(starts);
  await expectDoneOnce(notification);
}, 60_000);

test("one that has the site back looks before it starts what it had open", async () => {
  const [first, second] = await pair();
  door.meddle((call) => (isStart(call) ? { status: 503 } : "pass"));
  const notification = await site.send(restart);
  await first.saw("site.busy");
  first.freeze();
  await second.saw("site.lease");
  door.meddle(() => "pass");
  await expectDoneOnce(notification);
  await second.kill();
  first.thaw();
  await first.saw("operation.read-back", ({ found }) => found === "ours");
  await expectDoneOnce(notification);
}, 60_000);
