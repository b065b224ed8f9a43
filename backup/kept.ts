/**
 * What is kept, read from an account as lines: in which order, and which partitions are read until they stood still.
 *
 * The app goes on meanwhile, so that a backup is no picture of one moment. Its order makes of that what crashes make of it too:
 * an earlier state of what goes by the state of something else. Messages are not read: none can be without taking it from whoever
 * works, and each only names rows, for which the sweepers send a new one.
 */
import { headKey } from "../shared/access/audit/records.ts";
import { planKey } from "../shared/fanout/state/item-store.ts";
import { isOpen, type Job, jobLifecycle } from "../shared/fanout/state/job.ts";
import type { Instant } from "../shared/kernel/clock.ts";
import { toIso } from "../shared/kernel/clock.ts";
import type { Blobs } from "../shared/storage/blobs.ts";
import { type TableName, tableNames } from "../shared/storage/names.ts";
import {
  allRows,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../shared/storage/tables.ts";
import { lineOf } from "./folder.ts";

const { answers, approvals, jobs, items, tasks, dueTasks, syncs, refreshes } = tableNames;
const { openWork, tenants, audit } = tableNames;

/** An answer and an approval before the job that they are about, and a job before its items: none is ahead of what it speaks of. */
const first: readonly TableName[] = [answers, approvals, jobs, items, tasks, syncs, refreshes];
/**
 * The sweepers' list and the due index are owed by rows before them, and mended by those; a tenant that is being removed is
 * so in its own row before anything of it is gone; and the trail knows of all that was read before it.
 */
const last: readonly TableName[] = [dueTasks, openWork, tenants, audit];

/** All tables, in the order in which they are read. */
export const tablesInOrder: readonly TableName[] = [
  ...first,
  ...Object.values(tableNames).filter((name) => ![...first, ...last].includes(name)),
  ...last,
];

/** The part of a backup that has the blobs. */
export const blobsPart = "blobs";

// A row and a blob as lines.

const cells = new Set(["string", "number", "boolean"]);

/** A row as a line; columns in the order of their names, so that the same row is the same line. */
export function lineOfRow({ partitionKey, rowKey, columns }: StoredRow): string {
  const sorted = Object.entries(columns).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, cell] of sorted)
    if (!cells.has(typeof cell))
      throw new Error(`column ${name} of row ${partitionKey} ${rowKey} is of no kind that is kept`);
  return lineOf([partitionKey, rowKey, Object.fromEntries(sorted)]);
}

/** The row of a line. */
export function rowOfLine(line: string): Row {
  const [partitionKey, rowKey, columns] = JSON.parse(line) as [string, string, Row];
  return { ...columns, partitionKey, rowKey };
}

/** The blob of a line. */
export function blobOfLine(line: string): { readonly path: string; readonly content: Buffer } {
  const [path, content] = JSON.parse(line) as [string, string];
  return { path, content: Buffer.from(content, "base64") };
}

/** All rows of a table, as the service has them in order. */
export async function* rowsOf(tables: Tables, table: TableName): AsyncGenerator<StoredRow> {
  const everything = { partitionsFrom: "", partitionsBelow: "\uffff" };
  let token: string | undefined;
  do {
    const page = await tables.page(table, everything, 1000, token);
    yield* page.rows;
    token = page.next;
  } while (token !== undefined);
}

/** Blobs as lines, one after the other; one that is removed meanwhile is not among them. */
export async function* blobLines(blobs: Blobs): AsyncGenerator<string> {
  for await (const path of blobs.paths()) {
    const content = await blobs.get(path);
    if (content !== undefined) yield lineOf([path, content.toString("base64")]);
  }
}

// Partitions of which one row speaks of all the others: what planning has come to, where a chain stands.

/** Which partitions of a table move, and the row in them that moves with every change of what it speaks of. */
export type Moving = { readonly anchor: string; readonly moves: (partition: string) => boolean };

/** Whether a row of a job says that somebody still has to do something. */
export function isOpenJob(row: StoredRow): boolean {
  const state = textOf(row, "state");
  return Object.hasOwn(jobLifecycle, state) && isOpen({ state: state as Job["state"] });
}

/** Jobs that are open, as rows of them go by; so few that they are remembered. */
export class OpenJobs {
  readonly #ids = new Set<string>();

  see(table: TableName, row: StoredRow): void {
    if (table === jobs && isOpenJob(row)) this.#ids.add(row.rowKey);
  }

  has(jobId: string): boolean {
    return this.#ids.has(jobId);
  }
}

/** What moves in a table, since the backup began; undefined: its rows stand each for itself. */
export function movingIn(table: TableName, open: OpenJobs, begunAt: Instant): Moving | undefined {
  if (table === items) return { anchor: planKey, moves: (jobId) => open.has(jobId) };
  const month = toIso(begunAt).slice(0, 7);
  const isLate = (partition: string): boolean => partition.slice(-month.length) >= month;
  return table === audit ? { anchor: headKey, moves: isLate } : undefined;
}

/** How often a partition is read before its backup is given up: planning 100,000 devices is some ten seconds. */
const maxReads = 200;

/** Reads a partition until its anchor is the same before and after; `again` throws away what was read before. */
export async function readStill(
  tables: Tables,
  table: TableName,
  { partition, anchor }: { readonly partition: string; readonly anchor: string },
  take: (row: StoredRow) => Promise<void>,
  again: () => Promise<void>,
): Promise<void> {
  const stand = async () => (await tables.get(table, partition, anchor))?.etag;
  for (let reads = 0; reads < maxReads; reads += 1) {
    await again();
    const before = await stand();
    for await (const row of allRows(tables, table, { partition })) await take(row);
    if ((await stand()) === before) return;
  }
  throw new Error(`${table} ${partition} did not stand still: try again when less is under way`);
}
