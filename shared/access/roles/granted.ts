/**
 * Everything that was granted to anybody: custom roles and assignments in rows, the assignments that the settings stand
 * for, and all of it together as a snapshot that is kept for a few seconds.
 */

import type { Clock, Instant } from "../../kernel/clock.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { bootstrapCaller, type PrincipalKind, principalOf } from "../sign-in/caller.ts";
import { AssignmentBody } from "./contract.ts";
import type { Assignment, SnapshotReader, Standing } from "./decide.ts";
import { builtInRoles, type Permission, permissions, type Role } from "./roles.ts";

/** The role with every permission. */
const fullAdministratorId = "fullAdministrator";

const rolesPartition = "roles";
const layout = 1;

/** A role with the etag that a change must present. */
type StoredRole = { readonly role: Role; readonly etag: string };

/** Rows in and out. */
export class RoleStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One custom role, or undefined. */
  async get(roleId: string): Promise<StoredRole | undefined> {
    const row = await this.#tables.get(tableNames.roles, rolesPartition, roleId);
    return row === undefined ? undefined : { role: roleOf(row), etag: row.etag };
  }

  /** Adds a role unless its id is taken. */
  insert(role: Role): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.roles, roleToRow(role));
  }

  /** Replaces the role that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(role: Role, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.roles, roleToRow(role), etag);
  }

  /** Removes the role that had `etag`. */
  remove(roleId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.roles, rolesPartition, roleId, etag);
  }

  /** All custom roles in the order of their ids. */
  async all(): Promise<Role[]> {
    const found: Role[] = [];
    for await (const row of allRows(this.#tables, tableNames.roles, { partition: rolesPartition }))
      found.push(roleOf(row));
    return found;
  }
}

const roleToRow = ({ roleId, name, description, permissions: held }: Role) => ({
  partitionKey: rolesPartition,
  rowKey: roleId,
  layout,
  name,
  description,
  permissions: held.join(" "),
});

function roleOf(row: StoredRow): Role {
  if (numberOf(row, "layout") !== layout)
    throw new Error(`role ${row.rowKey} was written by a newer Muster`);
  return {
    roleId: row.rowKey,
    name: textOf(row, "name"),
    description: textOf(row, "description"),
    // A permission that does not exist any more gives nothing.
    permissions: textOf(row, "permissions").split(" ").filter(isPermission),
    builtIn: false,
  };
}

const isPermission = (name: string): name is Permission => Object.hasOwn(permissions, name);

// Rows of assignments. All in one partition: they grow with administrators, and are read together.

const assignmentsPartition = "assignments";

/** An assignment with the etag that a change must present. */
export type StoredAssignment = { readonly assignment: Assignment; readonly etag: string };

/** Rows in and out. */
export class AssignmentStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One assignment, or undefined. */
  async get(assignmentId: string): Promise<StoredAssignment | undefined> {
    const row = await this.#tables.get(tableNames.assignments, assignmentsPartition, assignmentId);
    return row === undefined ? undefined : { assignment: assignmentOf(row), etag: row.etag };
  }

  /** Adds an assignment unless its id is taken. */
  insert(assignment: Assignment): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.assignments, assignmentToRow(assignment));
  }

  /** Replaces the assignment that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(assignment: Assignment, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.assignments, assignmentToRow(assignment), etag);
  }

  /** Removes the assignment that had `etag`. */
  remove(assignmentId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.assignments, assignmentsPartition, assignmentId, etag);
  }

  /** All assignments, newest first. */
  async all(): Promise<Assignment[]> {
    const found: Assignment[] = [];
    for await (const row of allRows(this.#tables, tableNames.assignments, {
      partition: assignmentsPartition,
    }))
      found.push(assignmentOf(row));
    return found;
  }

  /** A page of assignments, newest first. */
  async list(top: number, token?: string): Promise<{ items: Assignment[]; next?: string }> {
    const page = await this.#tables.page(
      tableNames.assignments,
      { partition: assignmentsPartition },
      top,
      token,
    );
    const items = page.rows.map(assignmentOf);
    return page.next === undefined ? { items } : { items, next: page.next };
  }
}

function assignmentToRow({ assignmentId, createdAt, updatedAt, ...body }: Assignment) {
  const row = { partitionKey: assignmentsPartition, rowKey: assignmentId, createdAt, updatedAt };
  return { ...row, body: JSON.stringify(body) };
}

function assignmentOf(row: StoredRow): Assignment {
  // Read as strictly as it was taken in: a row that somebody bent gives an error, not a permission.
  const { note, ...body } = AssignmentBody.parse(JSON.parse(textOf(row, "body")));
  return {
    assignmentId: row.rowKey,
    ...body,
    ...(note === undefined ? {} : { note }),
    createdAt: textOf(row, "createdAt"),
    updatedAt: textOf(row, "updatedAt"),
  };
}

// The first administrator comes from the settings, never from whoever signs in first: an assignment that
// is in no table, cannot be removed over the API, and goes when the setting goes.

/** `MUSTER_FIRST_ADMIN`: the object id of a user or an app in the installation's own tenant. */
export type FirstAdministrator = { readonly homeTenantId: string; readonly id: string };

const kinds: readonly PrincipalKind[] = ["user", "app"];
const neverStored = "1970-01-01T00:00:00.000Z";

/** The assignment of whoever presents the admin token: everything, as long as the setting is there. */
const bootstrapAssignment: Assignment = {
  assignmentId: "setting-bootstrap",
  principal: principalOf(bootstrapCaller),
  roleId: fullAdministratorId,
  scope: { kind: "everything" },
  note: "MUSTER_ADMIN_TOKEN",
  createdAt: neverStored,
  updatedAt: neverStored,
};

/** The assignments that the setting stands for: an object id says not whether it is a user or an app. */
export function settingsAssignments(first: FirstAdministrator | undefined): Assignment[] {
  if (first === undefined) return [];
  return kinds.map((kind) => ({
    assignmentId: `setting-${kind}`,
    principal: { kind, homeTenantId: first.homeTenantId, id: first.id.toLowerCase() },
    roleId: fullAdministratorId,
    scope: { kind: "everything" },
    note: "MUSTER_FIRST_ADMIN",
    createdAt: neverStored,
    updatedAt: neverStored,
  }));
}

// The snapshot. A revocation takes hold at once where it
// was made, and within that time everywhere else.

/** How long another instance may still act on a revoked assignment, in ms. */
export const snapshotMs = 3000;

/** Reads through a cache of a few seconds. */
export function cachedSnapshots(deps: {
  readonly roles: Pick<RoleStore, "all">;
  readonly assignments: Pick<AssignmentStore, "all">;
  readonly first: FirstAdministrator | undefined;
  /** Whether the settings have an admin token. */
  readonly bootstrap?: boolean;
  readonly clock: Clock;
}): SnapshotReader {
  const fixed = [
    ...(deps.bootstrap ? [bootstrapAssignment] : []),
    ...settingsAssignments(deps.first),
  ];
  let kept:
    | { readonly snapshot: Promise<Omit<Standing, "caller">>; readonly at: Instant }
    | undefined;
  const load = async (): Promise<Omit<Standing, "caller">> => {
    const [custom, stored] = await Promise.all([deps.roles.all(), deps.assignments.all()]);
    return snapshotOf(custom, [...fixed, ...stored]);
  };
  return {
    read() {
      const now = deps.clock.now();
      // A clock that was set back must not make a few seconds last for hours.
      if (kept !== undefined && kept.at <= now && now < kept.at + snapshotMs) return kept.snapshot;
      const mine = { snapshot: load(), at: now };
      kept = mine;
      // A failed read must not be kept: nobody is let in or shut out by an outage that has passed.
      mine.snapshot.catch(() => {
        if (kept === mine) kept = undefined;
      });
      return mine.snapshot;
    },
    invalidate() {
      kept = undefined;
    },
  };
}

/** A snapshot of custom roles and assignments; a custom role never replaces a built-in one. */
export function snapshotOf(
  custom: readonly Role[],
  assignments: readonly Assignment[],
): Omit<Standing, "caller"> {
  const roles = new Map([...custom, ...builtInRoles].map((role) => [role.roleId, role]));
  return { roles, assignments };
}
