/** `executeAction`: one action on up to 100 devices with one request. */
import { takeEffect } from "../../state.ts";
import { badRequest, graphError, poisonError } from "../errors.ts";
import { type GraphAnswer, type GraphCall, type GraphHandler, ok } from "../exchange.ts";

/** More devices than this in one request are refused; the admin centre stops there too. */
const mostDevices = 100;

/** Graph's names for bulk actions, and ours. Missing here means that the name is not in Graph's list. */
const actionNames: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ["retire", "delete", "wipe", "customTextNotification", "setDeviceName", "deprovision"],
      ["disable", "reenable", "moveDeviceToOrganizationalUnit", "activateDeviceEsim"],
      ["collectDiagnostics", "initiateMobileDeviceManagementKeyRecovery", "fullScan", "quickScan"],
      [
        "rebootNow",
        "syncDevice",
        "initiateDeviceAttestation",
        "initiateOnDemandProactiveRemediation",
      ],
    ].flatMap((names) => names.map((name) => [name, name])),
  ),
  signatureUpdate: "windowsDefenderUpdateSignatures",
};

/** What each further parameter must be when it is given and not null. */
const parameters: Readonly<Record<string, string>> = {
  keepEnrollmentData: "boolean",
  keepUserData: "boolean",
  persistEsimDataPlan: "boolean",
  notificationTitle: "string",
  notificationBody: "string",
  deviceName: "string",
  carrierUrl: "string",
  deprovisionReason: "string",
  organizationalUnitPath: "string",
};

const rejections: Readonly<Record<number, string>> = { 403: "Forbidden", 501: "NotImplemented" };

/** Answers with what was accepted for delivery: nothing of it is done yet. */
export const executeAction: GraphHandler = (call) => {
  const { rejectBulk } = call.behaviour;
  if (rejectBulk !== false) {
    const code = rejections[rejectBulk] ?? "BadRequest";
    return graphError(call, rejectBulk, code, "Bulk actions are not available for this tenant.");
  }
  const body = readBody(call);
  if ("status" in body) return body;
  return poisonError(call, body.deviceIds) ?? ok(JSON.stringify(deliver(call, body)));
};

type BulkBody = { readonly action: string; readonly deviceIds: readonly string[] };

function readBody(call: GraphCall): BulkBody | GraphAnswer {
  if (call.body.kind !== "json") return badRequest(call, "Unable to read JSON request payload.");
  const { actionName, deviceIds, ...rest } = (call.body.value ?? {}) as Record<string, unknown>;
  const wrong = wrongParameter(rest);
  if (wrong !== undefined) return badRequest(call, wrong);
  const known = typeof actionName === "string" && Object.hasOwn(actionNames, actionName);
  const action = known ? actionNames[actionName] : undefined;
  if (action === undefined) return badRequest(call, "The parameter 'actionName' is not valid.");
  if (!Array.isArray(deviceIds) || deviceIds.some((id) => typeof id !== "string")) {
    return badRequest(call, "The parameter 'deviceIds' must be a list of strings.");
  }
  if (deviceIds.length < 1 || deviceIds.length > mostDevices) {
    return badRequest(call, `The number of devices must be between 1 and ${mostDevices}.`);
  }
  return { action, deviceIds: deviceIds as readonly string[] };
}

/** What is wrong with the parameters beside the action and its devices. */
function wrongParameter(given: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, value] of Object.entries(given)) {
    const type = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (type === undefined)
      return `The parameter '${name}' in the request payload is not a valid parameter.`;
    if (value !== null && typeof value !== type)
      return `The parameter '${name}' has the wrong type.`;
  }
  return undefined;
}

function deliver(call: GraphCall, body: BulkBody): object {
  const { state, tenant, behaviour, now, requestId, clientRequestId = null } = call;
  const kind = state.kinds.of(body.action);
  const request = state.ledger.open({ requestId, clientRequestId, bulk: true });
  const successfulDeviceIds: string[] = [];
  const failedDeviceIds: string[] = [];
  const notFoundDeviceIds: string[] = [];
  const notSupportedDeviceIds: string[] = [];
  // The request names no script, so nothing can be run.
  const scriptless = body.action === "initiateOnDemandProactiveRemediation";
  for (const id of body.deviceIds) {
    const index = tenant.fleet.find(id);
    if (index === undefined) notFoundDeviceIds.push(id);
    else if (scriptless) failedDeviceIds.push(id);
    else if (!kind.action.takenBy(tenant.fleet.profile(index))) notSupportedDeviceIds.push(id);
    else {
      takeEffect(state, tenant, { index, kind, request }, behaviour, now);
      successfulDeviceIds.push(id);
    }
  }
  return { successfulDeviceIds, failedDeviceIds, notFoundDeviceIds, notSupportedDeviceIds };
}
