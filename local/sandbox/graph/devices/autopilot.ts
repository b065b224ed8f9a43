/** Windows Autopilot identities of a tenant's registered devices. */

import { badRequest } from "../errors.ts";
import { type GraphCall, type GraphHandler, ok } from "../exchange.ts";
import { listBody, readOptions } from "../query-options.ts";
import * as facts from "./device-facts.ts";

/** `GET /deviceManagement/windowsAutopilotDeviceIdentities`. */
export const listAutopilotIdentities: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const { fleet } = call.tenant;
  const entities: string[] = [];
  let next: number | undefined;
  for (let index = options.from; index < fleet.size(); index += 1) {
    const tag = fleet.removed(index) ? undefined : facts.groupTag(call.tenant, index);
    if (tag === undefined) continue;
    if (entities.length === options.top) {
      next = index;
      break;
    }
    entities.push(JSON.stringify(pick(identity(call, index, tag), options.select)));
  }
  return ok(
    listBody(call, {
      context: "deviceManagement/windowsAutopilotDeviceIdentities",
      entities,
      next,
    }),
  );
};

function identity(call: GraphCall, index: number, groupTag: string): Record<string, unknown> {
  const { tenant, now } = call;
  const [manufacturer, model] = facts.hardwareOf(tenant, index);
  const shown = tenant.fleet.visible(index);
  const entraDevice = tenant.families.entraDevices.at(index);
  const identityOfBoth = {
    id: tenant.families.autopilot.at(index),
    groupTag,
    purchaseOrderIdentifier: "",
    serialNumber: facts.serialNumber(tenant, index),
    productKey: "",
    manufacturer,
    model,
    enrollmentState: shown ? "enrolled" : "notContacted",
    lastContactedDateTime: facts.graphTime(tenant.results.lastSync(index, now)),
    addressableUserName: "",
    userPrincipalName: "",
    resourceName: "",
    skuNumber: "",
    systemFamily: "",
    azureActiveDirectoryDeviceId: entraDevice,
    managedDeviceId: shown ? tenant.fleet.ids.at(index) : "00000000-0000-0000-0000-000000000000",
    displayName: "",
  };
  if (call.version === "v1.0") return identityOfBoth;
  return {
    ...identityOfBoth,
    azureAdDeviceId: entraDevice,
    deploymentProfileAssignmentStatus: "assignedInSync",
    deploymentProfileAssignmentDetailedStatus: "none",
    remediationState: "noRemediationRequired",
    userlessEnrollmentStatus: "unknown",
  };
}

/** The chosen members of an entity; all of them when nothing was chosen. */
export function pick(
  entity: Record<string, unknown>,
  select: readonly string[] | undefined,
): Record<string, unknown> {
  if (select === undefined) return entity;
  return Object.fromEntries(Object.entries(entity).filter(([name]) => select.includes(name)));
}
