/**
 * Rows of tasks: a task and its runs in the partition of their tenant, and the due index in partitions of a minute. The
 * index may hold places that nobody needs any more; a task without its place would never run. So a place is written
 * before the task that needs it, and taken away after it is no longer needed.
 */
import type { Instant } from "../../kernel/clock.ts";
import { toIso } from "../../kernel/clock.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  deleteRange,
  numberOf,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";
import { Task, TaskRun, TenantRun } from "./task.ts";

/** Something with the etag that a change must present. */
export type Stored<T> = { readonly value: T; readonly etag: string };

/** A place in the due index. */
export type DuePlace = {
  readonly tenantId: string;
  readonly taskId: string;
  readonly dueAt: Instant;
};

const { tasks, dueTasks } = tableNames;
const tasksBegin = "t|";
const runsOf = (taskId: string): string => `r|${taskId}|`;
const minuteOf = (at: Instant): string => toIso(at).slice(0, 16);

/** Rows in and out. */
export class TaskStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async get(tenantId: string, taskId: string): Promise<Stored<Task> | undefined> {
    const row = await this.#tables.get(tasks, tenantId, tasksBegin + taskId);
    return row && { value: taskIn(row), etag: row.etag };
  }

  /** A page of a tenant's tasks, newest first. */
  async page(tenantId: string, top: number, token?: string) {
    const range = { partition: tenantId, from: tasksBegin, below: "t}" };
    const page = await this.#tables.page(tasks, range, top, token);
    return { items: page.rows.map(taskIn), next: page.next };
  }

  /** Adds a task, with its place in the index. One that is there already stays as it is. */
  async insert(task: Task): Promise<"inserted" | "exists"> {
    await this.#placeOf(task);
    return this.#tables.insert(tasks, rowOf(task));
  }

  /**
   * Replaces the one that had `etag`, with its place in the index; the new etag, or undefined when it changed meanwhile.
   * The place that it had stays, for whoever finds it: something may have begun there.
   */
  async replace(before: Stored<Task>, task: Task): Promise<string | undefined> {
    await this.#placeOf(task);
    return this.#tables.replace(tasks, rowOf(task), before.etag);
  }

  /** Removes the one that had `etag`, with its runs. */
  async remove({ value, etag }: Stored<Task>, mayGoOn: () => boolean): Promise<"removed" | "lost"> {
    const { tenantId, taskId, next } = value;
    const removed = await this.#tables.remove(tasks, tenantId, tasksBegin + taskId, etag);
    if (removed === "lost") return removed;
    if (next !== undefined) await this.leave({ ...value, dueAt: next.dueAt });
    const runs = { partition: tenantId, from: runsOf(taskId), below: `${runsOf(taskId)}}` };
    await deleteRange(this.#tables, tasks, runs, mayGoOn);
    const many = { partition: tenantId, from: `m|${taskId}|`, below: `m|${taskId}}` };
    await deleteRange(this.#tables, tasks, many, mayGoOn);
    return removed;
  }

  /** Places whose time has come, the oldest first. */
  async due(now: Instant, top: number, token?: string) {
    const span = { partitionsFrom: "", partitionsBelow: `${minuteOf(now)}~` };
    const page = await this.#tables.page(dueTasks, span, top, token);
    const places = page.rows.map(placeOf).filter(({ dueAt }) => dueAt <= now);
    return { places, next: page.next };
  }

  /** Takes a place out of the index. */
  async leave({ tenantId, taskId, dueAt }: DuePlace): Promise<void> {
    await this.#tables.remove(dueTasks, minuteOf(dueAt), `${dueAt}|${tenantId}|${taskId}`);
  }

  /** Puts places for a moment into the index: at most a hundred. */
  async place(
    users: readonly Pick<DuePlace, "tenantId" | "taskId">[],
    dueAt: Instant,
  ): Promise<void> {
    const partitionKey = minuteOf(dueAt);
    const changes = users.map(({ tenantId, taskId }) => ({
      kind: "put" as const,
      row: { partitionKey, rowKey: `${dueAt}|${tenantId}|${taskId}` },
    }));
    await this.#tables.transact(dueTasks, changes);
  }

  async #placeOf({ tenantId, taskId, next }: Task): Promise<void> {
    if (next === undefined) return;
    const { dueAt } = next;
    const rowKey = `${dueAt}|${tenantId}|${taskId}`;
    await this.#tables.put(dueTasks, { partitionKey: minuteOf(dueAt), rowKey });
  }

  /** Deletes runs whose time was before a moment, while `mayGoOn`. Tasks stay until somebody deletes them. */
  expireRuns(tenantId: string, before: Instant, mayGoOn: () => boolean): Promise<boolean> {
    const old = {
      partition: tenantId,
      // With what became of those in many tenants.
      from: "m|",
      below: "r}",
      where: `at lt ${before.toFixed(1)}`,
    };
    return deleteRange(this.#tables, tasks, old, mayGoOn);
  }

  /** Deletes what is kept of a removed tenant; places in the index go when they are found. */
  async purge(tenantId: string, mayGoOn: () => boolean): Promise<boolean> {
    const own = { from: `${tenantId}|`, below: `${tenantId}}` };
    for await (const { rowKey } of allRows(this.#tables, tasks, { partition: "calendars" })) {
      const users = { partition: `calendar|${rowKey}`, ...own };
      if (!(await deleteRange(this.#tables, tasks, users, mayGoOn))) return false;
    }
    return deleteRange(this.#tables, tasks, { partition: tenantId }, mayGoOn);
  }

  async run(tenantId: string, taskId: string, runId: string): Promise<TaskRun | undefined> {
    const row = await this.#tables.get(tasks, tenantId, runsOf(taskId) + runId);
    return row && read(row, TaskRun);
  }

  /** Writes down what was decided of an occurrence, unless somebody has; answers what stands. */
  async decide(task: Task, run: TaskRun): Promise<TaskRun> {
    const { tenantId, taskId } = task;
    const added = await this.#tables.insert(tasks, runRow(task, run));
    return added === "inserted" ? run : ((await this.run(tenantId, taskId, run.runId)) ?? run);
  }

  /** Writes how a run that was begun has begun. */
  settle(task: Task, run: TaskRun): Promise<void> {
    return this.#tables.put(tasks, runRow(task, run));
  }

  /** Writes what became of a run in one of many tenants. */
  async settleIn({ tenantId, taskId }: Task, of: TaskRun, run: TenantRun): Promise<void> {
    const rowKey = `m|${taskId}|${of.runId}|${run.tenantId}`;
    const value = JSON.stringify(run);
    await this.#tables.put(tasks, { partitionKey: tenantId, rowKey, at: of.occurrence.at, value });
  }

  /** What became of a run in each of many tenants, as far as it is known: a thousand a read. */
  async runsIn({ tenantId, taskId }: Task, runId: string): Promise<TenantRun[]> {
    const key = `m|${taskId}|${runId}`;
    const range = { partition: tenantId, from: `${key}|`, below: `${key}}` };
    const found: TenantRun[] = [];
    for await (const row of allRows(this.#tables, tasks, range)) found.push(read(row, TenantRun));
    return found;
  }

  /** A page of a task's runs, newest first. */
  async runs({ tenantId, taskId }: Task, top: number, token?: string) {
    const range = { partition: tenantId, from: runsOf(taskId), below: `${runsOf(taskId)}}` };
    const page = await this.#tables.page(tasks, range, top, token);
    const items = page.rows.map((row) => read(row, TaskRun));
    return page.next === undefined ? { items } : { items, next: page.next };
  }
}

/** Most that a task may say, as JSON: what a row holds, two bytes for each character. */
export const maxTaskChars = 450_000;
/** What a column holds. */
const maxChars = 30_000;

function rowOf(task: Task) {
  const text = JSON.stringify(task);
  const more = Array.from({ length: Math.ceil(text.length / maxChars) }, (_, nth) => {
    const piece = text.slice(nth * maxChars, (nth + 1) * maxChars);
    return [nth === 0 ? "value" : `value${nth}`, piece] as const;
  });
  return {
    partitionKey: task.tenantId,
    rowKey: tasksBegin + task.taskId,
    parts: more.length,
    ...Object.fromEntries(more),
  };
}

/** The task in a row; one that was written before they could be long has one part. */
function taskIn(row: StoredRow): Task {
  const parts = row.columns["parts"] === undefined ? 1 : numberOf(row, "parts");
  const more = Array.from({ length: parts - 1 }, (_, nth) => textOf(row, `value${nth + 1}`));
  return Task.parse(JSON.parse([textOf(row, "value"), ...more].join("")));
}

const runRow = ({ tenantId, taskId }: Task, run: TaskRun) => ({
  partitionKey: tenantId,
  rowKey: runsOf(taskId) + run.runId,
  at: run.occurrence.at,
  value: JSON.stringify(run),
});

function placeOf({ rowKey }: StoredRow): DuePlace {
  const [dueAt = "", tenantId = "", taskId = ""] = rowKey.split("|");
  return { dueAt: Number(dueAt), tenantId, taskId };
}

const read = <T>(row: StoredRow, schema: { parse: (value: unknown) => T }): T =>
  schema.parse(JSON.parse(textOf(row, "value")));
