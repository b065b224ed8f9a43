/** How an action goes out: which Graph requests carry it to which devices. Pure. */
import { maxBatchParts } from "../../graph/batch.ts";
import type { GraphRequest } from "../../graph/request.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { DeviceCall, Route } from "./action.ts";

/** Most devices in one bulk request. Undocumented; the admin center stops at 100. */
const maxBulkDevices = 100;

/** Devices that get an action by the same way. `alone`: bulk was refused for them before. */
export type SendGroup = {
  readonly route: Route;
  readonly alone: boolean;
  readonly deviceIds: readonly string[];
};

/** One request to Graph, for some devices. */
export type SendCall = {
  readonly route: Route;
  readonly form: "bulk" | "batch";
  readonly deviceIds: readonly string[];
};

/** What a call costs of the tenant's budget: each part of a batch counts by itself. */
export const costOf = ({ form, deviceIds }: SendCall): number =>
  form === "bulk" ? 1 : deviceIds.length;

/** Cuts groups into calls: bulk where the way has it, else batches of 20. The relay's way has no calls here. */
export function callsFor(groups: readonly SendGroup[]): SendCall[] {
  return groups.flatMap(({ route, alone, deviceIds }) => {
    if (route.call === undefined && route.bulkAction === undefined) return [];
    const form = route.bulkAction !== undefined && !alone ? "bulk" : "batch";
    const size = form === "bulk" ? maxBulkDevices : maxBatchParts;
    return inChunks(deviceIds, size).map((chunk): SendCall => ({ route, form, deviceIds: chunk }));
  });
}

// The Graph requests that carry an action: for many devices, and for one. Pure.

/** The bulk request. Only the names of our own catalogue ever stand in it: its enum also holds wipe. */
export const bulkRequest = (bulkAction: string, deviceIds: readonly string[]): GraphRequest => ({
  method: "POST",
  path: "/deviceManagement/managedDevices/executeAction",
  body: { actionName: bulkAction, deviceIds },
});

/** The request for one device. */
export function deviceRequest(
  call: DeviceCall,
  deviceId: string,
  parameters: Readonly<Record<string, unknown>>,
): GraphRequest {
  const filled = Object.entries(call.fill ?? {}).map(([property, parameter]) => [
    property,
    parameters[parameter],
  ]);
  const hasBody = call.body !== undefined || filled.length > 0;
  return {
    method: "POST",
    path: `/deviceManagement/managedDevices/${encodeURIComponent(deviceId)}/${call.segment}`,
    ...(hasBody ? { body: { ...call.body, ...Object.fromEntries(filled) } } : {}),
  };
}
