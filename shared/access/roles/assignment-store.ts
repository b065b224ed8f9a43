/** Rows of assignments. All in one partition: they grow with administrators, and are read together. */

import { tableNames } from "../../storage/names.ts";
import { allRows, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import type { Assignment } from "./assignments.ts";
import { AssignmentBody } from "./contract.ts";

const partition = "assignments";

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
    const row = await this.#tables.get(tableNames.assignments, partition, assignmentId);
    return row === undefined ? undefined : { assignment: fromRow(row), etag: row.etag };
  }

  /** Adds an assignment unless its id is taken. */
  insert(assignment: Assignment): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.assignments, toRow(assignment));
  }

  /** Replaces the assignment that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(assignment: Assignment, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.assignments, toRow(assignment), etag);
  }

  /** Removes the assignment that had `etag`. */
  remove(assignmentId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.assignments, partition, assignmentId, etag);
  }

  /** All assignments, newest first. */
  async all(): Promise<Assignment[]> {
    const found: Assignment[] = [];
    for await (const row of allRows(this.#tables, tableNames.assignments, { partition }))
      found.push(fromRow(row));
    return found;
  }

  /** A page of assignments, newest first. */
  async list(top: number, token?: string): Promise<{ items: Assignment[]; next?: string }> {
    const page = await this.#tables.page(tableNames.assignments, { partition }, top, token);
    const items = page.rows.map(fromRow);
    return page.next === undefined ? { items } : { items, next: page.next };
  }
}

function toRow({ assignmentId, createdAt, updatedAt, ...body }: Assignment) {
  const row = { partitionKey: partition, rowKey: assignmentId, createdAt, updatedAt };
  return { ...row, body: JSON.stringify(body) };
}

function fromRow(row: StoredRow): Assignment {
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
