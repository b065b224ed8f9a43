/**
 * What rows of a backup owe, once they stand in another account.
 *
 * First what they always owe, since they were read one after the other: work that is under way is on the sweepers' list, a task
 * that has a next time has its place in the due index. Then what they owe to the time since: unless nobody worked on after the
 * backup, what waited in it may have been done, and nothing here says so. So it counts as asked without an answer: the far
 * side is looked at first, what is harmless twice is asked again, and what is not ends as unknown where no trace of it is found.
 */

import { RefreshStore } from "../shared/devices/refresh/refresh-store.ts";
import { apply, type Item } from "../shared/fanout/state/item.ts";
import { ItemStore, type StoredItemRow } from "../shared/fanout/state/item-store.ts";
import { type Clock, type Instant, toIso } from "../shared/kernel/clock.ts";
import { CalendarBook } from "../shared/schedules/calendars.ts";
import { calendarsOf, rescheduled, Task } from "../shared/schedules/state/task.ts";
import { type Stored, TaskStore } from "../shared/schedules/state/task-store.ts";
import { tableNames } from "../shared/storage/names.ts";
import { type Row, type StoredRow, type Tables, textOf } from "../shared/storage/tables.ts";
import { SyncStore } from "../shared/sync/state/sync-store.ts";
import { isOpenJob, rowsOf } from "./kept.ts";

/** What was mended. */
export type Mended = {
  /** Entries of the sweepers' list that rows owed. */
  listed: number;
  /** Items that waited and count as asked now. */
  doubted: number;
  /** Jobs whose targets were being planned, which end here. */
  cutShort: number;
  /** Tasks whose time has come since, which go on with the next one. */
  passedOver: number;
};

type Target = { readonly tables: Tables; readonly clock: Clock };

/** Gives rows what they owe. `since`: when the backup began, if work may have gone on behind it. */
export async function mend(target: Target, since: Instant | undefined): Promise<Mended> {
  const mended: Mended = { listed: 0, doubted: 0, cutShort: 0, passedOver: 0 };
  // Before the lists: a sweeper that runs already finds nothing that is not as it should be.
  if (since !== undefined) {
    for await (const row of rowsOf(target.tables, tableNames.jobs))
      if (isOpenJob(row)) await doubtJob(target, row, since, mended);
    await passOver(target, mended);
  }
  await list(target.tables, mended);
  await listPlaces(target, mended);
  return mended;
}

// The sweepers' list and the due index.

async function list(tables: Tables, mended: Mended): Promise<void> {
  const owe = async (row: Row): Promise<void> => {
    if ((await tables.insert(tableNames.openWork, row)) === "inserted") mended.listed += 1;
  };
  for await (const row of rowsOf(tables, tableNames.jobs)) {
    const [tenantId = "", kind = ""] = row.partitionKey.split("|");
    if (isOpenJob(row)) await owe({ partitionKey: kind, rowKey: row.rowKey, tenantId });
  }
  for await (const row of rowsOf(tables, tableNames.syncs)) {
    const phase = textOf(row, "phase");
    const { partitionKey: tenantId, rowKey: syncId } = row;
    // Types and items of a sync, and statuses, have no phase.
    if (phase !== "" && phase !== "done") await new SyncStore(tables).open(tenantId, syncId);
  }
  for await (const row of rowsOf(tables, tableNames.refreshes)) {
    const { partitionKey: tenantId, rowKey: refreshId } = row;
    if (textOf(row, "state") === "running")
      await new RefreshStore(tables).open(tenantId, refreshId);
  }
}

/** The tasks of all tenants; beside them, in the same table, stand their runs and what they name. Others stay as they are. */
async function* tasksIn(tables: Tables): AsyncGenerator<Stored<Task>> {
  for await (const row of rowsOf(tables, tableNames.tasks)) {
    if (!row.rowKey.startsWith("t|")) continue;
    const { data: value } = Task.safeParse(JSON.parse(textOf(row, "value")));
    if (value !== undefined) yield { value, etag: row.etag };
  }
}

async function listPlaces({ tables }: Target, mended: Mended): Promise<void> {
  const store = new TaskStore(tables);
  for await (const { value } of tasksIn(tables)) {
    if (value.next === undefined) continue;
    const { tenantId, taskId, next } = value;
    await store.place([{ tenantId, taskId }], next.dueAt);
    mended.listed += 1;
  }
}

// What may have been done since.

/** Rows of items that are written together. */
const rowsAtOnce = 10;

/** Everything of a job that waits may have been asked for; what was not planned yet cannot be told from what was. */
async function doubtJob(
  { tables, clock }: Target,
  row: StoredRow,
  since: Instant,
  mended: Mended,
): Promise<void> {
  const store = new ItemStore(tables);
  const jobId = row.rowKey;
  const query = { where: "waiting gt 0", top: rowsAtOnce };
  let rows = await store.page(jobId, query);
  for (; rows.length > 0; rows = await store.page(jobId, { ...query, from: behind(rows) })) {
    const doubted = rows.map((each) => doubt(each, since, clock.now(), mended));
    if ((await store.replace(jobId, doubted)) === undefined)
      throw new Error(`somebody else writes items of ${jobId}: stop the app before a restore`);
  }
  if (textOf(row, "state") !== "planning") return;
  const failure = {
    code: "planning-failed",
    detail:
      "It was restored from a backup that was taken while its targets were being planned: which of the others it reached since is not known.",
  };
  const { partitionKey, rowKey, columns, etag } = row;
  const kept = { ...(columns as Row), partitionKey, rowKey };
  const ended = { ...kept, state: "failing", cutShort: true, failure: JSON.stringify(failure) };
  await tables.replace(tableNames.jobs, ended, etag);
  mended.cutShort += 1;
}

/** Just behind the last of some rows. */
const behind = (rows: readonly StoredItemRow[]): string => `${rows.at(-1)?.lastTargetId ?? ""}!`;

/** The row with what waits in it claimed by a worker that told nothing. It is due at once. */
function doubt(row: StoredItemRow, since: Instant, now: Instant, mended: Mended): StoredItemRow {
  const items = row.items.map((item): Item => {
    if (item.state !== "waiting") return item;
    mended.doubted += 1;
    return apply(item, "claim", now, { claimedAt: since });
  });
  return { ...row, items, dueAt: 0 };
}

/** Only what is removed asks. */
const namedBy = () => Promise.resolve([]);

/** A time that has come since the backup was somebody's: no run of it is known, and a second one must not begin. */
async function passOver({ tables, clock }: Target, mended: Mended): Promise<void> {
  const store = new TaskStore(tables);
  const calendars = new CalendarBook({ tables, clock, store, namedBy });
  const now = clock.now();
  for await (const stored of tasksIn(tables)) {
    const { value } = stored;
    const { next, ...rest } = value;
    if (next === undefined || next.occurrence.at > now) continue;
    const isOnce = value.schedule.kind === "now" || value.schedule.kind === "at";
    const later = isOnce ? rest : rescheduled(value, now, await calendars.of(calendarsOf(value)));
    if ((await store.replace(stored, later)) === undefined)
      throw new Error(`somebody else writes task ${value.taskId}: stop the app before a restore`);
    mended.passedOver += 1;
  }
}

/** What was mended, in words. */
export const mendedLine = (mended: Mended, since: Instant | undefined): string =>
  since === undefined
    ? `Everything goes on where it was; ${mended.listed} entries of lists were looked after.`
    : `What was under way since ${toIso(since)} counts as perhaps done: ${mended.doubted} items are looked up before they are asked for, ${mended.cutShort} jobs end half planned, and ${mended.passedOver} tasks go on with their next time.`;
