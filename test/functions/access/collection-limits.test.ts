/** What a caller sees and does who is limited to some collections, over all operations that keep within them. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Device } from "../../../shared/devices/directory/device.ts";
import { deliveriesCsv } from "../../../shared/notifications/list-deliveries.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { type Answered, adminToken, type Door, httpFunctions, openDoor } from "./door.ts";

const fleetSize = 6;
let door: Door;
let tenantId = "";
/** A collection of two devices, and one that the caller has nothing to do with. */
let [mine, other] = ["", ""];
let token = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(fleetSize);
  [mine, other] = [await collection(0, 1), await collection(2, 3)];
  const scope = { kind: "collections", collections: [{ tenantId, collectionId: mine }] } as const;
  ({ token } = await door.holder("infrastructureAdministrator", scope));
});
afterAll(() => door.stop());

async function collection(...numbers: number[]): Promise<string> {
  const body = { kind: "static", name: "Some", deviceIds: numbers.map((each) => idOf(each)) };
  const added = await door.call("collections-add", {
    token: adminToken,
    params: { tenantId },
    body,
  });
  return String(added.body["collectionId"]);
}

const call = (name: string, more: { ids?: object; body?: unknown; query?: string } = {}) => {
  const { ids = {}, ...rest } = more;
  return door.call(name, { token, params: { tenantId, ...ids }, ...rest });
};
const send = (target: object, as = token, query = "") =>
  door.call("notifications-send", {
    token: as,
    params: { tenantId },
    query,
    body: { action: "restart", target },
  });
const codeOf = ({ status, body }: Answered) => [status, body["code"]];

/** What is said about a device, whichever it is. */
const ask = async (deviceId: string, name: string) => {
  const { status, body } = await call(name, { ids: { deviceId } });
  return [status, body["code"], String(body["detail"]).replaceAll(deviceId, "it")];
};

test("the list of devices holds members only, and says how many it leaves out", async () => {
  const { body } = await call("devices-list");
  expect(body).toMatchObject({
    value: [{ deviceId: idOf(0) }, { deviceId: idOf(1) }],
    hidden: fleetSize - 2,
  });
});

test("a device out of reach looks like one that does not exist", async () => {
  expect((await ask(idOf(0), "devices-get"))[0]).toBe(200);
  for (const name of ["devices-get", "devices-history"])
    expect(await ask(idOf(2), name)).toEqual(await ask(randomUUID(), name));
  expect((await ask(idOf(0), "devices-history"))[0]).toBe(200);
});

test("other collections are not listed, and not opened by their ids", async () => {
  const { body } = await call("collections-list");
  expect(body).toMatchObject({ value: [{ collectionId: mine }], hidden: 1 });
  expect((await call("collections-get", { ids: { collectionId: mine } })).status).toBe(200);
  for (const collectionId of [other, "nothing"])
    expect((await call("collections-get", { ids: { collectionId } })).status).toBe(403);
});

test("what is sent to the tenant is narrowed to members, for good", async () => {
  const sent = await send({ kind: "tenant" });
  expect(sent).toMatchObject({
    status: 202,
    body: { target: { kind: "tenant", within: { collectionIds: [mine], hidden: 4 } } },
  });
  const ids = await door.services.notify.jobs.targets(String(sent.body["notificationId"]));
  expect(ids).toEqual([idOf(0), idOf(1)]);
  expect((await send({ kind: "tenant" }, token, "?dryRun=true")).body).toMatchObject({ total: 2 });
});

test("nothing is sent to devices out of reach, nor to another collection", async () => {
  const deviceIds = [idOf(0), idOf(4)];
  expect(codeOf(await send({ kind: "devices", deviceIds }))).toEqual([404, "unknown-device"]);
  expect((await send({ kind: "devices", deviceIds: [idOf(0)] })).status).toBe(202);
  expect((await send({ kind: "collection", collectionId: other })).status).toBe(403);
  expect((await send({ kind: "collection", collectionId: mine })).status).toBe(202);
});

test("a notification that reaches further can be neither seen, nor cancelled, nor repeated", async () => {
  const theirs = await send({ kind: "tenant" }, adminToken);
  const ours = await send({ kind: "tenant" });
  const ids = { notificationId: String(theirs.body["notificationId"]) };
  const attempts = [
    await call("notifications-get", { ids }),
    await call("notifications-deliveries", { ids }),
    await call("notifications-retry", { ids, body: {} }),
    await call("notifications-cancel", { ids }),
    await call("notifications-pause", { ids }),
    await call("notifications-resume", { ids }),
  ];
  expect(attempts.map(({ status }) => status)).toEqual(attempts.map(() => 404));
  const { body } = await call("notifications-list");
  const listed = (body["value"] as { notificationId: string }[]).map((each) => each.notificationId);
  expect(listed).toContain(ours.body["notificationId"]);
  expect(listed).not.toContain(ids.notificationId);
  expect(body["hidden"]).toBe(1);
  const own = { notificationId: String(ours.body["notificationId"]) };
  expect((await call("notifications-get", { ids: own })).status).toBe(200);
  expect((await call("notifications-cancel", { ids: own })).status).toBe(202);
});

test("an operation that does not say that it keeps within collections refuses who is limited to some", async () => {
  const list = httpFunctions.find(({ operation }) => operation.name === "devices-list");
  if (list === undefined) throw new Error("no list of devices");
  const { keepsLimits: _, ...careless } = list;
  const as = (caller: string) => door.serve(careless, { token: caller, params: { tenantId } });
  expect(codeOf(await as(token))).toEqual([403, "forbidden"]);
  expect((await as(adminToken)).status).toBe(200);
});

test("how many devices are hidden does not depend on what a caller filters by", async () => {
  const name = String((await call("devices-get", { ids: { deviceId: idOf(0) } })).body["name"]);
  const queries = ["", "?namePrefix=", `?namePrefix=${name.slice(0, 2)}`, "?namePrefix=zzz"];
  const filters = ["?operatingSystem=Windows", "?operatingSystem=None", "?lastSyncBefore=PT1S"];
  for (const query of [...queries, ...filters]) {
    const { status, body } = await call("devices-list", { query });
    expect([query, status === 400 ? fleetSize - 2 : body["hidden"]]).toEqual([
      query,
      fleetSize - 2,
    ]);
  }
});

test("a collection that an assignment names is changed by those only who may make that assignment", async () => {
  const scope = { kind: "tenants", tenantIds: [tenantId] } as const;
  const { token: keeper } = await door.holder("operationsAdministrator", scope);
  const body = { kind: "static", name: "Wide", deviceIds: [idOf(0), idOf(1), idOf(5)] };
  const change = (collectionId: string, as: string) => {
    const params = { tenantId, collectionId };
    return door.call("collections-replace", { token: as, params, body });
  };
  const refused = await change(mine, keeper);
  expect(codeOf(refused)).toEqual([403, "forbidden"]);
  const params = { tenantId, collectionId: mine };
  expect((await door.call("collections-remove", { token: keeper, params })).status).toBe(403);
  expect((await call("devices-list")).body["value"]).toHaveLength(2);
  expect((await change(other, keeper)).status).toBe(200);
  const same = { ...body, deviceIds: [idOf(0), idOf(1)] };
  expect(
    (await door.call("collections-replace", { token: adminToken, params, body: same })).status,
  ).toBe(200);
});

test("who has left a collection is no longer shown in what was sent before", async () => {
  const sent = await send({ kind: "collection", collectionId: mine }, adminToken);
  const ids = { notificationId: String(sent.body["notificationId"]) };
  await door.plan();
  const params = { tenantId, ...ids };
  const replace = (deviceIds: string[]) =>
    door.call("collections-replace", {
      token: adminToken,
      params: { tenantId, collectionId: mine },
      body: { kind: "static", name: "Some", deviceIds },
    });
  const seen = async (as: string) => {
    const { body } = await door.call("notifications-deliveries", { token: as, params });
    return (body["value"] as { deviceId: string }[]).map(({ deviceId }) => deviceId);
  };
  expect(await seen(token)).toEqual([idOf(0), idOf(1)]);
  await replace([idOf(0)]);
  expect(await seen(token)).toEqual([idOf(0)]);
  expect(await seen(adminToken)).toEqual([idOf(0), idOf(1)]);
  const rows: string[] = [];
  const { notify } = door.services;
  const reach = { collectionIds: [mine], holds: ({ deviceId }: Device) => deviceId === idOf(0) };
  for await (const text of deliveriesCsv(notify, params, { reach })) rows.push(text);
  expect(rows.join("")).toContain(idOf(0));
  expect(rows.join("")).not.toContain(idOf(1));
  await replace([idOf(0), idOf(1)]);
});
