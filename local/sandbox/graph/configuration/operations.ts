/** Finds the operation on configuration that a path names, and judges who may do it and whether it is let in now. */

import { badRequest, graphError, intuneError, tooManyRequests } from "../errors.ts";
import type { GraphAnswer, GraphCall, GraphHandler, GraphVersion } from "../exchange.ts";
import type { GraphRequest } from "../serve.ts";
import { actOnItem, changePart, deletedItems } from "./actions.ts";
import { addMember, answerDevice, answerDeviceMembers, removeMember } from "./device-members.ts";
import { answerByIds, answerMembers, answerMine, rolesOf } from "./members.ts";
import { answerApprovals, answerGrants, answerPrincipals } from "./permissions.ts";
import { readItem, readList, readPart } from "./reads.ts";
import { roleTemplates } from "./seeds/people.ts";
import { configurationOf, singletonId } from "./store.ts";
import { type ConfigurationSort, configurationSorts, type Needs } from "./types.ts";
import { changeItem, createItem, removeItem, replaceItem } from "./writes.ts";

/** An operation as the door of Graph takes it. */
export type Operation = {
  /** How it is counted. */
  readonly kind: string;
  /** Whether Intune's Multi Admin Approval may hold it. */
  readonly isHeld: boolean;
  /** What a request is refused with before it comes to anything. */
  readonly refuse: (request: GraphRequest) => GraphAnswer | undefined;
  readonly handle: GraphHandler;
};

const byPath = new Map(configurationSorts.map((sort) => [sort.path, sort]));
const readers = ["Directory.Read.All", "Directory.ReadWrite.All"];
const apps = [["Application.Read.All", "Application.ReadWrite.All", ...readers]];
const members = [["GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", ...readers]];
const devices = [["Device.Read.All", "Device.ReadWrite.All", ...readers]];
/** An app needs both to put a device into a group or take it out. */
const changeMembers = [["GroupMember.ReadWrite.All"], ["Device.ReadWrite.All"]];
const rbac = [["DeviceManagementRBAC.Read.All", "DeviceManagementRBAC.ReadWrite.All"]];

type Other = readonly [
  method: string,
  path: RegExp,
  needs: Needs,
  handle: (call: GraphCall, found: readonly (string | undefined)[]) => GraphAnswer,
];

/** What is served beside items: path, what it needs, and how it is answered. */
const others: readonly Other[] = [
  ["GET", /^servicePrincipals(?:\/([^/]+)(?:\/(appRoleAssignments))?)?$/, apps, answerPrincipals],
  ["GET", /^oauth2PermissionGrants$/, [readers], answerGrants],
  ["GET", /^groups\/([^/]+)\/(transitiveMembers|members)$/, members, answerMembers],
  [
    "GET",
    /^groups\/([^/]+)\/(transitiveMembers|members)\/microsoft\.graph\.device$/,
    members,
    answerDeviceMembers,
  ],
  ["POST", /^groups\/([^/]+)\/members\/\$ref$/, changeMembers, addMember],
  ["DELETE", /^groups\/([^/]+)\/members\/([^/]+)\/\$ref$/, changeMembers, removeMember],
  ["GET", /^devices\/deviceId=([^/]+)$/, devices, answerDevice],
  ["GET", /^deviceManagement\/operationApprovalRequests(?:\/([^/]+))?$/, rbac, answerApprovals],
  ["POST", /^directoryObjects\/getByIds$/, [[...readers, "Group.Read.All"]], answerByIds],
  ["GET", /^me\/(transitiveMemberOf|memberOf)$/, [], answerMine],
];

/** The operation of a method and a path below the version. */
export function configurationOperation(
  version: GraphVersion,
  method: string,
  path: string,
): Operation | undefined {
  // A key may stand in parentheses behind its list, too.
  const plain = path
    .slice(1)
    .replaceAll(/\('([^']*)'\)/g, "/$1")
    .replaceAll(/\((\w+)='([^']*)'\)/g, "/$1=$2");
  const segments = plain.split("/").map(decodeURIComponent);
  for (const [verb, pattern, needs, handle] of others) {
    const found = verb === method ? pattern.exec(segments.join("/")) : null;
    if (found === null) continue;
    const kind = `${method} ${segments[0]}${segments.length > 1 ? `/${segments.at(-1)}` : ""}`;
    const refuse = (request: GraphRequest): GraphAnswer | undefined =>
      isGranted(request, needs) ? undefined : denied(request, needs, false);
    return {
      kind: segments[0] === "servicePrincipals" ? `${method} servicePrincipals` : kind,
      isHeld: false,
      refuse,
      handle: (call) => handle(call, found.slice(1)),
    };
  }
  const isDeleted = segments[2] === "deletedItems";
  const live = isDeleted ? segments.toSpliced(2, 1) : segments;
  for (let length = live.length; length > 0; length -= 1) {
    const sort = byPath.get(live.slice(0, length).join("/"));
    if (sort?.versions.includes(version))
      return operation(sort, method, live.slice(length), isDeleted);
  }
  return undefined;
}

function operation(
  sort: ConfigurationSort,
  method: string,
  rest: readonly string[],
  isDeleted: boolean,
): Operation | undefined {
  const at = sort.isSingleton ? [singletonId, ...rest] : rest;
  const handle = isDeleted ? ofDeleted(sort, at) : handlerOf(sort, method, at);
  if (handle === undefined || (isDeleted && !sort.isSoft)) return undefined;
  const shape = rest.map((name, position) =>
    position % 2 === (sort.isSingleton ? 1 : 0) ? "{id}" : name,
  );
  const list = sort.path.replace(/^deviceManagement\//, "");
  return {
    kind: [`${method} ${isDeleted ? "deletedItems/" : ""}${list}`, ...shape].join("/"),
    isHeld: sort.isProtected,
    refuse: (request) => letIn(request, sort),
    handle,
  };
}

const ofDeleted =
  (sort: ConfigurationSort, at: readonly string[]): GraphHandler =>
  (call) =>
    deletedItems(call, sort, at) ?? badRequest(call, "Resource not found for the segment.");

function handlerOf(
  sort: ConfigurationSort,
  method: string,
  [id, name, partId, ...more]: readonly string[],
): GraphHandler | undefined {
  if (more.length > 0) return undefined;
  const may = (verb: ConfigurationSort["may"][number]): boolean => sort.may.includes(verb);
  if (id === undefined) {
    if (method === "GET") return (call) => readList(call, sort);
    return method === "POST" && may("POST") ? (call) => createItem(call, sort) : undefined;
  }
  if (name !== undefined) return ofPart(sort, method, [id, name, partId]);
  if (method === "GET") return (call) => readItem(call, sort, id);
  if (method === "PATCH" && may("PATCH")) return (call) => changeItem(call, sort, id);
  if (method === "PUT" && may("PUT")) return (call) => replaceItem(call, sort, id);
  if (method === "DELETE" && may("DELETE")) return (call) => removeItem(call, sort, id);
  return undefined;
}

/** Names that are no parts of an item, but done to it. */
const actionNames = new Set(["assign", "updateAllowedCombinations", "scheduleActionsForRules"]);

function ofPart(
  sort: ConfigurationSort,
  method: string,
  [id, name, partId]: readonly [id: string, name: string, partId: string | undefined],
): GraphHandler | undefined {
  const isPart = name in sort.navigation || name === "authenticationMethodConfigurations";
  if (method === "GET" && isPart) return (call) => readPart(call, sort, [id, name, partId]);
  if (sort.write === undefined) return undefined;
  if (method === "POST" && partId === undefined && (isPart || actionNames.has(name)))
    return (call) => actOnItem(call, sort, id, name);
  if (isPart && partId !== undefined && (method === "PATCH" || method === "DELETE"))
    return (call) => changePart(call, sort, [id, name, partId]);
  return undefined;
}

/** Pacing first, as it counts whoever asks; then faults that were asked for; then who may. */
function letIn(request: GraphRequest, sort: ConfigurationSort): GraphAnswer | undefined {
  return paced(request, sort) ?? faulty(request, sort) ?? forbidden(request, sort);
}

/** Conditional access answers one request a second of a tenant, and never says how long to wait. */
function paced(request: GraphRequest, { isPaced }: ConfigurationSort): GraphAnswer | undefined {
  const { tenant, behaviour, now } = request;
  if (!isPaced || behaviour.accessPaceMs === 0) return undefined;
  const configuration = configurationOf(tenant);
  if (now < configuration.pacedUntil) return tooManyRequests(request, null);
  configuration.pacedUntil = now + behaviour.accessPaceMs;
  return undefined;
}

function faulty(request: GraphRequest, { key }: ConfigurationSort): GraphAnswer | undefined {
  const fault = request.behaviour.typeFaults[key];
  if (fault === undefined) return undefined;
  const isWrite = request.method !== "GET";
  if (fault.on !== undefined && (fault.on === "write") !== isWrite) return undefined;
  if (fault.later === true && !request.target.includes("skiptoken")) return undefined;
  const { faults } = configurationOf(request.tenant);
  const times = faults.get(fault) ?? 0;
  if (fault.times !== undefined && times >= fault.times) return undefined;
  faults.set(fault, times + 1);
  if (fault.status === 429) return tooManyRequests(request, fault.retryAfter ?? null);
  const code = fault.status === 403 ? "Forbidden" : "InternalServerError";
  return graphError(request, fault.status, code, "This type does not answer here for now.");
}

function isGranted({ roles }: GraphRequest, needs: Needs): boolean {
  return needs.every((row) => row.some((name) => roles.includes(name)));
}

function forbidden(request: GraphRequest, sort: ConfigurationSort): GraphAnswer | undefined {
  const { method, userId, tenant, now } = request;
  const isWrite = method !== "GET";
  const needs = isWrite ? (sort.write ?? [["nobody"]]) : sort.read;
  const wantsPerson = sort.people === "all" || (sort.people === "write" && isWrite);
  if (wantsPerson && userId === undefined) return denied(request, needs, sort.isIntune);
  if (!isGranted(request, needs)) return denied(request, needs, sort.isIntune);
  if (userId === undefined || !isWrite) return undefined;
  const held = rolesOf(configurationOf(tenant), userId, now);
  const enough: readonly string[] = [
    roleTemplates["Global Administrator"],
    roleTemplates["Privileged Role Administrator"],
  ];
  return held.some((role) => enough.includes(role)) ? undefined : denied(request, needs, false);
}

function denied(request: GraphRequest, needs: Needs, isIntune: boolean): GraphAnswer {
  const names = needs.flat().join(", ");
  if (isIntune)
    return intuneError(
      request,
      403,
      "Forbidden",
      `Application is not authorized to perform this operation. Application must have one of the following scopes: ${names}`,
    );
  return graphError(
    request,
    403,
    "Authorization_RequestDenied",
    "Insufficient privileges to complete the operation.",
  );
}
