/** Windows Autopilot identities of a tenant: those of its enrolled devices, and hardware that was imported since. */

import type { Registered } from "../../fleet/registrations.ts";
import { badRequest, graphError, notFound, tooManyRequests } from "../errors.ts";
import { type GraphAnswer, type GraphCall, type GraphHandler, noContent, ok } from "../exchange.ts";
import { listBody, readOptions } from "../query-options.ts";
import * as facts from "./device-facts.ts";

const nobody = "00000000-0000-0000-0000-000000000000";

/** `GET /deviceManagement/windowsAutopilotDeviceIdentities`. */
export const listAutopilotIdentities: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const { fleet } = call.tenant;
  const imported = [...enrollmentOf(call).devices.values()].filter(
    ({ shownAt }) => shownAt <= call.now,
  );
  const entities: string[] = [];
  let next: number | undefined;
  for (let index = options.from; index < fleet.size() + imported.length; index += 1) {
    const hardware = imported[index - fleet.size()];
    const shown = hardware ? importedIdentity(call, hardware) : fleetIdentity(call, index);
    if (shown === undefined) continue;
    if (entities.length === options.top) {
      next = index;
      break;
    }
    entities.push(JSON.stringify(pick(shown, options.select)));
  }
  return ok(
    listBody(call, {
      context: "deviceManagement/windowsAutopilotDeviceIdentities",
      entities,
      next,
    }),
  );
};

/** `GET /deviceManagement/windowsAutopilotDeviceIdentities/{id}`. */
export const getIdentity: GraphHandler = (call) => {
  const [id = ""] = call.ids;
  const imported = enrollmentOf(call).devices.get(id);
  const index = call.tenant.families.autopilot.indexOf(id);
  const fleet = index === undefined ? undefined : fleetIdentity(call, index);
  const shown = imported ? importedIdentity(call, imported) : fleet;
  return shown === undefined ? notFound(call, "The Autopilot device") : ok(JSON.stringify(shown));
};

/** What a tenant has, once changes whose time has come are there. */
function enrollmentOf({ state, tenant, now }: GraphCall) {
  const enrollment = state.registrations.of(tenant.id);
  for (const change of enrollment.later) {
    if (change.at > now) continue;
    enrollment.later.delete(change);
    change.apply();
  }
  return enrollment;
}

/** The identity of one of the fleet's devices, unless it has none. */
function fleetIdentity(call: GraphCall, index: number): Record<string, unknown> | undefined {
  const { tenant, now } = call;
  const { removed, changed } = enrollmentOf(call);
  const groupTag = tenant.fleet.removed(index) ? undefined : facts.groupTag(tenant, index);
  const id = tenant.families.autopilot.at(index);
  if (groupTag === undefined || removed.has(id)) return undefined;
  const [manufacturer, model] = facts.hardwareOf(tenant, index);
  const shown = tenant.fleet.visible(index);
  const own = changed.get(id);
  return identity(call, {
    id,
    groupTag: own?.groupTag ?? groupTag,
    serialNumber: facts.serialNumber(tenant, index),
    productKey: "",
    manufacturer,
    model,
    enrollmentState: shown ? "enrolled" : "notContacted",
    lastContactedDateTime: facts.graphTime(tenant.results.lastSync(index, now)),
    addressableUserName: own?.addressableUserName ?? "",
    userPrincipalName: own?.user ?? "",
    azureActiveDirectoryDeviceId: tenant.families.entraDevices.at(index),
    managedDeviceId: shown ? tenant.fleet.ids.at(index) : nobody,
    displayName: own?.displayName ?? "",
  });
}

const importedIdentity = (call: GraphCall, device: Registered) =>
  identity(call, {
    id: device.id,
    groupTag: device.groupTag,
    serialNumber: device.serialNumber,
    productKey: device.productKey,
    manufacturer: "",
    model: "",
    enrollmentState: "notContacted",
    lastContactedDateTime: "0001-01-01T00:00:00Z",
    addressableUserName: device.addressableUserName,
    userPrincipalName: device.user,
    azureActiveDirectoryDeviceId: nobody,
    managedDeviceId: nobody,
    displayName: device.displayName,
  });

function identity(call: GraphCall, own: Readonly<Record<string, string>>): Record<string, unknown> {
  const ofBoth = {
    ...own,
    purchaseOrderIdentifier: "",
    resourceName: "",
    skuNumber: "",
    systemFamily: "",
  };
  if (call.version === "v1.0") return ofBoth;
  return {
    ...ofBoth,
    azureAdDeviceId: own["azureActiveDirectoryDeviceId"],
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

// Changes of one identity.

/** What can be changed: of imported hardware itself, of the fleet's devices beside what they follow from. */
function identityOf(call: GraphCall): Partial<Registered> | undefined {
  const [id = ""] = call.ids;
  const { devices, removed, changed } = enrollmentOf(call);
  const imported = devices.get(id);
  if (imported !== undefined) return imported;
  const index = call.tenant.families.autopilot.indexOf(id);
  const isThere = index !== undefined && fleetIdentity(call, index) !== undefined;
  if (!isThere || removed.has(id)) return undefined;
  const own = changed.get(id) ?? {};
  changed.set(id, own);
  return own;
}

const changing =
  (
    names: Readonly<Record<string, "user" | "addressableUserName" | "groupTag" | "displayName">>,
    action: string,
  ): GraphHandler =>
  (call) => {
    const body = call.body.kind === "json" ? (call.body.value as Record<string, unknown>) : {};
    const unknown = Object.keys(body).find((name) => !Object.hasOwn(names, name));
    if (unknown !== undefined)
      return badRequest(call, `The parameter '${unknown}' is not a valid parameter.`);
    const found = identityOf(call);
    if (found === undefined) return notFound(call, "The Autopilot device");
    noteEffect(call, action);
    const apply = (): void => {
      if (action === "unassignUserFromDevice")
        Object.assign(found, { user: "", addressableUserName: "" });
      for (const [name, member] of Object.entries(names))
        if (typeof body[name] === "string") found[member] = body[name];
    };
    const { changeLagMs } = call.behaviour;
    if (changeLagMs === 0) apply();
    else enrollmentOf(call).later.add({ at: call.now + changeLagMs, apply });
    return noContent;
  };

const userNames = {
  userPrincipalName: "user",
  addressableUserName: "addressableUserName",
} as const;

/** `POST .../{id}/updateDeviceProperties`, `assignUserToDevice`, `unassignUserFromDevice`. */
export const updateIdentity = changing(
  {
    ...userNames,
    groupTag: "groupTag",
    displayName: "displayName",
  },
  "updateDeviceProperties",
);
export const assignUser = changing(userNames, "assignUserToDevice");
export const unassignUser = changing({}, "unassignUserFromDevice");

/** What was changed of a device of the fleet stands in the ledger; imported hardware is no device yet. */
function noteEffect(call: GraphCall, action: string): void {
  const { state, tenant, now, requestId, clientRequestId = null } = call;
  const index = tenant.families.autopilot.indexOf(call.ids[0] ?? "");
  if (index === undefined || index >= tenant.fleet.size()) return;
  const request = state.ledger.open({ requestId, clientRequestId, bulk: false });
  state.ledger.record(tenant.ledger, index, state.kinds.of(action), request, now);
}

/** `DELETE .../windowsAutopilotDeviceIdentities/{id}`. */
export const deleteIdentity: GraphHandler = (call) => {
  const [id = ""] = call.ids;
  const found = identityOf(call);
  if (found === undefined) return notFound(call, "The Autopilot device");
  const { devices, removed } = enrollmentOf(call);
  const imported = devices.get(id);
  if (imported === undefined) removed.add(id);
  else {
    devices.delete(id);
    call.state.registrations.hold(imported.key, undefined);
  }
  return noContent;
};

// The sync with the deployment service.

const tenMinutesMs = 600_000;
const syncMs = 500;

/** `GET /deviceManagement/windowsAutopilotSettings`. */
export const getAutopilotSettings: GraphHandler = (call) => {
  const { syncedAt } = enrollmentOf(call);
  const at = syncedAt === 0 ? "0001-01-01T00:00:00Z" : facts.graphTime(syncedAt);
  return ok(
    JSON.stringify({
      "@odata.context": `${call.origin}/beta/$metadata#deviceManagement/windowsAutopilotSettings/$entity`,
      id: "fdfcaf68-43ac-44cc-8c66-5a3d4b5b4d8b",
      lastSyncDateTime: at,
      lastManualSyncTriggerDateTime: at,
      syncStatus: call.now - syncedAt < syncMs ? "inProgress" : "completed",
    }),
  );
};

/** `POST /deviceManagement/windowsAutopilotSettings/sync`: what is registered is listed at once. */
export const syncAutopilot: GraphHandler = (call): GraphAnswer => {
  const enrollment = enrollmentOf(call);
  const since = call.now - enrollment.syncedAt;
  if (since < syncMs) return graphError(call, 409, "Conflict", "A sync is in progress.");
  if (since < tenMinutesMs) return tooManyRequests(call, null);
  enrollment.syncedAt = call.now;
  for (const device of enrollment.devices.values())
    device.shownAt = Math.min(device.shownAt, call.now);
  return noContent;
};
