/** Whom a notification reaches: lists, collections as they were, rules as they are, retries, dry runs. */

import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { CollectionBody } from "../../../shared/devices/collections/collection.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { NewNotification, RetryRequest } from "../../../shared/notifications/contract.ts";
import { dryRun } from "../../../shared/notifications/dry-run.ts";
import { retryNotification } from "../../../shared/notifications/send-notification.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { deliveriesOf, effectsOn, tally } from "./support/rig-reading.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const planned = () => rig.queues.waiting().some(({ queue }) => queue === queueNames.fanoutDispatch);

async function idsOf(tenantId: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { devices, next } = await rig.services.directory.walk(tenantId, cursor, 5000);
    ids.push(...devices.map(({ deviceId }) => deviceId));
    cursor = next;
  } while (cursor !== undefined);
  return ids;
}

async function collect(tenantId: string, body: object): Promise<string> {
  const id = newestFirstId(Date.now());
  const parsed = CollectionBody.parse({ name: "C", ...body });
  const added = await rig.services.collections.add(tenantId, id, parsed);
  if (!added.ok) throw new Error(added.failure.detail);
  return id;
}

async function retry(tenantId: string, notificationId: string, body: object): Promise<string> {
  const retryId = newestFirstId(Date.now());
  const ids = { tenantId, notificationId };
  const made = await retryNotification(rig.services.notify, ids, retryId, RetryRequest.parse(body));
  if (!made.ok) return made.failure.code;
  return retryId;
}

/** As many as it takes, or a fifth of them where time is short. */
const many = (devices: number): number => (inject("oneCaseIn") === 1 ? devices : devices / 5);

describe("a list", () => {
  it.each([many(10_000)])(
    "of %i devices reaches exactly these, each once",
    async (devices) => {
      const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: devices + 200 });
      const deviceIds = (await idsOf(tenantId)).slice(100, devices + 100);
      const target = { kind: "devices", deviceIds: [...deviceIds, deviceIds[0]!].slice(1) };
      const notificationId = await rig.send(tenantId, { target });
      await rig.drain();
      const reached = await deliveriesOf(rig, tenantId, notificationId);
      expect(reached.map(({ deviceId }) => deviceId)).toEqual(deviceIds);
      expect(await tally(rig, tenantId, notificationId)).toEqual({ done: devices });
      expect(await rig.ledger(tenantId)).toMatchObject({ total: devices, doubled: 0 });
    },
    60_000,
  );
});

describe("a static collection", () => {
  it("that is edited after sending changes nothing", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 10 });
    const ids = await idsOf(tenantId);
    const collectionId = await collect(tenantId, { kind: "static", deviceIds: ids.slice(0, 4) });
    const target = { kind: "collection", collectionId };
    const notificationId = await rig.send(tenantId, { target });
    const body = CollectionBody.parse({ name: "C", kind: "static", deviceIds: ids.slice(6) });
    const place = { tenantId, collectionId };
    await rig.services.collections.replace(place, body, undefined);
    await rig.drain();
    const reached = (await effectsOn(rig, tenantId)).map(({ deviceId }) => deviceId);
    expect(reached.toSorted()).toEqual(ids.slice(0, 4));
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 4 });
  });
});

describe("a collection by rule", () => {
  const rule = { property: "lastSyncDateTime", operator: "before", value: "" };

  it("is asked again before anything leaves, when the directory was refreshed meanwhile", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 20 });
    const value = new Date(Date.now() + 1).toISOString();
    const collectionId = await collect(tenantId, { kind: "rule", rule: { ...rule, value } });
    const target = { kind: "collection", collectionId };
    const notificationId = await rig.send(tenantId, { target });
    await rig.drain(planned);
    const held = rig.queues.waiting();
    rig.queues.lose();
    await rig.sandbox.control("PATCH", `/tenants/${tenantId}`, { remove: 2 });
    await rig.sandbox.control("PATCH", `/tenants/${tenantId}`, { touch: 5 });
    await rig.services.refreshes.start(tenantId, newestFirstId(Date.now()));
    await rig.drain();
    for (const message of held) rig.queues.put(message);
    await rig.drain();
    const ends = await tally(rig, tenantId, notificationId);
    expect(ends).toEqual({ done: 13, "cancelled left-target": 7 });
    const left = (await deliveriesOf(rig, tenantId, notificationId)).filter(
      ({ state }) => state === "cancelled",
    );
    const reached = new Set((await effectsOn(rig, tenantId)).map(({ deviceId }) => deviceId));
    expect(left.filter(({ deviceId }) => reached.has(deviceId))).toEqual([]);
    expect(reached.size).toBe(13);
  });

  it("that is edited after sending still means what it meant", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 8 });
    const { devices } = await rig.services.directory.walk(tenantId, undefined, 100);
    const names = devices.slice(0, 3).map(({ name }) => name);
    const three = {
      or: names.map((name) => ({ property: "deviceName", operator: "startsWith", value: name })),
    };
    const collectionId = await collect(tenantId, { kind: "rule", rule: three });
    const notificationId = await rig.send(tenantId, {
      target: { kind: "collection", collectionId },
    });
    const body = CollectionBody.parse({ name: "C", kind: "rule", rule: { not: three } });
    await rig.services.collections.replace({ tenantId, collectionId }, body, undefined);
    await rig.drain();
    expect(await tally(rig, tenantId, notificationId)).toEqual({ done: 3 });
  });
});

describe("the expected number", () => {
  it("is shown before planning, for a tenant, a list, a static collection, a rule and a retry", async () => {
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 12 });
    const deviceIds = (await idsOf(tenantId)).slice(0, 5);
    const fixed = await collect(tenantId, { kind: "static", deviceIds: deviceIds.slice(2) });
    const name = (await rig.services.directory.get(tenantId, deviceIds[0]!))?.name;
    const rule = { not: { property: "deviceName", operator: "equals", value: name } };
    const ruled = await collect(tenantId, { kind: "rule", rule });
    const targets = [
      [{ kind: "tenant" }, 12],
      [{ kind: "devices", deviceIds }, 5],
      [{ kind: "collection", collectionId: fixed }, 3],
      [{ kind: "collection", collectionId: ruled }, 11],
    ] as const;
    let first = "";
    for (const [target, total] of targets) {
      const id = await rig.send(tenantId, { target });
      first ||= id;
      const { counts, phase, progress } = await rig.view(tenantId, id);
      expect({ counts, phase, progress }).toMatchObject({
        counts: { total, waiting: total },
        phase: "planning",
        progress: { planned: false, percent: 0 },
      });
    }
    await rig.drain();
    const again = await retry(tenantId, first, { only: ["failed", "notSupported"] });
    expect(again).toBe("nothing-to-retry");
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, failRate: 1 });
    const failed = await rig.send(tenantId);
    await rig.drain();
    expect((await rig.view(tenantId, failed)).state).toBe("failed");
    const repeated = await retry(tenantId, failed, { only: ["failed"] });
    expect((await rig.view(tenantId, repeated)).counts).toMatchObject({ total: 12, waiting: 12 });
    await rig.drain();
  });

  it("of a rule is a share of the directory, where this is too large to be looked at whole", async () => {
    const devices = 9_000;
    const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
    const { devices: all } = await rig.services.directory.walk(tenantId, undefined, devices);
    const sites = [...new Set(all.map(({ name }) => name.slice(0, 3)))].toSorted();
    const some = sites.slice(0, Math.ceil(sites.length / 2));
    const found = all.filter(({ name }) => some.includes(name.slice(0, 3))).length;
    const rule = {
      or: some.map((value) => ({ property: "deviceName", operator: "startsWith", value })),
    };
    const collectionId = await collect(tenantId, { kind: "rule", rule });
    const id = await rig.send(tenantId, { target: { kind: "collection", collectionId } });
    const { total } = (await rig.view(tenantId, id)).counts;
    expect(found).toBeGreaterThan(500);
    expect(total).toBeGreaterThan(found * 0.8);
    expect(total).toBeLessThan(found * 1.2);
    rig.queues.lose();
  });
});

describe("a retry", () => {
  it.each([many(3_000)])(
    "reaches the failed and offline ones of %i, exactly",
    async (devices) => {
      const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
      const { control } = rig.sandbox;
      await control("PUT", "/behaviour", { tenantId, failRate: 0.6, offlineRate: 0.1 });
      const first = await rig.send(tenantId, { expiresAfter: "PT4S" });
      await rig.drain();
      const ended = await deliveriesOf(rig, tenantId, first);
      const again = ended.filter(({ state }) => state === "failed" || state === "offline");
      expect(again.length).toBeGreaterThan(devices / 6);
      await control("PUT", "/behaviour", { tenantId, failRate: 0, offlineRate: 0 });
      await control("DELETE", "/ledger");
      const second = await retry(tenantId, first, {
        only: ["failed", "offline"],
        expiresAfter: "PT60S",
      });
      await rig.drain();
      expect((await rig.view(tenantId, second)).retryOf).toBe(first);
      expect(await tally(rig, tenantId, second)).toEqual({ done: again.length });
      const reached = (await effectsOn(rig, tenantId)).map(({ deviceId }) => deviceId);
      expect(reached.toSorted()).toEqual(again.map(({ deviceId }) => deviceId));
      expect(await retry(tenantId, second, { only: ["failed"] })).toBe("nothing-to-retry");
      expect(await deliveriesOf(rig, tenantId, first)).toEqual(ended);
    },
    60_000,
  );
});

describe("a dry run", () => {
  it.each([
    ["restart", true],
    ["restart", false],
    ["downloadComputerPolicy", true],
    ["wakeUp", false],
  ])("of %s, approximate ways %s, says what then happens", async (action, allowApproximate) => {
    const tenantId = await rig.tenant({ devices: 900, seed: 3 });
    const body = { action, allowApproximate, target: { kind: "tenant" }, expiresAfter: "PT60S" };
    const would = await dryRun(rig.services.notify, tenantId, NewNotification.parse(body));
    if (!would.ok) throw new Error(would.failure.detail);
    expect(rig.queues.waiting()).toEqual([]);
    const notificationId = await rig.send(tenantId, body);
    await rig.sandbox.control("DELETE", "/requests");
    await rig.drain();
    const { total, byRoute, notSupported } = would.value;
    const ended = await deliveriesOf(rig, tenantId, notificationId);
    const byWay = Object.groupBy(ended, ({ state, route = "", code = "" }) =>
      state === "done" ? route : code,
    );
    const expected: Record<string, number> = {};
    for (const { route, devices } of byRoute) expected[route] = (expected[route] ?? 0) + devices;
    for (const { code, devices } of notSupported) expected[code] = (expected[code] ?? 0) + devices;
    expect(
      Object.fromEntries(Object.entries(byWay).map(([way, each]) => [way, each?.length])),
    ).toEqual(expected);
    expect(ended).toHaveLength(total);
    const { body: counted } = await rig.sandbox.control<{ byKind: Record<string, number> }>(
      "GET",
      "/requests",
    );
    const asked = Object.entries(counted.byKind)
      .filter(([kind]) => kind.includes("POST") && !kind.startsWith("POST $batch"))
      .reduce((sum, [, times]) => sum + times, 0);
    expect(byRoute.reduce((sum, { graphRequests }) => sum + graphRequests, 0)).toBe(asked);
  });
});
