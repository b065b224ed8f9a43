/**
 * Custom roles and assignments: listed, read, added, replaced, removed. Built-in roles are only read, and nobody gives what
 * they do not hold.
 */

import type { Page } from "../../http/paging.ts";
import { type Clock, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { AssignmentBody, RoleBody } from "./contract.ts";
import {
  type Assignment,
  beyondReach,
  type Scope,
  type SnapshotReader,
  type Standing,
} from "./decide.ts";
import type { AssignmentStore, RoleStore, StoredAssignment } from "./granted.ts";
import { builtInRoles, type Permission, type Role, rolesHolding } from "./roles.ts";

/** How far a scope reaches, as people say it. */
const howFar: Readonly<Record<Scope["kind"], string>> = {
  everything: "everywhere",
  tenants: "in each of those tenants",
  collections: "for each of those collections",
};

/** The refusal of a role that gives permissions beyond the caller's reach: which they are, and who could give them. */
function cannotGive(
  roleName: string,
  beyond: readonly Permission[],
  { kind }: Scope = { kind: "everything" },
): Result<never> {
  const reach = howFar[kind];
  const roles = rolesHolding([...beyond, "access.manage"]).join(", ");
  const text =
    `You cannot give what you do not hold: role ${roleName} has ${beyond.join(", ")}, and you do not ${reach}. ` +
    `Whoever holds these and access.manage ${reach} can give it; built-in roles that do: ${roles}.`;
  return fail("forbidden", text);
}

/** Most custom roles; all of them are read together. */
const maxRoles = 500;
/** Most assignments; all of them are read together. */
const maxAssignments = 5000;

/** A role; with an etag where it can be changed. */
type ReadRole = { readonly role: Role; readonly etag?: string };

type RoleParts = {
  readonly roles: RoleStore;
  readonly assignments: AssignmentStore;
  readonly snapshots: SnapshotReader;
};

/** The roles of this installation. */
export class RoleRegistry {
  readonly #parts: RoleParts;

  constructor(parts: RoleParts) {
    this.#parts = parts;
  }

  /** Built-in roles, then custom ones. */
  async list(): Promise<Role[]> {
    return [...builtInRoles, ...(await this.#parts.roles.all())];
  }

  /** One role. */
  async read(roleId: string): Promise<Result<ReadRole>> {
    const builtIn = builtInRoles.find((role) => role.roleId === roleId);
    if (builtIn) return succeed({ role: builtIn });
    const stored = await this.#parts.roles.get(roleId);
    return stored === undefined ? unknownRole(roleId) : succeed(stored);
  }

  /** Adds a role; `roleId` comes from the request, so that a repeated one adds it once. */
  async add(granter: Standing, roleId: string, body: RoleBody): Promise<Result<ReadRole>> {
    const { roles, snapshots } = this.#parts;
    const refused = refuseBeyond(granter, body);
    if (refused) return refused;
    if ((await roles.all()).length >= maxRoles)
      return fail("conflict", `There are ${maxRoles} roles already. Remove one first.`);
    await roles.insert(toRole(roleId, body));
    snapshots.invalidate();
    return this.read(roleId);
  }

  /** Replaces a role; whoever holds it has the new permissions from now on. Answers both. */
  async replace(
    granter: Standing,
    change: {
      readonly roleId: string;
      readonly body: RoleBody;
      readonly ifMatch: string | undefined;
    },
  ): Promise<Result<ReadRole & { readonly before: Role }>> {
    const { roles, snapshots } = this.#parts;
    const { roleId, body, ifMatch } = change;
    const stored = await this.#changeable(roleId, ifMatch);
    if (!stored.ok) return stored;
    const refused = refuseBeyond(granter, body);
    if (refused) return refused;
    const role = toRole(roleId, body);
    const etag = await roles.replace(role, stored.value.etag);
    snapshots.invalidate();
    if (etag === undefined) return roleChanged(roleId);
    return succeed({ role, etag, before: stored.value.role });
  }

  /** Removes a role that nobody holds; answers what it was. */
  async remove(roleId: string, ifMatch: string | undefined): Promise<Result<Role>> {
    const { roles, assignments, snapshots } = this.#parts;
    const stored = await this.#changeable(roleId, ifMatch);
    if (!stored.ok) return stored;
    const holders = (await assignments.all()).filter((each) => each.roleId === roleId);
    if (holders.length > 0)
      return fail("conflict", `${holders.length} assignment(s) still name role ${roleId}.`);
    const removed = await roles.remove(roleId, stored.value.etag);
    snapshots.invalidate();
    return removed === "lost" ? roleChanged(roleId) : succeed(stored.value.role);
  }

  async #changeable(roleId: string, ifMatch: string | undefined) {
    const found = await this.read(roleId);
    if (!found.ok) return found;
    const { role, etag } = found.value;
    if (etag === undefined)
      return fail("conflict", `${role.name} is built in. Make a role of your own from it.`);
    return ifMatch !== undefined && ifMatch !== etag
      ? roleChanged(roleId)
      : succeed({ role, etag });
  }
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

const roleChanged = (roleId: string) =>
  fail("precondition-failed", `Role ${roleId} changed since you read it. Read it again.`);

type AssignmentParts = {
  readonly roles: Pick<RoleRegistry, "read">;
  readonly assignments: AssignmentStore;
  readonly snapshots: SnapshotReader;
  readonly clock: Clock;
};

/** Who holds which role, and where. */
export class AssignmentRegistry {
  readonly #parts: AssignmentParts;

  constructor(parts: AssignmentParts) {
    this.#parts = parts;
  }

  /** A page of assignments, newest first. */
  list(top: number, position: string | undefined): Promise<Page<Assignment>> {
    return this.#parts.assignments.list(top, position);
  }

  /** One assignment. */
  async read(assignmentId: string): Promise<Result<StoredAssignment>> {
    const stored = await this.#parts.assignments.get(assignmentId);
    return stored === undefined ? unknownAssignment(assignmentId) : succeed(stored);
  }

  /** Adds an assignment; its id comes from the request, so that a repeated one adds it once. */
  async add(
    granter: Standing,
    assignmentId: string,
    body: AssignmentBody,
  ): Promise<Result<StoredAssignment>> {
    const { assignments, snapshots, clock } = this.#parts;
    const checked = await this.#check(granter, body);
    if (!checked.ok) return checked;
    if ((await assignments.all()).length >= maxAssignments)
      return fail("conflict", `There are ${maxAssignments} assignments. Assign to groups instead.`);
    const now = toIso(clock.now());
    await assignments.insert(toAssignment(assignmentId, body, now, now));
    snapshots.invalidate();
    return this.read(assignmentId);
  }

  /** Replaces an assignment whole; with `ifMatch` only the version that the caller read. Answers both. */
  async replace(
    granter: Standing,
    change: {
      readonly assignmentId: string;
      readonly body: AssignmentBody;
      readonly ifMatch: string | undefined;
    },
  ): Promise<Result<StoredAssignment & { readonly before: Assignment }>> {
    const { assignments, snapshots, clock } = this.#parts;
    const { assignmentId, body, ifMatch } = change;
    const stored = await this.#unchanged(assignmentId, ifMatch);
    if (!stored.ok) return stored;
    const checked = await this.#check(granter, body);
    if (!checked.ok) return checked;
    const { assignment: before } = stored.value;
    const assignment = toAssignment(assignmentId, body, before.createdAt, toIso(clock.now()));
    const etag = await assignments.replace(assignment, stored.value.etag);
    snapshots.invalidate();
    if (etag === undefined) return assignmentChanged(assignmentId);
    return succeed({ assignment, etag, before });
  }

  /**
   * Removes an assignment; answers what it was. Whoever may manage access may take away anything, also more
   * than they hold.
   */
  async remove(assignmentId: string, ifMatch: string | undefined): Promise<Result<Assignment>> {
    const { assignments, snapshots } = this.#parts;
    const stored = await this.#unchanged(assignmentId, ifMatch);
    if (!stored.ok) return stored;
    const removed = await assignments.remove(assignmentId, stored.value.etag);
    snapshots.invalidate();
    if (removed === "lost") return assignmentChanged(assignmentId);
    return succeed(stored.value.assignment);
  }

  /** The version that the caller read. Compared here: what is no etag at all, storage takes for a fault of ours. */
  async #unchanged(
    assignmentId: string,
    ifMatch: string | undefined,
  ): Promise<Result<StoredAssignment>> {
    const stored = await this.read(assignmentId);
    const isOther = stored.ok && ifMatch !== undefined && ifMatch !== stored.value.etag;
    return isOther ? assignmentChanged(assignmentId) : stored;
  }

  async #check(granter: Standing, { roleId, scope }: AssignmentBody): Promise<Result<undefined>> {
    const found = await this.#parts.roles.read(roleId);
    if (!found.ok)
      return fail("invalid-request", `There is no role ${roleId}.`, {
        faults: [{ pointer: "/roleId", detail: "no such role" }],
      });
    const { name, permissions } = found.value.role;
    const beyond = beyondReach(granter, permissions, scope);
    return beyond.length === 0 ? succeed(undefined) : cannotGive(name, beyond, scope);
  }
}

function toAssignment(
  assignmentId: string,
  { note, ...body }: AssignmentBody,
  createdAt: string,
  updatedAt: string,
): Assignment {
  return { assignmentId, ...body, ...(note === undefined ? {} : { note }), createdAt, updatedAt };
}

const unknownAssignment = (assignmentId: string) =>
  fail("unknown-assignment", `There is no assignment ${assignmentId}.`);

const assignmentChanged = (assignmentId: string) =>
  fail("precondition-failed", `Assignment ${assignmentId} changed since you read it.`);
