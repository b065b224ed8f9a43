/** Custom roles: add, read, replace, remove. Built-in ones are only read. */
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { AssignmentStore } from "./assignment-store.ts";
import { maxRoles, type RoleBody } from "./contract.ts";
import type { Standing } from "./decide.ts";
import { beyondReach, cannotGive } from "./granting.ts";
import type { RoleStore } from "./role-store.ts";
import { builtInRoles, type Role } from "./roles.ts";
import type { SnapshotReader } from "./snapshot.ts";

/** What roles need. */
export type RoleDeps = {
  readonly roles: RoleStore;
  readonly assignments: AssignmentStore;
  readonly snapshots: SnapshotReader;
};

/** A role; with an etag where it can be changed. */
export type ReadRole = { readonly role: Role; readonly etag?: string };

/** Built-in roles, then custom ones. */
export const listRoles = async ({ roles }: Pick<RoleDeps, "roles">): Promise<Role[]> => [
  ...builtInRoles,
  ...(await roles.all()),
];

/** One role. */
export async function readRole(
  { roles }: Pick<RoleDeps, "roles">,
  roleId: string,
): Promise<Result<ReadRole>> {
  const builtIn = builtInRoles.find((role) => role.roleId === roleId);
  if (builtIn) return succeed({ role: builtIn });
  const stored = await roles.get(roleId);
  return stored === undefined ? unknownRole(roleId) : succeed(stored);
}

/** Adds a role; `roleId` comes from the request, so that a repeated one adds it once. */
export async function addRole(
  deps: RoleDeps,
  granter: Standing,
  roleId: string,
  body: RoleBody,
): Promise<Result<ReadRole>> {
  const refused = refuseBeyond(granter, body);
  if (refused) return refused;
  if ((await deps.roles.all()).length >= maxRoles)
    return fail("conflict", `There are ${maxRoles} roles already. Remove one first.`);
  await deps.roles.insert(toRole(roleId, body));
  deps.snapshots.invalidate();
  return readRole(deps, roleId);
}

/** Replaces a role; whoever holds it has the new permissions from now on. Answers both. */
export async function replaceRole(
  deps: RoleDeps,
  granter: Standing,
  change: {
    readonly roleId: string;
    readonly body: RoleBody;
    readonly ifMatch: string | undefined;
  },
): Promise<Result<ReadRole & { readonly before: Role }>> {
  const { roleId, body, ifMatch } = change;
  const stored = await changeable(deps, roleId, ifMatch);
  if (!stored.ok) return stored;
  const refused = refuseBeyond(granter, body);
  if (refused) return refused;
  const role = toRole(roleId, body);
  const etag = await deps.roles.replace(role, stored.value.etag);
  deps.snapshots.invalidate();
  if (etag === undefined) return changedMeanwhile(roleId);
  return succeed({ role, etag, before: stored.value.role });
}

/** Removes a role that nobody holds; answers what it was. */
export async function removeRole(
  deps: RoleDeps,
  roleId: string,
  ifMatch: string | undefined,
): Promise<Result<Role>> {
  const stored = await changeable(deps, roleId, ifMatch);
  if (!stored.ok) return stored;
  const holders = (await deps.assignments.all()).filter((each) => each.roleId === roleId);
  if (holders.length > 0)
    return fail("conflict", `${holders.length} assignment(s) still name role ${roleId}.`);
  const removed = await deps.roles.remove(roleId, stored.value.etag);
  deps.snapshots.invalidate();
  return removed === "lost" ? changedMeanwhile(roleId) : succeed(stored.value.role);
}

async function changeable(deps: RoleDeps, roleId: string, ifMatch: string | undefined) {
  const found = await readRole(deps, roleId);
  if (!found.ok) return found;
  const { role, etag } = found.value;
  if (etag === undefined)
    return fail("conflict", `${role.name} is built in. Make a role of your own from it.`);
  return ifMatch !== undefined && ifMatch !== etag
    ? changedMeanwhile(roleId)
    : succeed({ role, etag });
}

/** Refuses to hand on what the granter does not hold everywhere: a role may be assigned anywhere. */
function refuseBeyond(granter: Standing, { name, permissions }: RoleBody) {
  const beyond = beyondReach(granter, permissions);
  return beyond.length === 0 ? undefined : cannotGive(name, beyond);
}

const toRole = (roleId: string, { name, description, permissions }: RoleBody): Role => ({
  roleId,
  name,
  description,
  permissions: [...new Set(permissions)],
  builtIn: false,
});

const unknownRole = (roleId: string) =>
  fail("unknown-role", `There is no role ${roleId}. GET /api/v1/access/roles lists them.`);

const changedMeanwhile = (roleId: string) =>
  fail("precondition-failed", `Role ${roleId} changed since you read it. Read it again.`);
