/** Actions on one device. An answer of 204 says that the action was taken, not that it was done. */
import { takeEffect } from "../../state.ts";
import { badRequest, graphError, notFound, poisonError } from "../errors.ts";
import { type GraphAnswer, type GraphCall, type GraphHandler, noContent } from "../exchange.ts";

/** What a body asks for: an action by name and what it carries. */
type Asked = { readonly name: string; readonly detail?: string };
type Read = Asked | { readonly answer: GraphAnswer };

/** The only members that a body may have; a body with another one is refused. */
function members(
  call: GraphCall,
  allowed: readonly string[],
): Record<string, unknown> | GraphAnswer {
  if (call.body.kind === "malformed")
    return badRequest(call, "Unable to read JSON request payload.");
  const value = call.body.kind === "none" ? {} : call.body.value;
  if (!isRecord(value)) return badRequest(call, "The request body must be a JSON object.");
  const unknown = Object.keys(value).find((name) => !allowed.includes(name));
  if (unknown === undefined) return value;
  return badRequest(
    call,
    `The parameter '${unknown}' in the request payload is not a valid parameter.`,
  );
}

/** An action whose request carries nothing. */
export const plainAction = (name: string): GraphHandler =>
  onDevice((call) => {
    const body = members(call, []);
    return isAnswer(body) ? { answer: body } : { name };
  });

/** `windowsDefenderScan`: `{ quickScan: boolean }`. */
export const defenderScan: GraphHandler = onDevice((call) => {
  const body = members(call, ["quickScan"]);
  if (isAnswer(body)) return { answer: body };
  if (typeof body["quickScan"] !== "boolean") {
    return { answer: badRequest(call, "The parameter 'quickScan' must be a boolean.") };
  }
  return { name: body["quickScan"] ? "quickScan" : "fullScan" };
});

/** `initiateOnDemandProactiveRemediation`: `{ scriptPolicyId }`, which must exist in the tenant. */
export const runRemediation: GraphHandler = onDevice((call) => {
  const body = members(call, ["scriptPolicyId"]);
  if (isAnswer(body)) return { answer: body };
  const id = body["scriptPolicyId"];
  if (typeof id !== "string") {
    return { answer: badRequest(call, "The parameter 'scriptPolicyId' must be a string.") };
  }
  const script = call.tenant.scripts.find((each) => each.id === id.toLowerCase());
  if (script === undefined) return { answer: notFound(call, `The script policy ${id}`) };
  return { name: "initiateOnDemandProactiveRemediation", detail: script.id };
});

type Kind = "boolean" | "string";

/** An action whose body has some of these members, each of its type or null; those that are needed are marked. */
const carrying = (
  name: string,
  kinds: Readonly<Record<string, Kind | `${Kind}!`>>,
  detail?: string,
): GraphHandler =>
  onDevice((call) => {
    const body = members(call, Object.keys(kinds));
    if (isAnswer(body)) return { answer: body };
    for (const [member, kind] of Object.entries(kinds)) {
      const value = body[member] ?? undefined;
      const isMissing = value === undefined && kind.endsWith("!");
      if (isMissing || (value !== undefined && typeof value !== kind.replace("!", "")))
        return { answer: badRequest(call, `The parameter '${member}' must be a ${kind}.`) };
    }
    const said = detail === undefined ? undefined : body[detail];
    return { name, ...(typeof said === "string" ? { detail: said } : {}) };
  });

/** `wipe`, `cleanWindowsDevice`, `setDeviceName`, `sendCustomNotificationToCompanyPortal`. */
export const wipeDevice = carrying("wipe", {
  keepEnrollmentData: "boolean",
  keepUserData: "boolean",
  macOsUnlockCode: "string",
  persistEsimDataPlan: "boolean",
});
export const cleanDevice = carrying("cleanWindowsDevice", { keepUserData: "boolean" });
export const renameDevice = carrying("setDeviceName", { deviceName: "string" }, "deviceName");
export const notifyUser = carrying("sendCustomNotificationToCompanyPortal", {
  notificationTitle: "string!",
  notificationBody: "string!",
});

const configMgrActions = new Set([
  "refreshMachinePolicy",
  "refreshUserPolicy",
  "wakeUpClient",
  "appEvaluation",
  "quickScan",
  "fullScan",
  "windowsDefenderUpdateSignatures",
]);

/** `triggerConfigurationManagerAction`: `{ configurationManagerAction: { action } }`. */
export const triggerConfigMgr: GraphHandler = onDevice((call) => {
  const body = members(call, ["configurationManagerAction"]);
  if (isAnswer(body)) return { answer: body };
  const given = body["configurationManagerAction"];
  const wrong = {
    answer: badRequest(call, "The parameter 'configurationManagerAction' is not valid."),
  };
  if (!isRecord(given)) return wrong;
  if (Object.keys(given).some((name) => name !== "action" && name !== "@odata.type")) return wrong;
  const { action } = given;
  if (typeof action !== "string" || !configMgrActions.has(action)) return wrong;
  return { name: "triggerConfigurationManagerAction", detail: action };
});

function onDevice(read: (call: GraphCall) => Read): GraphHandler {
  return (call) => {
    const [id = ""] = call.ids;
    const index = call.tenant.fleet.find(id);
    const asked = read(call);
    if ("answer" in asked) return asked.answer;
    if (index === undefined) return notFound(call, `The device ${id}`);
    const broken = poisonError(call, [id]);
    if (broken !== undefined) return broken;
    const kind = call.state.kinds.of(asked.name, asked.detail);
    if (!kind.action.takenBy(call.tenant.fleet.profile(index))) {
      return graphError(
        call,
        400,
        "BadRequest",
        `The action ${asked.name} is not supported on this device.`,
      );
    }
    const { requestId, clientRequestId = null } = call;
    const request = call.state.ledger.open({ requestId, clientRequestId, bulk: false });
    takeEffect(call.state, call.tenant, { index, kind, request }, call.behaviour, call.now);
    return noContent;
  };
}

function isAnswer(value: Record<string, unknown> | GraphAnswer): value is GraphAnswer {
  return typeof value["status" as keyof typeof value] === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
