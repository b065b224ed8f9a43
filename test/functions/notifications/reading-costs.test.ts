/** What reading costs over the whole way of a request, counted at the wire between the app and its storage. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countsBetween, startWire, type Wire } from "../../../bench/setup/wire.ts";
import { plan } from "../../../shared/fanout/engine/plan.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

const devices = 3_200;
/** How often each request is made: what is kept for a few seconds is read again in between. */
const times = 5;
const keptMs = 3_000;
/** What an instance remembers: who may do what, and that a tenant is there. */
const kept = ["table read Roles", "table read Assignments", "table read Tenants"];
const isKept = ([kind]: readonly [string, number]): boolean => kept.includes(kind);

let wire: Wire;
let door: Door;
let tenantId: string;
let notificationId: string;
beforeAll(async () => {
  wire = await startWire(storageConnectionString());
  door = await openDoor({ connectionString: wire.connectionString });
  tenantId = await door.fleet(devices);
  notificationId = await send(adminToken, { kind: "tenant" });
});
afterAll(async () => {
  await door.stop();
  await wire.stop();
});

async function send(token: string, target: object): Promise<string> {
  const body = { action: "restart", target };
  const sent = await door.call("notifications-send", { token, params: { tenantId }, body });
  const id = String(sent.body["notificationId"]);
  const ids = { kind: notificationShape.id, tenantId, jobId: id };
  expect(await plan(door.services.engine, ids)).toBe("planned");
  return id;
}

type Asked = { readonly name: string; readonly ids?: object; readonly query?: string };
type Body = {
  value: { deviceId: string }[];
  nextLink?: string;
  counts?: Record<string, number>;
};

async function ask({ name, ids = {}, query = "" }: Asked, token = adminToken): Promise<Body> {
  const params = { tenantId, ...ids };
  return (await door.call(name, { token, params, query })).body as Body;
}

/** Storage requests of one such call; what is kept is counted too, and found to be read once in three seconds. */
async function costOf(asked: Asked, token?: string): Promise<Record<string, number>> {
  const [before, began] = [wire.read(), performance.now()];
  for (let time = 0; time < times; time += 1) await ask(asked, token);
  const mostKept = 1 + Math.ceil((performance.now() - began) / keptMs);
  const counts = Object.entries(countsBetween(before, wire.read()));
  const keptCounts = counts.filter(isKept).map(([, count]) => count);
  expect(Math.max(0, ...keptCounts)).toBeLessThanOrEqual(mostKept);
  const others = counts.filter((each) => !isKept(each));
  return Object.fromEntries(others.map(([kind, count]) => [kind, count / times]));
}

/** Queries of a list's pages, and everything in them. */
async function walk(asked: Asked): Promise<{ queries: string[]; ids: string[] }> {
  const queries = [asked.query ?? ""];
  const ids: string[] = [];
  for (const query of queries) {
    const { value, nextLink } = await ask({ ...asked, query });
    ids.push(...value.map(({ deviceId }) => deviceId));
    if (nextLink !== undefined) queries.push(new URL(nextLink).search);
  }
  return { queries, ids };
}

const deliveries = (query = "", id = notificationId): Asked => ({
  name: "notifications-deliveries",
  ids: { notificationId: id },
  query,
});
const oneRead = { "table read Items": 1 };

describe("a page of deliveries", () => {
  it.each([
    ["?top=100", "total"],
    ["?top=1000", "total"],
    ["?top=250&state=waiting", "waiting"],
  ])(
    "with %s costs one storage read, be it the first, a later or the last",
    async (query, state) => {
      const { queries, ids } = await walk(deliveries(query));
      const { counts } = await ask({ name: "notifications-get", ids: { notificationId } });
      expect(queries.length).toBeGreaterThan(3);
      expect(new Set(ids).size).toBe(counts?.[state]);
      expect(ids.length).toBe(counts?.[state]);
      for (const page of [queries[0], queries[1], queries.at(-1)])
        expect(await costOf(deliveries(page))).toEqual(oneRead);
    },
  );

  it("without a delivery costs one more: whether there is such a notification at all", async () => {
    const both = { ...oneRead, "table read Jobs": 1 };
    const asked = deliveries("?state=failed");
    expect(await ask(asked)).toEqual({ value: [] });
    expect(await costOf(asked)).toEqual(both);
    const unknown = deliveries("", newestFirstId(Date.now()));
    expect(await ask(unknown)).toMatchObject({ code: "unknown-notification" });
    expect(await costOf(unknown)).toEqual(both);
  });

  it("is not shown to who asks for it under another tenant's name", async () => {
    const params = { tenantId: await door.tenant(), notificationId };
    const theirs = await door.call("notifications-deliveries", { token: adminToken, params });
    const none = { ...params, notificationId: newestFirstId(Date.now()) };
    const nobodys = await door.call("notifications-deliveries", {
      token: adminToken,
      params: none,
    });
    expect(theirs.body["code"]).toBe("unknown-notification");
    expect(theirs.status).toBe(nobodys.status);
    expect(Object.keys(theirs.body)).toEqual(Object.keys(nobodys.body));
  });

  it("of a notification out of reach costs what one that does not exist costs, and shows nothing", async () => {
    const body = { kind: "static", name: "Mine", deviceIds: [idOf(0), idOf(1)] };
    const params = { tenantId };
    const added = await door.call("collections-add", { token: adminToken, params, body });
    const collectionId = String(added.body["collectionId"]);
    const scope = { kind: "collections", collections: [{ tenantId, collectionId }] } as const;
    const { token } = await door.holder("infrastructureAdministrator", scope);
    const limited = { "table read Collections": 1, "table read Jobs": 1 };
    for (const id of [notificationId, newestFirstId(Date.now())]) {
      expect(await ask(deliveries("", id), token)).toMatchObject({ code: "unknown-notification" });
      expect(await costOf(deliveries("", id), token)).toEqual(limited);
    }
    const own = await send(token, { kind: "tenant" });
    const { value } = await ask(deliveries("", own), token);
    expect(value.map(({ deviceId }) => deviceId)).toEqual(body.deviceIds);
    // Who is in the collection now is asked of the directory: former members are not shown.
    const members = { "table read Devices": 3 };
    expect(await costOf(deliveries("", own), token)).toEqual({
      ...limited,
      ...oneRead,
      ...members,
    });
  });
});

describe("other reading", () => {
  it("of a status is the notification, its plan, and a read of counts for up to 1,000 rows", async () => {
    const status = { name: "notifications-get", ids: { notificationId } };
    expect(await costOf(status)).toEqual({
      "table read Jobs": 1,
      "table read Items": 2,
    });
  });

  it("of the device list is three reads, on the first page as on the last", async () => {
    const list = { name: "devices-list", query: "?top=100" };
    const { queries, ids } = await walk(list);
    expect(new Set(ids).size).toBe(devices);
    for (const query of [queries[0], queries[16], queries.at(-1)])
      expect(await costOf({ ...list, query: query ?? "" })).toEqual({ "table read Devices": 3 });
  });

  it("of a device is three reads, whether it is there or not", async () => {
    for (const deviceId of [idOf(0), randomUUID()]) {
      const device = { name: "devices-get", ids: { deviceId } };
      expect(await costOf(device)).toEqual({ "table read Devices": 3 });
    }
  });
});
