/**
 * The devices of a tenant, as the directory has them.
 */

import * as z from "zod";
import type { CollectionStore } from "../../shared/devices/collections/collection-store.ts";
import {
  DeviceQuery,
  filterOf,
  listDevices,
  readDevice,
  sortDevices,
} from "../../shared/devices/collections/list-devices.ts";
import { DeviceView } from "../../shared/devices/directory/device.ts";
import type { DirectoryStore } from "../../shared/devices/directory/directory.ts";
import { operation } from "../../shared/http/operation.ts";
import { pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import type { Clock } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { DeviceId, TenantId } from "../../shared/kernel/values.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, reachOfCaller, type Tools } from "../define.ts";

type Needs = {
  readonly clock: Clock;
  readonly collections: CollectionStore;
  readonly directory: DirectoryStore;
};

/** Path of one device. */
const DevicePath = z.strictObject({ tenantId: TenantId, deviceId: DeviceId });

/** Names a list with its filters, so that a token of one is refused by every other. */
const listName = (tenantId: string, filter: Parameters<typeof filterOf>[0]): string =>
  `devices ${tenantId} ${JSON.stringify(filter, Object.keys(filter).toSorted(byText))}`;

const byText = (one: string, other: string): number => (one < other ? -1 : 1);

const DevicePage = pageOf(DeviceView).extend({
  total: z.int().optional().describe("How many there are in all; known where they are sorted"),
});

export const listDevicesFunction = onHttp(
  operation({
    name: "devices-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices",
    summary:
      "List devices, filtered; a page may hold fewer than asked for and still have a next one",
    tag: "Devices",
    params: TenantPath,
    query: DeviceQuery,
    answers: { 200: { description: "A page of devices", body: DevicePage } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { services } = tools;
    const { top, pageToken, sort, descending, ...filter } = query;
    const list = `${listName(tenantId, filter)} ${sort ?? ""} ${descending ?? ""}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const accepts = filterOf(filter, services.clock.now());
    if (sort !== undefined) {
      const order = { sort, descending: descending === "true", position: position.value };
      const reach = await reachOfCaller(tools, tenantId);
      const found = await sortDevices(services.directory, tenantId, {
        ...order,
        top,
        accepts,
        reach,
      });
      if (!found.ok) return found;
      const { total, ...page } = found.value;
      return succeed(ok({ ...pageBody(url, list, page), total }));
    }
    const wanted = {
      after: position.value,
      top,
      accepts,
      reach: await reachOfCaller(tools, tenantId),
    };
    const page = await listDevices(services.directory, tenantId, wanted);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);

// Shows a device.

export const getDeviceFunction = onHttp(
  operation({
    name: "devices-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices/{deviceId}",
    summary: "Show a device as the directory has it",
    tag: "Devices",
    params: DevicePath,
    answers: { 200: { description: "The device", body: DeviceView } },
  }),
  async ({ params: { tenantId, deviceId } }, tools: Tools<Needs>) => {
    const { services } = tools;
    const reach = await reachOfCaller(tools, tenantId);
    const found = await readDevice(services.directory, tenantId, deviceId, reach);
    return found.ok ? succeed(ok(found.value)) : found;
  },
  { keepsLimits: true },
);
