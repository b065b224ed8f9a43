/** How an action goes out: which Graph requests carry it to which devices. Pure. */
import { type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { DeviceCall, Route } from "./action.ts";

/** Most devices in one bulk request. Undocumented; the admin center stops at 100. */
const maxBulkDevices = 100;

/** Devices that get an action by the same route. `singly`: bulk was refused for them before; `atMost`: so many in a call. */
export type SendGroup = {
  readonly route: Route;
  readonly singly: boolean;
  readonly atMost?: number | undefined;
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

/**
 * How many devices a call may have after one with `size` of them got no answer: half, a quarter of the most, one.
 * So whoever spoils a call for others is by itself after three steps.
 */
export const smallerThan = (form: SendCall["form"], size: number): number =>
  size > mostIn(form) / 4 ? Math.ceil(size / 2) : 1;

const mostIn = (form: SendCall["form"]): number =>
  form === "bulk" ? maxBulkDevices : maxBatchParts;

/** Cuts groups into calls: bulk where the route has it, else batches of 20. The relay's route has no calls here. */
export function callsFor(groups: readonly SendGroup[]): SendCall[] {
  return groups.flatMap(({ route, singly, atMost, deviceIds }) => {
    if (route.call === undefined && route.bulkAction === undefined) return [];
    // Asked for one device, only its own request tells the reason.
    const single = singly || (atMost === 1 && route.call !== undefined);
    const form = route.bulkAction !== undefined && !single ? "bulk" : "batch";
    const size = Math.min(mostIn(form), atMost ?? maxBulkDevices);
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
