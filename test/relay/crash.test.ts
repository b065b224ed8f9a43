/** A relay that dies, in every state that its journal can be in, and what the next one makes of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BatchState, Entry } from "../../relay/base/claim.ts";
import type { GivenWork } from "../../relay/muster/muster.ts";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site, until } from "./support/site.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const devices = 3;
const policy = { action: "downloadComputerPolicy" };

/** A site whose relay has reported its devices, and has been stopped. */
async function quietSite(): Promise<Site> {
  const site = await rig.tenant({ devices });
  await (await site.known()).stop();
  return site;
}

/** Where every site's operations stand in the beginning. */
const mark = 16_777_300;
/** The first relay's hold on its site; it is given back, and taken again by the same relay. */
const term = 1;

/** Claims as a relay does that dies right after. */
async function claimed(site: Site): Promise<GivenWork> {
  const { notificationId, from, to } = await site.claimRequest();
  const relayId = readFileSync(join(site.home, "relay-id"), "utf8");
  await site.ask("/lease", { relayId, seconds: 60 });
  const claim = { notificationId, from, to, relayId, mark };
  return (await site.ask<GivenWork>("/claims", claim)).body;
}

/** Starts the operation as a relay does. */
async function started(site: Site, work: GivenWork): Promise<number> {
  const body = {
    Type: work.operationType,
    TargetCollectionID: "SMS00001",
    TargetResourceIDs: work.devices.map(({ resourceId }) => resourceId),
  };
  const path = "/wmi/SMS_ClientOperation.InitiateClientOperation";
  return (await site.adminService<{ OperationID: number }>("POST", path, body)).OperationID;
}

function writeJournal(site: Site, work: GivenWork, states: readonly BatchState[]): void {
  const { claimId } = work;
  const entries: Entry[] = [
    { kind: "claimed", work, batchSize: 500, term },
    ...states.map((state): Entry => ({ kind: "moved", claimId, batch: 0, state })),
  ];
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`);
  // A line that the crash tore, too.
  writeFileSync(join(site.home, "journal.ndjson"), `${lines.join("")}{"kind":"mov`);
}

const calling: BatchState = { kind: "calling", after: mark, calls: 1, sure: true };

type Scene = {
  readonly died: string;
  readonly before: (site: Site, work: GivenWork) => Promise<unknown>;
};

const scenes: readonly Scene[] = [
  { died: "before it wrote its claim down", before: () => Promise.resolve() },
  {
    died: "after it wrote its claim down",
    before: (site, work) => Promise.resolve(writeJournal(site, work, [])),
  },
  {
    died: "calling, before the site heard of it",
    before: (site, work) => Promise.resolve(writeJournal(site, work, [calling])),
  },
  {
    died: "calling, after the site had started it",
    before: async (site, work) => {
      await started(site, work);
      writeJournal(site, work, [calling]);
    },
  },
  {
    died: "after the site had started it, before Muster heard of it",
    before: async (site, work) => {
      const operationId = await started(site, work);
      writeJournal(site, work, [calling, { kind: "started", operationId, reported: false }]);
    },
  },
  {
    died: "after Muster heard that it was started",
    before: async (site, work) => {
      const operationId = await started(site, work);
      const { claimId, notificationId } = work;
      const results = work.devices.map(({ deviceId }) => ({ deviceId, outcome: "accepted" }));
      await site.ask("/results", { claimId, notificationId, results });
      writeJournal(site, work, [calling, { kind: "started", operationId, reported: true }]);
    },
  },
  {
    died: "knowing the outcome, before Muster heard of it",
    before: async (site, work) => {
      await started(site, work);
      writeJournal(site, work, [calling, { kind: "settled", outcome: { outcome: "done" } }]);
    },
  },
];

describe("the next relay brings each device its action exactly once", () => {
  test.each(scenes)("when one died $died", async ({ before }) => {
    const site = await quietSite();
    const notification = await site.send(policy);
    await before(site, await claimed(site));
    site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({
      total: devices,
      done: devices,
    });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
  });

  test("when one was killed while the site was answering", async () => {
    const site = await rig.tenant({ devices });
    const relay = await site.known();
    await site.behave({ slowRate: 1, slowMs: 1500 });
    const notification = await site.send(policy);
    await until(async () => (await site.ledger("clientOperation")).total === devices);
    await relay.kill();
    await site.behave({ slowRate: 0 });
    const next = site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({
      total: devices,
      done: devices,
    });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
    expect(await next.saw("operation.read-back")).toMatchObject({ found: "ours" });
  });

  test("when its whole journal was lost after the site had started it", async () => {
    const site = await quietSite();
    const notification = await site.send(policy);
    const work = await claimed(site);
    await started(site, work);
    site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({ done: devices });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
  });

  test("when every message came three times", async () => {
    const site = await quietSite();
    const notification = await site.send(policy);
    await site.claimRequest();
    const [message] = (await site.queue.peekMessages()).peekedMessageItems;
    for (let times = 0; times < 2; times += 1)
      await site.queue.sendMessage(message?.messageText ?? "");
    site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({ done: devices });
    await until(async () => (await site.queue.getProperties()).approximateMessagesCount === 0);
    expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
  });
});

describe("work whose time ended while the relay was away is not started", () => {
  test("when it had claimed it", async () => {
    const site = await quietSite();
    const notification = await site.send({ ...policy, expiresAfter: "PT1S" });
    writeJournal(site, await claimed(site), []);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({ expired: devices });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: 0 });
    expect((await site.deliveries(notification))[0]?.detail).toBe(
      "its time ended before the site was asked",
    );
  });

  test("when it had not", async () => {
    const site = await quietSite();
    const notification = await site.send({ ...policy, expiresAfter: "PT1S" });
    await site.claimRequest();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    site.relay();
    expect((await site.ended(notification)).counts).toMatchObject({ expired: devices });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: 0 });
  });
});

test("SIGTERM lets a call under way end and leaves the rest to the next relay", async () => {
  const site = await rig.tenant({ devices: 6 });
  const relay = await site.known({ RELAY_DEVICES_PER_OPERATION: "2" });
  await site.behave({ slowRate: 1, slowMs: 500 });
  const notification = await site.send(policy);
  await until(async () => (await site.ledger("clientOperation")).total > 0);
  expect(await relay.stop()).toBe(0);
  expect((await site.ledger("clientOperation")).total).toBeLessThan(6);
  await site.behave({ slowRate: 0 });
  const next = site.relay();
  expect((await site.ended(notification)).counts).toMatchObject({ done: 6 });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: 6, doubled: 0 });
  // Its call had ended, so nobody had to look.
  expect(next.lines().map(({ event }) => event)).not.toContain("operation.read-back");
});
