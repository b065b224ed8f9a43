/** Answers that come late, to a worker whose marks another one has looked behind meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { changeRows } from "../../../shared/fanout/engine/change-rows.ts";
import type { JobKind } from "../../../shared/fanout/kind.ts";
import { ItemStore } from "../../../shared/fanout/state/item-store.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import type { Tables } from "../../../shared/storage/tables.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { packedOf, rowsOf } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const devices = 30;
const delivering = () =>
  rig.queues.waiting().some(({ queue }) => queue === queueNames.fanoutDispatch);

/** A notification whose devices a worker has marked, and then died: nothing has left. */
async function marked() {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
  // Repeatable: what a look does not find is sent again.
  const notificationId = await rig.send(tenantId, { action: "endpointProtectionQuickScan" });
  await rig.drain(delivering);
  const [message] = rig.queues.waiting();
  if (message === undefined) throw new Error("nothing was planned");
  rig.queues.lose();
  const rows = await rowsOf(rig, notificationId);
  const ids = (await packedOf(rig, notificationId)).map(({ targetId }) => targetId);
  const markedAt = Date.now() - 60_000;
  const claim = { event: "claim", details: { claimedAt: markedAt } } as const;
  const transitions = new Map(ids.map((id) => [id, claim]));
  const { kind, jobs } = rig.services.notify;
  const { job } = (await jobs.get(tenantId, notificationId))!;
  const work = { kind: kind as unknown as JobKind, job };
  const { engine } = rig.services;
  await changeRows(engine, { ...work, rows }, { transitions, now: markedAt });
  return { tenantId, notificationId, message, work };
}

const latency = (tenantId: string, latencyMs: number) =>
  rig.sandbox.control("PUT", "/behaviour", { tenantId, latencyMs });

it("a slow look does not give back what was claimed anew", async () => {
  const { tenantId, notificationId, message } = await marked();
  await latency(tenantId, 200);
  rig.faults.reset();
  const slow = rig.handle(message);
  while (!rig.faults.calls().includes("graph.POST")) await sleep(1);
  await latency(tenantId, 0);
  await rig.handle(message);
  await latency(tenantId, 270);
  const [again] = rig.queues.waiting();
  if (again === undefined) throw new Error("the quick one asks for no further pass");
  rig.queues.lose();
  await Promise.all([slow, rig.handle(again)]);
  await latency(tenantId, 0);
  await rig.drain();
  const { counts } = await rig.view(tenantId, notificationId);
  expect(counts).toMatchObject({ total: devices, done: devices });
  expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
});

it("a step decided before a new claim is dropped, one decided since is applied", async () => {
  const { notificationId, work } = await marked();
  const { engine } = rig.services;
  const stale = await rowsOf(rig, notificationId);
  const [first] = stale[0]?.items ?? [];
  const id = first?.targetId ?? "";
  const one = (event: "claim" | "postpone" | "accept") => ({
    now: Date.now(),
    transitions: new Map([[id, { event }]]),
  });
  await changeRows(engine, { ...work, rows: stale }, one("claim"));
  const read = await rowsOf(rig, notificationId);
  await changeRows(engine, { ...work, rows: stale }, one("postpone"));
  const stateNow = async () =>
    (await packedOf(rig, notificationId)).find(({ targetId }) => targetId === id)?.state;
  expect(await stateNow()).toBe("claimed");
  await changeRows(engine, { ...work, rows: read }, one("accept"));
  expect(await stateNow()).toBe("sent");
});

it("a page of rows is filled, though the service answers in short and empty pieces", async () => {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 900 });
  const notificationId = await rig.send(tenantId);
  await rig.drain(delivering);
  rig.queues.lose();
  const { tables } = rig.services.storage;
  // First it answers nothing, then two rows at a time.
  const short = new Proxy(tables, {
    get: (target, name) =>
      name === "page"
        ? (...[table, range, top, token]: Parameters<Tables["page"]>) =>
            token === undefined
              ? Promise.resolve({ rows: [], next: "begin" })
              : target.page(table, range, Math.min(2, top), token === "begin" ? undefined : token)
        : target[name as keyof Tables],
  });
  const store = new ItemStore(short);
  const rows = await rowsOf(rig, notificationId);
  expect(rows).toHaveLength(9);
  expect(await store.page(notificationId, { top: 5 })).toEqual(rows.slice(0, 5));
  expect(await store.page(notificationId, { top: 50, where: "live gt 0" })).toEqual(rows);
});
