/** What is written below an item: assignments, rules and other parts of it. */
import { badRequest } from "../errors.ts";
import { type GraphAnswer, type GraphCall, noContent, ok } from "../exchange.ts";
import { entityBody, listBody } from "../query-options.ts";
import { itemMissing } from "./reads.ts";
import { isBody, partsOf } from "./shown.ts";
import { configurationOf } from "./store.ts";
import type { Body, ConfigurationSort } from "./types.ts";
import { noBody, recordWrite, seenFrom, sentBody, settle, writtenItem } from "./writes.ts";
import { assignmentsOf, scheduledRules, stamped } from "./written.ts";

type ItemAction = (
  call: GraphCall,
  sort: ConfigurationSort,
  item: { readonly id: string; readonly before: Body; readonly sent: Body },
) => GraphAnswer;

/** Under which name a type takes its assignments, where it is not the usual one. */
const assignmentNames: Readonly<Record<string, string>> = {
  deviceManagementScript: "deviceManagementScriptAssignments",
  deviceShellScript: "deviceManagementScriptAssignments",
  enrollmentConfiguration: "enrollmentConfigurationAssignments",
};

const actions: Readonly<Record<string, ItemAction>> = {
  assign: (call, sort, { id, before, sent }) => {
    const name = assignmentNames[sort.key] ?? "assignments";
    const other = Object.keys(sent).find((each) => each !== name);
    if (other !== undefined)
      return badRequest(call, `The parameter '${other}' is no parameter of the action 'assign'.`);
    if (!Array.isArray(sent[name])) return badRequest(call, `The parameter '${name}' is required.`);
    const given = partsOf(sent, name);
    const typed = given.every(
      ({ target }) => isBody(target) && typeof target["@odata.type"] === "string",
    );
    if (!typed) return badRequest(call, "Every assignment needs a target with its '@odata.type'.");
    const assignments = assignmentsOf(id, given);
    // Dates stay: that an assignment changed is not to be seen by them.
    configurationOf(call.tenant).put(sort.key, id, { ...before, assignments }, seenFrom(call));
    recordWrite(call, sort, id);
    const entities = assignments.map((one) => JSON.stringify(one));
    return ok(listBody(call, { context: `${sort.path}('${id}')/assignments`, entities }));
  },
  updateAllowedCombinations: (call, sort, { id, before, sent }) => {
    const { allowedCombinations } = sent;
    if (!Array.isArray(allowedCombinations) || allowedCombinations.length === 0)
      return badRequest(
        call,
        "A value is required for property 'allowedCombinations' of resource.",
      );
    const after = { ...before, allowedCombinations, ...stamped(sort, before, call.now) };
    const answer = settle({ call, sort, before, after, sent }, id, 204);
    if (answer.status !== 204) return answer;
    const result = {
      currentCombinations: allowedCombinations,
      previousCombinations: before["allowedCombinations"],
      conditionalAccessReferences: [],
      additionalInformation: "",
    };
    return ok(JSON.stringify(result));
  },
  scheduleActionsForRules: (call, sort, { id, before, sent }) => {
    const given = partsOf(sent, "deviceComplianceScheduledActionForRules");
    if (given.length !== 1)
      return badRequest(call, "Exactly one rule with scheduled actions is needed.");
    const { newId } = configurationOf(call.tenant);
    const scheduledActionsForRule = scheduledRules(given, newId);
    const after = { ...before, scheduledActionsForRule, ...stamped(sort, before, call.now) };
    return settle({ call, sort, before, after, sent }, id, 204);
  },
};

const methods = "authenticationMethodConfigurations";
/** Microsoft's own methods are there once and for all. */
const isExternal = ({ "@odata.type": type }: Body): boolean =>
  type === "#microsoft.graph.externalAuthenticationMethodConfiguration";
const onlyExternal = "Only external authentication methods can be added and removed.";

/** `POST` below an item: an action, or a new element of one of its parts. */
export function actOnItem(
  call: GraphCall,
  sort: ConfigurationSort,
  id: string,
  name: string,
): GraphAnswer {
  const sent = sentBody(call);
  if (sent === undefined) return noBody(call);
  const before = writtenItem(call, sort, id);
  if (before === undefined) return itemMissing(call, id);
  const action = actions[name];
  if (action !== undefined) return action(call, sort, { id, before, sent });
  if (name === methods && !isExternal(sent)) return badRequest(call, onlyExternal);
  const part = { ...sent, id: configurationOf(call.tenant).newId() };
  const after = { ...before, [name]: [...partsOf(before, name), part] };
  const answer = settle({ call, sort, before, after, sent }, id, 204);
  if (answer.status !== 204) return answer;
  return {
    status: 201,
    body: entityBody(call, `${sort.path}('${id}')/${name}`, JSON.stringify(part)),
  };
}

/** `PATCH` or `DELETE` of an element of a part, such as a rule of a role's settings. */
export function changePart(
  call: GraphCall,
  sort: ConfigurationSort,
  [id, name, partId]: readonly [id: string, name: string, partId: string],
): GraphAnswer {
  const before = writtenItem(call, sort, id);
  const part = before && partsOf(before, name).find((one) => one["id"] === partId);
  if (before === undefined || part === undefined) return itemMissing(call, partId);
  if (call.method === "DELETE" && name === methods && !isExternal(part))
    return badRequest(call, onlyExternal);
  const sent = call.method === "DELETE" ? {} : sentBody(call);
  if (sent === undefined) return noBody(call);
  const type = part["@odata.type"];
  if (call.method === "PATCH" && type !== undefined && sent["@odata.type"] !== type)
    return badRequest(call, `'@odata.type' must be '${JSON.stringify(type)}' here.`);
  const parts = partsOf(before, name).flatMap((one) => {
    if (one !== part) return one;
    return call.method === "DELETE" ? [] : { ...one, ...sent, id: partId };
  });
  const after = { ...before, [name]: parts, ...stamped(sort, before, call.now) };
  const answer = settle({ call, sort, before, after, sent }, id, 204);
  // Rules are answered with what they are now, methods of authentication with nothing.
  if (answer.status !== 204 || name !== "rules") return answer;
  return ok(entityBody(call, `${sort.path}('${id}')/rules`, JSON.stringify({ ...part, ...sent })));
}

/** Conditional access keeps what was deleted for thirty days. */
export function deletedItems(
  call: GraphCall,
  sort: ConfigurationSort,
  [id, action]: readonly (string | undefined)[],
): GraphAnswer | undefined {
  const configuration = configurationOf(call.tenant);
  const deleted = configuration.deleted(sort.key);
  const path = `identity/conditionalAccess/deletedItems/${sort.path.split("/").at(-1)}`;
  if (id === undefined) {
    if (call.method !== "GET") return undefined;
    return ok(
      listBody(call, {
        context: path,
        entities: [...deleted.values()].map((one) => JSON.stringify(one)),
      }),
    );
  }
  const body = deleted.get(id.toLowerCase());
  if (body === undefined) return itemMissing(call, id);
  if (call.method === "GET" && action === undefined)
    return ok(entityBody(call, path, JSON.stringify(body)));
  const isRestored = call.method === "POST" && action === "restore";
  if (!isRestored && (call.method !== "DELETE" || action !== undefined)) return undefined;
  deleted.delete(id.toLowerCase());
  const { deletedDateTime: _, ...restored } = body;
  if (isRestored) configuration.put(sort.key, id, restored, seenFrom(call));
  recordWrite(call, sort, id);
  return isRestored ? ok(entityBody(call, sort.path, JSON.stringify(restored))) : noContent;
}
