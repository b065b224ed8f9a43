/** Every Graph operation that is served: its path, its versions, the app role it needs, its handler. */
import { listAudits } from "./devices/audits.ts";
import {
  assignUser,
  deleteIdentity,
  getAutopilotSettings,
  getIdentity,
  listAutopilotIdentities,
  syncAutopilot,
  unassignUser,
  updateIdentity,
} from "./devices/autopilot.ts";
import {
  deleteImport,
  importHardware,
  importIdentifiers,
  listIdentifiers,
  listImports,
} from "./devices/autopilot-imports.ts";
import { executeAction } from "./devices/bulk-action.ts";
import {
  cleanDevice,
  defenderScan,
  notifyUser,
  plainAction,
  renameDevice,
  runRemediation,
  triggerConfigMgr,
  wipeDevice,
} from "./devices/device-actions.ts";
import { getScript, listRunStates, listScripts } from "./devices/health-scripts.ts";
import {
  countDevices,
  getDevice,
  listComanagedDevices,
  listDevices,
} from "./devices/managed-devices.ts";
import type { GraphHandler, GraphVersion } from "./exchange.ts";

/** One operation. `kind` is how it is counted; one of `roles` is enough. */
export type GraphRoute = {
  readonly kind: string;
  readonly method: string;
  readonly template: readonly string[];
  readonly versions: readonly GraphVersion[];
  readonly roles: readonly string[];
  readonly handle: GraphHandler;
};

const both: readonly GraphVersion[] = ["v1.0", "beta"];
const beta: readonly GraphVersion[] = ["beta"];
const mayAct = ["DeviceManagementManagedDevices.PrivilegedOperations.All"];
const readers = (area: string): readonly string[] => [
  `DeviceManagement${area}.Read.All`,
  `DeviceManagement${area}.ReadWrite.All`,
];
const mayRead = readers("ManagedDevices");
/** Script resources left the configuration permission in July 2025. */
const mayReadScripts = readers("Scripts");
const mayReadService = readers("ServiceConfig");
const mayChangeService = ["DeviceManagementServiceConfig.ReadWrite.All"];
const imports = "importedWindowsAutopilotDeviceIdentities";
const identities = "windowsAutopilotDeviceIdentities";

/** All operations. */
export const graphRoutes: readonly GraphRoute[] = [
  get("managedDevices", both, mayRead, listDevices),
  get("managedDevices/$count", both, mayRead, countDevices),
  get("managedDevices/{id}", both, mayRead, getDevice),
  get("comanagedDevices", beta, mayRead, listComanagedDevices),
  get(identities, both, mayReadService, listAutopilotIdentities),
  get(`${identities}/{id}`, both, mayReadService, getIdentity),
  change("DELETE", `${identities}/{id}`, both, deleteIdentity),
  change("POST", `${identities}/{id}/updateDeviceProperties`, both, updateIdentity),
  change("POST", `${identities}/{id}/assignUserToDevice`, both, assignUser),
  change("POST", `${identities}/{id}/unassignUserFromDevice`, both, unassignUser),
  get(imports, both, mayReadService, listImports),
  change("POST", `${imports}/import`, both, importHardware),
  change("DELETE", `${imports}/{id}`, both, deleteImport),
  get("importedDeviceIdentities", beta, mayReadService, listIdentifiers),
  change("POST", "importedDeviceIdentities/importDeviceIdentityList", beta, importIdentifiers),
  get("windowsAutopilotSettings", beta, mayReadService, getAutopilotSettings),
  change("POST", "windowsAutopilotSettings/sync", beta, syncAutopilot),
  get("deviceHealthScripts", beta, mayReadScripts, listScripts),
  get("deviceHealthScripts/{id}", beta, mayReadScripts, getScript),
  get("deviceHealthScripts/{id}/deviceRunStates", beta, mayReadScripts, listRunStates),
  get("remoteActionAudits", beta, mayRead, listAudits),
  act("managedDevices/executeAction", beta, executeAction),
  act("managedDevices/{id}/syncDevice", both, plainAction("syncDevice")),
  act("managedDevices/{id}/rebootNow", both, plainAction("rebootNow")),
  act("managedDevices/{id}/windowsDefenderScan", both, defenderScan),
  act(
    "managedDevices/{id}/windowsDefenderUpdateSignatures",
    both,
    plainAction("windowsDefenderUpdateSignatures"),
  ),
  act(
    "managedDevices/{id}/initiateDeviceAttestation",
    beta,
    plainAction("initiateDeviceAttestation"),
  ),
  act("managedDevices/{id}/initiateOnDemandProactiveRemediation", beta, runRemediation),
  act("managedDevices/{id}/triggerConfigurationManagerAction", beta, triggerConfigMgr),
  act("managedDevices/{id}/setDeviceName", beta, renameDevice),
  act("managedDevices/{id}/wipe", both, wipeDevice),
  act("managedDevices/{id}/cleanWindowsDevice", both, cleanDevice),
  act("managedDevices/{id}/rotateBitLockerKeys", beta, plainAction("rotateBitLockerKeys")),
  act(
    "managedDevices/{id}/rotateLocalAdminPassword",
    beta,
    plainAction("rotateLocalAdminPassword"),
  ),
  // Microsoft's page names another permission for it than for the actions beside it.
  change("POST", "managedDevices/{id}/sendCustomNotificationToCompanyPortal", beta, notifyUser),
  act("comanagedDevices/{id}/triggerConfigurationManagerAction", beta, triggerConfigMgr),
  act("comanagedDevices/{id}/syncDevice", beta, plainAction("syncDevice")),
  act("comanagedDevices/{id}/rebootNow", beta, plainAction("rebootNow")),
];

/** The operation a path names, and the values of its placeholders. */
export type Match = { readonly route: GraphRoute; readonly ids: readonly string[] };

/** Finds the operation of a method and a path below the version, such as `/deviceManagement/...`. */
export function matchRoute(version: GraphVersion, method: string, path: string): Match | undefined {
  const segments = path.split("/").slice(1);
  for (const route of graphRoutes) {
    if (route.method !== method || route.template.length !== segments.length) continue;
    if (!route.versions.includes(version)) continue;
    const ids = matchSegments(route.template, segments);
    if (ids !== undefined) return { route, ids };
  }
  return undefined;
}

function matchSegments(
  template: readonly string[],
  segments: readonly string[],
): readonly string[] | undefined {
  const ids: string[] = [];
  for (const [position, expected] of template.entries()) {
    const found = segments[position] ?? "";
    if (expected === "{id}") ids.push(found);
    else if (expected !== found) return undefined;
  }
  return ids;
}

function get(
  path: string,
  versions: readonly GraphVersion[],
  roles: readonly string[],
  handle: GraphHandler,
): GraphRoute {
  return operation("GET", path, versions, roles, handle);
}

function act(path: string, versions: readonly GraphVersion[], handle: GraphHandler): GraphRoute {
  return operation("POST", path, versions, mayAct, handle);
}

function change(
  method: string,
  path: string,
  versions: readonly GraphVersion[],
  handle: GraphHandler,
): GraphRoute {
  return operation(method, path, versions, mayChangeService, handle);
}

function operation(
  method: string,
  path: string,
  versions: readonly GraphVersion[],
  roles: readonly string[],
  handle: GraphHandler,
): GraphRoute {
  const template = ["deviceManagement", ...path.split("/")];
  return { kind: `${method} ${path}`, method, template, versions, roles, handle };
}
