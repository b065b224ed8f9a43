/** Devices in the directory: the objects that stand for them, and which groups they are in. */
import { badRequest, graphError } from "../errors.ts";
import { type GraphAnswer, type GraphCall, noContent, ok } from "../exchange.ts";
import { entityBody, listBody, pageOf, readOptions } from "../query-options.ts";
import { idsWithin, membersOf } from "./members.ts";
import { configurationOf } from "./store.ts";
import { sentBody } from "./writes.ts";

type Found = readonly (string | undefined)[];

/** Graph's words for an id that it does not know, whichever of a path it is. */
const missing = (call: GraphCall, id: string): GraphAnswer =>
  graphError(
    call,
    404,
    "Request_ResourceNotFound",
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );

const shownAt = ({ tenant }: GraphCall, index: number) => ({
  id: tenant.families.deviceObjects.at(index),
  deviceId: tenant.families.entraDevices.at(index),
});

/** `GET /devices(deviceId='...')`. */
export function answerDevice(call: GraphCall, [deviceId = ""]: Found): GraphAnswer {
  const options = readOptions(call.query, { list: false });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const { families, fleet } = call.tenant;
  const index = families.entraDevices.indexOf(deviceId);
  if (index === undefined || !fleet.visible(index)) return missing(call, deviceId);
  const chosen = Object.entries(shownAt(call, index)).filter(
    ([name]) => options.select?.includes(name) !== false,
  );
  return ok(entityBody(call, "devices", JSON.stringify(Object.fromEntries(chosen))));
}

/** `GET /groups/{id}/(transitiveMembers|members)/microsoft.graph.device`. */
export function answerDeviceMembers(call: GraphCall, [id = "", list]: Found): GraphAnswer {
  const configuration = configurationOf(call.tenant);
  const group = configuration.seen("group", id, call.now);
  if (group === undefined) return missing(call, id);
  const options = readOptions(call.query, { list: true, page: 100 });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const found = idsWithin(configuration, group, list, call.now);
  const { deviceObjects } = call.tenant.families;
  const devices = found.flatMap((member) => deviceObjects.indexOf(member) ?? []);
  const page = pageOf(devices, options);
  const entities = page.items.map((index) => JSON.stringify(shownAt(call, index)));
  return ok(listBody(call, { context: "devices", ...page, entities }));
}

const reference =
  /^https:\/\/[^/]+\/(?:v1\.0|beta)\/(?:directoryObjects|devices)\/([0-9a-f-]{36})$/i;

/** `POST /groups/{id}/members/$ref {"@odata.id"}`. */
export function addMember(call: GraphCall, [id = ""]: Found): GraphAnswer {
  const body = sentBody(call) ?? {};
  const objectId = reference.exec(String(body["@odata.id"]))?.[1]?.toLowerCase();
  if (objectId === undefined || Object.keys(body).length > 1)
    return badRequest(call, "A property '@odata.id' that refers to an object is needed.");
  return changeMembers(call, { id, objectId, action: "addToGroup" });
}

/** `DELETE /groups/{id}/members/{id}/$ref`. */
export const removeMember = (call: GraphCall, [id = "", objectId = ""]: Found): GraphAnswer =>
  changeMembers(call, { id, objectId: objectId.toLowerCase(), action: "removeFromGroup" });

type MemberChange = {
  readonly id: string;
  readonly objectId: string;
  readonly action: "addToGroup" | "removeFromGroup";
};

function changeMembers(call: GraphCall, { id, objectId, action }: MemberChange): GraphAnswer {
  const { tenant, now, state, requestId, clientRequestId = null } = call;
  const configuration = configurationOf(tenant);
  const group = configuration.get("group", id);
  if (group === undefined) return missing(call, id);
  const index = tenant.families.deviceObjects.indexOf(objectId);
  if (index === undefined || index >= tenant.fleet.size()) return missing(call, objectId);
  const isDynamic = Array.isArray(group["groupTypes"])
    ? group["groupTypes"].includes("DynamicMembership")
    : false;
  if (isDynamic)
    return badRequest(call, "Members of a group with dynamic membership cannot be changed.");
  const before = membersOf(group);
  const isAdded = action === "addToGroup";
  if (isAdded && before.includes(objectId))
    return badRequest(
      call,
      "One or more added object references already exist for the following modified properties: 'members'.",
    );
  if (!isAdded && !before.includes(objectId)) return missing(call, objectId);
  const members = isAdded ? [...before, objectId] : before.filter((one) => one !== objectId);
  const since = call.behaviour.consistencyMs === 0 ? 0 : now + call.behaviour.consistencyMs;
  configuration.put("group", id, { ...group, _members: members }, since);
  const request = state.ledger.open({ requestId, clientRequestId, bulk: false });
  state.ledger.record(tenant.ledger, index, state.kinds.of(action, id), request, now);
  return noContent;
}
