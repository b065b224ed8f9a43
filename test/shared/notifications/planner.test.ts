/** A planner that is killed at any step of a target of several steps: every device planned once, none unsent. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CollectionBody } from "../../../shared/devices/collections/collection.ts";
import { itemsIn } from "../../../shared/fanout/engine/change-rows.ts";
import { rowsPerChunk } from "../../../shared/fanout/engine/engine.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { RetryRequest } from "../../../shared/notifications/contract.ts";
import {
  changeNotification,
  retryNotification,
} from "../../../shared/notifications/send-notification.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import type { Waiting } from "../../support/test-queues.ts";
import { rowsOf } from "./support/rig-reading.ts";

const devices = 10_000;
let rig: NotifyRig;
let tenantId: string;
beforeAll(async () => {
  rig = await startNotifyRig();
  tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
});
afterAll(() => rig.stop());

const isDeliver = ({ queue }: Waiting): boolean => queue === queueNames.fanoutDispatch;

/** Handles what is to be planned until nothing is; answers the messages to deliver, which stay unhandled. */
async function planOnly(): Promise<Waiting[]> {
  const held: Waiting[] = [];
  for (;;) {
    const waiting = rig.queues.waiting();
    rig.queues.lose();
    held.push(...waiting.filter(isDeliver));
    const plans = waiting.filter((each) => !isDeliver(each));
    if (plans.length === 0) return held;
    for (const each of plans) await rig.handle(each);
  }
}

type Death = { atCall: number; when: "before" | "after" };

/** Sends, and plans with a death on the way. */
const planned = async (death?: Death, body: Record<string, unknown> = {}) =>
  followed(await rig.send(tenantId, body), death);

/** Plans what was sent, and holds the rows and messages against the target. */
async function followed(notificationId: string, death?: Death) {
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  const held = await planOnly();
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const chunks = held.map(({ message }) => message as { from: string; to: string });
  const rows = await rowsOf(rig, notificationId);
  const ids = itemsIn(rows).map(({ targetId }) => targetId);
  const uncovered = rows.filter(
    ({ lastTargetId: id }) => !chunks.some(({ from, to }) => from <= id && id <= to),
  );
  const full = chunks.filter(
    ({ from, to }) =>
      rows.filter(({ lastTargetId: id }) => from <= id && id <= to).length === rowsPerChunk,
  );
  const { state, counts } = await rig.view(tenantId, notificationId);
  const end = {
    state,
    counts,
    ids: new Set(ids).size,
    rows: ids.length,
    uncovered: uncovered.length,
  };
  return { notificationId, calls, end, chunks: chunks.length, full: full.length };
}

describe("a planner", () => {
  it("sends a message for each eight full rows, and one for the rest", async () => {
    const { chunks, full } = await planned();
    expect({ chunks, full }).toEqual({ chunks: Math.ceil(devices / 800), full: 12 });
  });

  it("plans each device of a rule once, though steps of it end within a row", async () => {
    const fleet = await rig.services.directory.walk(tenantId, undefined, 2 * devices);
    const synced = fleet.devices.map(({ lastSyncDateTime }) => lastSyncDateTime).toSorted();
    const value = synced[Math.floor(devices * 0.7)] ?? "";
    const rule = { property: "lastSyncDateTime", operator: "before", value };
    const collectionId = newestFirstId(Date.now());
    const body = CollectionBody.parse({ name: "Some", kind: "rule", rule });
    await rig.services.collections.add(tenantId, collectionId, body);
    const found = await planned(undefined, { target: { kind: "collection", collectionId } });
    const expected = synced.filter((each) => each < value).length;
    expect(expected).toBeGreaterThan(5_000);
    expect(found.end).toMatchObject({ ids: expected, rows: expected, uncovered: 0 });
    expect(found.chunks).toBe(Math.ceil(expected / 800));
  });

  it("plans each device of a retry once", async () => {
    const { notify } = rig.services;
    const { notificationId } = await planned();
    await changeNotification(notify, { tenantId, notificationId }, "cancel");
    await rig.drain();
    expect(await rig.view(tenantId, notificationId)).toMatchObject({
      counts: { cancelled: devices },
    });
    const retryId = newestFirstId(Date.now());
    const body = RetryRequest.parse({ only: ["cancelled"], expiresAfter: "PT60S" });
    await retryNotification(notify, { tenantId, notificationId }, retryId, body);
    const { end, chunks } = await followed(retryId);
    expect(end).toMatchObject({ ids: devices, rows: devices, uncovered: 0 });
    expect(chunks).toBe(Math.ceil(devices / 800));
  });

  it("that is killed at a commit or a message goes on where it was", async () => {
    const { calls, end } = await planned();
    const counts = { total: devices, waiting: devices };
    const whole = { state: "running", counts, ids: devices, rows: devices, uncovered: 0 };
    expect(end).toMatchObject(whole);
    const commits = calls.flatMap((call, at) =>
      call.startsWith("table.transact") ? [at + 1] : [],
    );
    expect(commits.length).toBeGreaterThanOrEqual(3);
    const sends = commits.map(
      (at) => at + calls.slice(at).findIndex((c) => c.startsWith("queue")) + 1,
    );
    const last = calls.lastIndexOf("table.replace Jobs") + 1;
    const places = [...commits, ...sends, last];
    for (const atCall of places)
      for (const when of ["before", "after"] as const) {
        const disturbed = await planned({ atCall, when });
        expect(disturbed.end, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toMatchObject(
          whole,
        );
      }
  }, 90_000);

  it("that runs twice at the same time plans once", async () => {
    const notificationId = await rig.send(tenantId);
    const [message] = rig.queues.waiting();
    if (message === undefined) throw new Error("nothing to plan");
    await Promise.all([rig.handle(message), rig.handle(message)]);
    await planOnly();
    const ids = itemsIn(await rowsOf(rig, notificationId)).map(({ targetId }) => targetId);
    expect([ids.length, new Set(ids).size]).toEqual([devices, devices]);
  });
});
