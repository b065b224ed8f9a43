/** The Graph requests that carry an action: for many devices, and for one. Pure. */
import type { GraphRequest } from "../graph/request.ts";
import type { DeviceCall } from "./route.ts";

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
