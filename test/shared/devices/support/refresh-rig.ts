/** A directory on real storage with a small Graph, a clock that tests move, and calls that can be cut. */

import { randomUUID } from "node:crypto";
import { collectionsIn } from "../../../../shared/devices/collections/collection-store.ts";
import type { Device } from "../../../../shared/devices/directory/device.ts";
import { DirectoryStore, DirectoryWriter } from "../../../../shared/devices/directory/directory.ts";
import type { RefreshParts, TenantReads } from "../../../../shared/devices/refresh/merge.ts";
import type { Confirmed } from "../../../../shared/devices/refresh/refresh.ts";
import { RefreshStore, RunStore } from "../../../../shared/devices/refresh/refresh-store.ts";
import { refreshesWith } from "../../../../shared/devices/refresh/work.ts";
import { SiteStore } from "../../../../shared/devices/sites/sites.ts";
import { ThrottleStore } from "../../../../shared/graph/throttle.ts";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import type { Interceptor } from "../../../../shared/storage/calls.ts";
import { openStorage } from "../../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../../support/azurite.ts";
import { startSmallGraph } from "./small-graph.ts";

export class Cut extends Error {}

/** Where calls are cut: before or after the nth call; all later ones fail too, as after a crash. */
export type CutAt = { readonly nth: number; readonly when: "before" | "after" };

export async function openRig() {
  const graph = await startSmallGraph();
  const time = { now: Date.now() };
  const clock = { now: () => time.now };
  const calls: string[] = [];
  let cut: CutAt | undefined;
  const tap: Interceptor = async (operation, call) => {
    calls.push(operation);
    const past = cut !== undefined && calls.length - cut.nth;
    if (past === false || past < 0) return call();
    if (past > 0 || cut?.when === "before") throw new Cut(operation);
    await call();
    throw new Cut(operation);
  };
  const connection = { kind: "connectionString", value: storageConnectionString() } as const;
  const { tables, blobs, queues } = await openStorage(connection, clock, tap);
  const directory = new DirectoryStore(tables);
  const tenants = new Map<string, TenantReads>();
  const deps: RefreshParts = {
    clock,
    random: () => 0,
    tenant: async (tenantId) => tenants.get(tenantId),
    graph: graph.client(clock, tap),
    rests: () => Promise.resolve(undefined),
    throttle: new ThrottleStore(tables),
    queues,
    refreshes: new RefreshStore(tables),
    runs: new RunStore(tables, blobs),
    sites: new SiteStore(tables, blobs, clock),
    directory,
    writer: new DirectoryWriter(tables),
    leaseMs: 120_000,
    slicePages: 20,
  };
  const rig = {
    graph,
    deps,
    directory,
    tables,
    calls,
    tenants,
    time,
    collections: collectionsIn(tables, directory, clock),
    /** A tenant of its own for each test. */
    addTenant: (reads: TenantReads = { deviceReads: "unlimited" }): string => {
      const tenantId = randomUUID();
      tenants.set(tenantId, reads);
      return tenantId;
    },
    start: (tenantId: string, confirmed?: Confirmed) =>
      refreshesWith(deps).start(tenantId, newestFirstId(clock.now()), confirmed),
    /** Delivers messages until one is acknowledged, moving the clock as long as each asked to wait. */
    finish: async (tenantId: string, refreshId: string, with_: RefreshParts = deps) => {
      for (let delivery = 0; delivery < 200; delivery += 1) {
        const outcome = await refreshesWith(with_).work({ tenantId, refreshId });
        if (outcome.kind === "ack") break;
        time.now += outcome.afterSeconds * 1000;
      }
      const stored = await deps.refreshes.get(tenantId, refreshId);
      if (stored === undefined) throw new Error("no such refresh");
      return stored.refresh;
    },
    refresh: async (tenantId: string, with_: RefreshParts = deps, confirmed?: Confirmed) => {
      const { refreshId } = await rig.start(tenantId, confirmed);
      return rig.finish(tenantId, refreshId, with_);
    },
    /** The whole directory, walked. */
    all: async (tenantId: string, step = 1000): Promise<Device[]> => {
      const devices: Device[] = [];
      let cursor: string | undefined;
      do {
        const walked = await directory.walk(tenantId, cursor, step);
        devices.push(...walked.devices);
        cursor = walked.next;
      } while (cursor !== undefined);
      return devices;
    },
    cutAt: (at: CutAt | undefined): void => {
      calls.length = 0;
      cut = at;
    },
  };
  return rig;
}

export type Rig = Awaited<ReturnType<typeof openRig>>;

/** Graph's record of the device with a number; the same number is the same device. */
export function graphDevice(number: number, more: Record<string, unknown> = {}) {
  return {
    id: idOf(number),
    deviceName: `PC-${number}`,
    operatingSystem: number % 3 === 0 ? "iOS" : "Windows",
    osVersion: "10.0.26100.1",
    managementAgent: number % 2 === 0 ? "mdm" : "configurationManagerClientMdm",
    complianceState: "compliant",
    lastSyncDateTime: "2026-08-01T10:00:00Z",
    enrolledDateTime: "2025-01-01T00:00:00Z",
    serialNumber: `SN${number}`,
    azureADDeviceId: idOf(number + 1_000_000),
    userPrincipalName: null,
    model: "M",
    manufacturer: "Contoso",
    ...more,
  };
}

/** Devices `from` to below `to`. */
export const graphDevices = (to: number, from = 0) =>
  Array.from({ length: to - from }, (_, index) => graphDevice(from + index));

/** An id that is spread evenly, as real ones are, and the same for the same number. */
export function idOf(number: number): string {
  let mixed = Math.imul(number ^ 0x9e3779b9, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  const head = ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, "0");
  return `${head}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}
