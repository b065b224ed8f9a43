/** Joining what sites report with what Intune gave, and what a refresh makes of it. */

import { assert as holds, nat, property, uniqueArray } from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../../shared/devices/directory/device.ts";
import { beginJoin, siteDeviceId, siteOnlyDevice } from "../../../shared/devices/refresh/merge.ts";
import { refreshesWith } from "../../../shared/devices/refresh/work.ts";
import { type SiteDevice, SiteStore } from "../../../shared/devices/sites/sites.ts";
import { graphDevices, idOf, openRig, type Rig } from "./support/refresh-rig.ts";

const tenantId = idOf(1);
const entry = (resourceId: number, entra?: number) => ({
  siteCode: "P01",
  resourceId,
  name: `PC-${resourceId}`,
  ...(entra === undefined ? {} : { entraDeviceId: idOf(entra) }),
});
const known = (
  number: number,
  entra: number,
  lastSyncDateTime = "2026-01-01T00:00:00Z",
): Device => ({
  ...siteOnlyDevice(tenantId, entry(number)),
  deviceId: idOf(number),
  source: "intune",
  entraDeviceId: idOf(entra),
  lastSyncDateTime,
});

function join(entries: Parameters<typeof beginJoin>[1], devices: readonly Device[]) {
  const begun = beginJoin(tenantId, entries);
  for (const device of devices) begun.see(device);
  return begun.result();
}

describe("a join", () => {
  test("adds the resource id to the device with the same Entra id", () => {
    expect(join([entry(5, 900)], [known(1, 900), known(2, 901)])).toEqual([
      { kind: "site", id: idOf(1), resourceId: 5, siteCode: "P01" },
    ]);
  });

  test("makes devices of what Intune does not know", () => {
    const [alone, unmatched] = join([entry(5), entry(6, 900)], [known(1, 901)]);
    expect(alone).toMatchObject({ kind: "device", device: { configMgrResourceId: 5 } });
    expect(unmatched).toMatchObject({
      kind: "device",
      device: { source: "configMgr", entraDeviceId: idOf(900), configMgrResourceId: 6 },
    });
  });

  test("takes the newest of several site records of one device", () => {
    expect(join([entry(9, 900), entry(5, 900)], [known(1, 900)])).toEqual([
      { kind: "site", id: idOf(1), resourceId: 9, siteCode: "P01" },
    ]);
  });

  test("takes the client of several site records of one device, though the site has found it since", () => {
    const found = { ...entry(9, 900), client: false };
    for (const entries of [
      [found, entry(5, 900)],
      [entry(5, 900), found],
    ])
      expect(join(entries, [known(1, 900)])).toEqual([
        { kind: "site", id: idOf(1), resourceId: 5, siteCode: "P01" },
      ]);
  });

  test("says of a device that the site has only found that no client runs on it", () => {
    const found = { ...entry(5, 900), client: false };
    expect(join([found], [known(1, 900)])).toEqual([
      { kind: "site", id: idOf(1), resourceId: 5, siteCode: "P01", client: false },
    ]);
    expect(join([found], [])).toMatchObject([
      { device: { managementAgent: "configMgrDiscovery", configMgrClient: false } },
    ]);
  });

  test("takes the liveliest of several Intune records of one device, in any order", () => {
    const stale = known(1, 900, "2025-01-01T00:00:00Z");
    const lively = known(2, 900, "2026-06-01T00:00:00Z");
    for (const devices of [
      [stale, lively],
      [lively, stale],
    ])
      expect(join([entry(5, 900)], devices)).toMatchObject([{ kind: "site", id: idOf(2) }]);
  });

  test("gives every client once, whatever Intune knows", () => {
    const numbers = uniqueArray(nat(200), { maxLength: 30 });
    holds(
      property(numbers, numbers, (clients, devices) => {
        const entries = clients.map((number) => entry(number + 1, number));
        const records = join(
          entries,
          devices.map((number) => known(number, number)),
        );
        expect(new Set(records.map(({ id }) => id)).size).toBe(clients.length);
      }),
    );
  });
});

describe("the id of a device that only a site knows", () => {
  test("is a GUID, and stays when the client is installed anew or moves", () => {
    const first = siteDeviceId(tenantId, entry(5, 900));
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(siteDeviceId(tenantId, { ...entry(6, 900), siteCode: "P02" })).toBe(first);
  });

  test("without an Entra id depends on tenant, site and resource", () => {
    const ids = [
      siteDeviceId(tenantId, entry(5)),
      siteDeviceId(tenantId, entry(6)),
      siteDeviceId(tenantId, { ...entry(5), siteCode: "P02" }),
      siteDeviceId(idOf(2), entry(5)),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(siteDeviceId(tenantId, entry(5))).toBe(ids[0]);
  });
});

const client = (number: number): SiteDevice => ({
  resourceId: number + 1,
  name: `PC-${number}`,
  operatingSystem: "Microsoft Windows NT Workstation 10.0",
  // As graphDevice() gives them.
  entraDeviceId: idOf(number + 1_000_000),
});

const counts = (devices: readonly Device[]) => ({
  all: devices.length,
  joined: devices.filter((each) => each.source === "intune" && each.configMgrResourceId).length,
  alone: devices.filter((each) => each.source === "configMgr").length,
});

describe("a refresh takes in what sites report", () => {
  let rig: Rig;
  let sites: SiteStore;
  beforeAll(async () => {
    rig = await openRig();
    sites = rig.deps.sites;
  });
  afterAll(() => rig.graph.stop());

  async function handIn(
    tenant: string,
    nth: number,
    parts: readonly SiteDevice[][],
    confirmDevices?: number,
  ) {
    const of = { tenantId: tenant, siteCode: "P01", inventoryId: idOf(nth) };
    for (const [part, devices] of parts.entries()) await sites.putPart(of, part, devices);
    const done = await refreshesWith(rig.deps).completeInventory(
      of,
      parts.length,
      `seed-${nth}-${tenant}`,
      confirmDevices,
    );
    if (!done.ok) throw new Error(done.failure.detail);
    await rig.finish(tenant, done.value.refreshId);
    return done.value;
  }

  // With two pages to a slice the directory is joined from its runs, else in memory.
  test.each([
    { way: "in memory", slicePages: 20, fleet: 300 },
    { way: "from runs", slicePages: 1, fleet: 2500 },
  ])("joined $way", async ({ slicePages, fleet }) => {
    const tenant = rig.addTenant();
    const deps = { ...rig.deps, slicePages };
    rig.graph.devices = graphDevices(fleet);
    const some = Array.from({ length: 200 }, (_, at) => client(fleet - 100 + at));
    await handIn(tenant, 1, [some.slice(0, 150), some.slice(150)]);
    await rig.refresh(tenant, deps);
    expect(counts(await rig.all(tenant))).toEqual({ all: fleet + 100, joined: 100, alone: 100 });
    // A device that enrolls is one device from the same refresh on.
    rig.graph.devices = graphDevices(fleet + 50);
    await rig.refresh(tenant, deps);
    expect(counts(await rig.all(tenant))).toEqual({ all: fleet + 100, joined: 150, alone: 50 });
    // What the site no longer reports goes.
    await handIn(tenant, 2, [some.slice(0, 10)], 10);
    await rig.refresh(tenant, deps);
    expect(counts(await rig.all(tenant))).toEqual({ all: fleet + 50, joined: 10, alone: 0 });
  });

  test.each([0, 1, 19])(
    "an inventory of %i devices, where the site had 200, is held until a person confirms it",
    async (left) => {
      const tenant = rig.addTenant();
      rig.graph.devices = [];
      const some = Array.from({ length: 200 }, (_, at) => client(at));
      await handIn(tenant, 1, [some]);
      const part = some.slice(0, left);
      const held = handIn(tenant, 2, [part]);
      await expect(held).rejects.toThrow(`confirmDevices=${left}`);
      await expect(handIn(tenant, 2, [part], left + 1)).rejects.toThrow("200");
      expect(await sites.sites(tenant)).toMatchObject([{ devices: 200, inventoryId: idOf(1) }]);
      rig.time.now += 1000;
      await handIn(tenant, 2, [part], left);
      expect(await sites.sites(tenant)).toMatchObject([{ devices: left, inventoryId: idOf(2) }]);
      // What is the present one already needs no second confirmation, nor does one that is as small.
      await handIn(tenant, 2, [part]);
      if (left > 0) await handIn(tenant, 3, [part]);
    },
  );

  test("an incomplete inventory changes nothing and names the missing part", async () => {
    const tenant = rig.addTenant();
    const of = { tenantId: tenant, siteCode: "P01", inventoryId: idOf(3) };
    await sites.putPart(of, 1, [client(1)]);
    const refused = await refreshesWith(rig.deps).completeInventory(of, 2, "seed");
    expect(refused).toMatchObject({ ok: false, failure: { code: "conflict" } });
    expect(await sites.sites(tenant)).toEqual([]);
  });

  test("parts of an inventory that is never completed are removed, and no others", async () => {
    const tenant = rig.addTenant();
    // Long ago: what other tests hand in is not what is looked for.
    const { now } = rig.time;
    rig.time.now -= 10 * 24 * 3600 * 1000;
    rig.graph.devices = [];
    const part = [client(1), client(2)];
    for (const nth of [1, 2, 3]) {
      rig.time.now += 1000;
      await handIn(tenant, nth, [part]);
    }
    const of = (nth: number) => ({ tenantId: tenant, siteCode: "P01", inventoryId: idOf(nth) });
    // Of the present one a part comes again, after its end.
    await sites.putPart(of(3), 0, part);
    await sites.putPart(of(4), 0, part);
    await sites.putPart(of(4), 7, part);
    await sites.putPart(of(5), 0, part);
    rig.time.now += 10_000;
    await sites.putPart(of(5), 1, part);
    const before = rig.time.now - 5000;
    expect(await sites.expireOpen(before, () => false)).toBe(0);
    expect(await sites.expireOpen(before, () => true)).toBe(1);
    const left = async (nth: number) => [
      (await sites.parts(of(nth))).size,
      (await sites.readPart(of(nth), 0))?.length,
    ];
    expect(await Promise.all([1, 2, 3, 4, 5].map(left))).toEqual([
      [0, undefined],
      [1, 2],
      [1, 2],
      [0, undefined],
      [2, 2],
    ]);
    expect(await sites.expireOpen(before, () => true)).toBe(0);
    expect(await sites.expireOpen(rig.time.now + 1, () => true)).toBe(1);
    rig.time.now = now;
  });

  test("completing twice is once, and says whether the refresh takes it in", async () => {
    const tenant = rig.addTenant();
    rig.graph.devices = graphDevices(3);
    const under = await rig.start(tenant);
    rig.time.now += 1000;
    const of = { tenantId: tenant, siteCode: "P01", inventoryId: idOf(4) };
    await sites.putPart(of, 0, [client(500)]);
    const first = await refreshesWith(rig.deps).completeInventory(of, 1, "seed-a");
    expect(first).toMatchObject({ value: { refreshId: under.refreshId, included: false } });
    await rig.finish(tenant, under.refreshId);
    rig.time.now += 1000;
    const second = await refreshesWith(rig.deps).completeInventory(of, 1, "seed-b");
    expect(second).toMatchObject({ value: { refreshId: "seed-b", included: true } });
  });
});
