/** Rows of custom roles. */

import { tableNames } from "../../storage/names.ts";
import { allRows, numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { type Permission, permissions } from "./permissions.ts";
import type { Role } from "./roles.ts";

const partition = "roles";
const layout = 1;

/** A role with the etag that a change must present. */
export type StoredRole = { readonly role: Role; readonly etag: string };

/** Rows in and out. */
export class RoleStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One custom role, or undefined. */
  async get(roleId: string): Promise<StoredRole | undefined> {
    const row = await this.#tables.get(tableNames.roles, partition, roleId);
    return row === undefined ? undefined : { role: fromRow(row), etag: row.etag };
  }

  /** Adds a role unless its id is taken. */
  insert(role: Role): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.roles, toRow(role));
  }

  /** Replaces the role that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(role: Role, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.roles, toRow(role), etag);
  }

  /** Removes the role that had `etag`. */
  remove(roleId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.roles, partition, roleId, etag);
  }

  /** All custom roles in the order of their ids. */
  async all(): Promise<Role[]> {
    const found: Role[] = [];
    for await (const row of allRows(this.#tables, tableNames.roles, { partition }))
      found.push(fromRow(row));
    return found;
  }
}

const toRow = ({ roleId, name, description, permissions: held }: Role) => ({
  partitionKey: partition,
  rowKey: roleId,
  layout,
  name,
  description,
  permissions: held.join(" "),
});

function fromRow(row: StoredRow): Role {
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
