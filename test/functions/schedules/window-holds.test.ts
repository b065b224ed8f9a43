/** What a task sends asks the windows again right before each delivery leaves, those that were changed since as well. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { type RunCalls, runCalls } from "../provisioning/support/run-calls.ts";

let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  rig = await startNotifyRig();
  api = runCalls(rig);
});
afterAll(() => rig.stop());

const minuteMs = 60_000;
/** Open each day from so many minutes from now on. */
const window = (inMinutes: number, minutes: number) => ({
  opens: {
    kind: "recurring",
    rule: "FREQ=DAILY",
    start: new Date(Date.now() + inMinutes * minuteMs).toISOString().slice(0, 16),
    timeZone: "UTC",
  },
  minutes,
});

/** A task that scans the tenant, begun, with nothing sent yet: the ids of its notification. */
async function begun(tenantId: string, more: object) {
  const body = {
    kind: "notification",
    displayName: "Scan",
    notification: {
      action: "endpointProtectionQuickScan",
      target: { kind: "tenant" },
      expiresAfter: "P3D",
    },
    schedule: { kind: "now" },
    ...more,
  };
  const made = await api.call("tasks-add", { params: { tenantId }, body });
  expect(made.status, made.text).toBe(201);
  await api.tellDue(tenantId);
  await rig.drain(() => rig.queues.waiting()[0]?.queue === "fanout-dispatch");
  const params = { tenantId, taskId: String(made.body["taskId"]) };
  const { body: task } = await api.call("tasks-get", { params });
  return { tenantId, notificationId: (task["lastRun"] as { runId: string }).runId };
}

async function reasonsOf(params: { tenantId: string; notificationId: string }) {
  const { body } = await api.call("notifications-deliveries", { params });
  const all = body["value"] as { state: string; code?: string }[];
  return all.map(({ state, code = "" }) => `${state} ${code}`.trim()).toSorted();
}

const told = async (tenantId: string) => (await rig.ledger(tenantId)).total;
/** Lets everything happen that is due by now. */
const happen = () => {
  const now = Date.now() + 2_000;
  return rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? Number.POSITIVE_INFINITY) > now);
};

it("holds what comes to its turn when the task's window is over, until it opens again", async () => {
  const tenantId = await api.tenantOf(3);
  const sent = await begun(tenantId, { windows: [window(-1, 30)] });
  passTime(40 * minuteMs);
  await happen();
  expect([await told(tenantId), await reasonsOf(sent)]).toEqual([
    0,
    Array(3).fill("waiting window"),
  ]);
  await rig.drain();
  expect([await told(tenantId), await reasonsOf(sent)]).toEqual([3, Array(3).fill("done")]);
});

it("holds the devices of a collection that got a window meanwhile, and no others", async () => {
  const tenantId = await api.tenantOf(3);
  const params = { tenantId };
  const { body: page } = await api.call("devices-list", { params });
  const [kiosk] = page["value"] as { deviceId: string }[];
  const kiosks = { kind: "static", name: "Kiosks", deviceIds: [kiosk?.deviceId] };
  const { collectionId } = (await api.call("collections-add", { params, body: kiosks })).body;
  const sent = await begun(tenantId, {});
  const windows = [{ displayName: "Night", collectionId, ...window(120, 60) }];
  const put = await api.call("windows-replace", { params, body: { windows } });
  expect(put.status, put.text).toBe(200);
  await happen();
  expect(await told(tenantId)).toBe(2);
  expect(await reasonsOf(sent)).toContain("waiting window");
  await rig.drain();
  expect([await told(tenantId), await reasonsOf(sent)]).toEqual([3, Array(3).fill("done")]);
});
