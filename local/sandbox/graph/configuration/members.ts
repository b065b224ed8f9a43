/** Who is in which group, and what an id stands for. */
import { badRequest } from "../errors.ts";
import { type GraphAnswer, type GraphCall, ok } from "../exchange.ts";
import { listBody, pageOf, readOptions } from "../query-options.ts";
import { itemMissing } from "./reads.ts";
import { configurationOf, type TenantConfiguration } from "./store.ts";
import type { Body } from "./types.ts";
import { sentBody } from "./writes.ts";

/** What is shown of an object of the directory, by what it is. */
const kinds = {
  user: ["id", "displayName", "userPrincipalName", "mail"],
  group: ["id", "displayName", "securityEnabled", "groupTypes", "isAssignableToRole"],
  directoryRoleTemplate: ["id", "displayName", "description"],
} as const;

function objectOf(configuration: TenantConfiguration, id: string, now: number): Body | undefined {
  for (const [kind, names] of Object.entries(kinds)) {
    const body = configuration.seen(kind, id, now);
    if (body === undefined) continue;
    const shown = Object.entries(body).filter(([name]) =>
      (names as readonly string[]).includes(name),
    );
    return { "@odata.type": `#microsoft.graph.${kind}`, ...Object.fromEntries(shown) };
  }
  return undefined;
}

const listOf = (body: Body | undefined): readonly Body[] => (body === undefined ? [] : [body]);

/** Ids of what is in a group itself. */
export const membersOf = (group: Body | undefined): readonly string[] =>
  Array.isArray(group?.["_members"]) ? group["_members"].map(String) : [];

/** Ids of what is in a group, or for `transitiveMembers` of what is in its groups too, each once. */
export function idsWithin(
  configuration: TenantConfiguration,
  group: Body,
  list: string | undefined,
  now: number,
): readonly string[] {
  const found = new Set(membersOf(group));
  // A set that grows while it is walked is walked to its end.
  if (list === "transitiveMembers")
    for (const member of found)
      for (const inner of membersOf(configuration.seen("group", member, now))) found.add(inner);
  return [...found];
}

/** `GET /groups/{id}/members` and `/transitiveMembers`: users and groups, nested ones once. */
export function answerMembers(
  call: GraphCall,
  [id = "", list]: readonly (string | undefined)[],
): GraphAnswer {
  const configuration = configurationOf(call.tenant);
  const group = configuration.seen("group", id, call.now);
  if (group === undefined) return itemMissing(call, id);
  const options = readOptions(call.query, { list: true, page: 100 });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const found = idsWithin(configuration, group, list, call.now);
  const bodies = found.flatMap((member) => listOf(objectOf(configuration, member, call.now)));
  const page = pageOf(bodies, options);
  const entities = page.items.map((body) => JSON.stringify(body));
  return ok(listBody(call, { context: "directoryObjects", ...page, entities }));
}

/** `POST /directoryObjects/getByIds {ids, types?}`: those that there are. */
export function answerByIds(call: GraphCall): GraphAnswer {
  const { ids, types } = sentBody(call) ?? {};
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 1_000)
    return badRequest(call, "Between 1 and 1000 ids are needed.");
  const configuration = configurationOf(call.tenant);
  const wanted = (body: Body): boolean =>
    !Array.isArray(types) ||
    types.some((type) => body["@odata.type"] === `#microsoft.graph.${String(type)}`);
  const bodies = ids
    .flatMap((id): readonly Body[] => listOf(objectOf(configuration, String(id), call.now)))
    .filter(wanted);
  const entities = bodies.map((body) => JSON.stringify(body));
  return ok(listBody(call, { context: "directoryObjects", entities }));
}

/** `GET /me/memberOf` and `/me/transitiveMemberOf`: groups and directory roles of whoever has signed in. */
export function answerMine(call: GraphCall): GraphAnswer {
  const { userId, tenant, now } = call;
  if (userId === undefined)
    return badRequest(call, "/me request is only valid with delegated authentication flow.");
  const configuration = configurationOf(tenant);
  const groups = groupsOf(configuration, userId, now);
  const roles = rolesOf(configuration, userId, now).flatMap((role) => {
    const template = configuration.seen("directoryRoleTemplate", role, now);
    const { displayName } = template ?? {};
    return {
      "@odata.type": "#microsoft.graph.directoryRole",
      id: role,
      displayName,
      roleTemplateId: role,
    };
  });
  const shown = [...groups.flatMap((id) => listOf(objectOf(configuration, id, now))), ...roles];
  const entities = shown.map((one) => JSON.stringify(one));
  return ok(listBody(call, { context: "directoryObjects", entities }));
}

function groupsOf(configuration: TenantConfiguration, id: string, now: number): readonly string[] {
  const found = new Set([id]);
  const groups = configuration.allSeen("group", now);
  for (const member of found)
    for (const group of groups)
      if (membersOf(group).includes(member)) found.add(String(group["id"]));
  return [...found].slice(1);
}

/** Templates of the roles that somebody holds, through groups too. */
export function rolesOf(
  configuration: TenantConfiguration,
  userId: string,
  now: number,
): readonly string[] {
  const holders = new Set([userId, ...groupsOf(configuration, userId, now)]);
  const held = configuration
    .allSeen("roleAssignment", now)
    .filter(({ principalId }) => holders.has(String(principalId)))
    .map(({ roleDefinitionId }) => String(roleDefinitionId));
  return [...new Set(held)];
}
