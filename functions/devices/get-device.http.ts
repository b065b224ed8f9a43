/** Shows a device. */
import { DevicePath, DeviceView } from "../../shared/devices/contract.ts";
import { readDevice } from "../../shared/devices/directory-list.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";
import { reachOfCaller } from "../reach-of-caller.ts";

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
  async ({ params: { tenantId, deviceId } }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const reach = await reachOfCaller(tools, tenantId);
    const found = await readDevice(services.directory, tenantId, deviceId, reach);
    return found.ok ? succeed(ok(found.value)) : found;
  },
  { keepsLimits: true },
);
