/** Reading: complete and without repetition, the same as CSV and as JSON, at a known cost in storage reads. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CountedState, countedStates } from "../../../shared/fanout/state/item.ts";
import type { DeliveryView } from "../../../shared/notifications/contract.ts";
import { deliveriesCsv, listDeliveries } from "../../../shared/notifications/list-deliveries.ts";
import { deviceHistory } from "../../../shared/notifications/read-notifications.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { deliveriesOf, rowsOf } from "./support/rig-reading.ts";

const devices = 2_600;
let rig: NotifyRig;
let tenantId: string;
let notificationId: string;
let all: DeliveryView[];

beforeAll(async () => {
  rig = await startNotifyRig();
  tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
  const settings = { tenantId, failRate: 0.02, offlineRate: 0.3, notSupportedRate: 0.1 };
  await rig.sandbox.control("PUT", "/behaviour", settings);
  notificationId = await rig.send(tenantId, { expiresAfter: "PT3S" });
  await rig.drain();
  all = await deliveriesOf(rig, tenantId, notificationId);
});
afterAll(() => rig.stop());

/** Storage calls that something makes; what every instance reads once in three seconds, it knows. */
async function costOf(read: () => Promise<unknown>): Promise<readonly string[]> {
  await rig.services.knownTenants.get(tenantId);
  rig.faults.reset();
  await read();
  return rig.faults.calls();
}

async function paged(top: number, state?: CountedState): Promise<DeliveryView[]> {
  const found: DeliveryView[] = [];
  let position: string | undefined;
  do {
    const ids = { tenantId, notificationId };
    const page = await listDeliveries(rig.services.notify, ids, { top, state, position });
    if (!page.ok) throw new Error(page.failure.detail);
    expect(page.value.items.length).toBeLessThanOrEqual(top);
    found.push(...page.value.items);
    position = page.value.next;
  } while (position !== undefined);
  return found;
}

describe("deliveries", () => {
  it("come whole, each device once, in the order of ids", () => {
    const ids = all.map(({ deviceId }) => deviceId);
    expect(new Set(ids).size).toBe(devices);
    expect(ids).toEqual(ids.toSorted());
  });

  it.each([37, 100, 101, 1_000])(
    "come whole in pages of %i, less and more than a row",
    async (top) => {
      expect(await paged(top)).toEqual(all);
    },
  );

  it.each(countedStates)("that are %s come whole in small pages", async (state) => {
    expect(await paged(7, state)).toEqual(all.filter((each) => each.state === state));
  });

  it("are the same as CSV, cell by cell", async () => {
    let text = "";
    for await (const piece of deliveriesCsv(rig.services.notify, { tenantId, notificationId }))
      text += piece;
    const [header, ...lines] = text.trimEnd().split("\r\n");
    expect(header).toBe("deviceId,deviceName,state,route,at,attempts,code,detail");
    const rows = all.map(({ deviceId, deviceName, state, route, at, attempts, code, detail }) =>
      [deviceId, deviceName, state, route, at, attempts, code, detail].join(","),
    );
    expect(lines).toEqual(rows);
  });
});

describe("the cost in storage calls", () => {
  it("of a finished notification is its row", async () => {
    const calls = await costOf(() => rig.view(tenantId, notificationId));
    expect(calls).toEqual(["table.get Jobs"]);
  });

  it("of one under way with 26 rows is its row, its plan, and one read of counts", async () => {
    const open = await rig.send(tenantId, { expiresAfter: "PT60S" });
    await rig.drain(() => rig.queues.waiting().every(({ queue }) => !queue.endsWith("-plan")));
    rig.queues.lose();
    expect((await rowsOf(rig, open)).length).toBe(26);
    const calls = await costOf(() => rig.view(tenantId, open));
    expect(calls).toEqual(["table.get Jobs", "table.get Items", "table.page Items"]);
  });

  it("of a page of deliveries is one read", async () => {
    const ids = { tenantId, notificationId };
    const calls = await costOf(() => listDeliveries(rig.services.notify, ids, { top: 100 }));
    expect(calls).toEqual(["table.page Items"]);
  });
});

describe("a device's history", () => {
  it("is what each notification did to it, newest first", async () => {
    const own = await rig.tenant({ ...onlyIntuneWindows, devices: 5 });
    const sent: string[] = [];
    for (const action of ["restart", "endpointProtectionQuickScan", "restart"]) {
      sent.unshift(await rig.send(own, { action }));
      await rig.drain();
    }
    const [device] = await deliveriesOf(rig, own, sent[0] ?? "");
    const id = device?.deviceId ?? "";
    const history = await deviceHistory(rig.services.notify, own, id, { top: 10 });
    expect(history.items).toMatchObject([
      { notificationId: sent[0], action: "restart", state: "done" },
      { notificationId: sent[1], action: "endpointProtectionQuickScan", state: "done" },
      { notificationId: sent[2], action: "restart", state: "done" },
    ]);
    const first = await deviceHistory(rig.services.notify, own, id, { top: 2 });
    const token = first.next ?? "";
    const rest = await deviceHistory(rig.services.notify, own, id, { top: 2, token });
    expect([...first.items, ...rest.items]).toEqual(history.items);
    const stranger = await deviceHistory(rig.services.notify, own, "ffffffff", { top: 10 });
    expect(stranger.items).toEqual([]);
  });
});
