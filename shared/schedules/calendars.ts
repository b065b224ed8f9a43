/**
 * Shared calendars of excluded days: local dates, on the clock of whatever rule names them, at which it does not happen.
 * Who names one stands in a row beside it, written before whoever names it: one in use is not removed, and when one
 * changes, the tasks that name it are looked at anew, by places in the due index.
 */
import * as z from "zod";
import { type Clock, toIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { tableNames } from "../storage/names.ts";
import { jsonOf, type Tables } from "../storage/tables.ts";
import type { DatesByCalendar } from "./state/task.ts";
import type { DuePlace, Stored, TaskStore } from "./state/task-store.ts";

/** A calendar as it is kept. */
const Calendar = z.object({
  calendarId: z.string(),
  displayName: z.string(),
  /** Local dates, such as 2026-12-25. */
  dates: z.array(z.string()),
  updatedAt: z.number(),
});
export type Calendar = z.output<typeof Calendar>;

/** Who names a calendar: a task, or the windows of a tenant. */
type User = Pick<DuePlace, "tenantId" | "taskId">;

const { tasks } = tableNames;
const partition = "calendars";
const usersOf = (calendarId: string): string => `calendar|${calendarId}`;
/** Stands for the tenant in the place of a calendar that has changed. */
export const calendarPlaces = "calendar";
/** Until a change is surely written. */
const writtenMs = 60_000;
/** Users that are looked at before one is removed, and that are named. */
const [usersPerRead, maxNamed] = [1000, 10];

type Parts = {
  readonly tables: Tables;
  readonly clock: Clock;
  readonly store: Pick<TaskStore, "place">;
  /** The calendars that a user names now. */
  readonly namedBy: (user: User) => Promise<readonly string[]>;
};

/** Calendars over their rows. */
export class CalendarBook {
  readonly #parts: Parts;
  readonly #tables: Tables;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#tables = parts.tables;
  }

  /** A page of calendars, by their ids. */
  async page(top: number, token?: string) {
    const page = await this.#tables.page(tasks, { partition }, top, token);
    const items = page.rows.flatMap((row) => jsonOf(row, "value", Calendar) ?? []);
    return page.next === undefined ? { items } : { items, next: page.next };
  }

  async get(calendarId: string): Promise<Result<Stored<Calendar>>> {
    const row = await this.#tables.get(tasks, partition, calendarId);
    const value = row && jsonOf(row, "value", Calendar);
    return value === undefined
      ? fail("unknown-calendar", `There is no calendar ${calendarId}.`)
      : succeed({ value, etag: row?.etag ?? "" });
  }

  /** Makes a calendar, or replaces it; tasks that name it are looked at anew within minutes. */
  async replace(
    draft: Pick<Calendar, "calendarId" | "displayName" | "dates">,
    ifMatch: string | undefined,
  ): Promise<Result<Stored<Calendar> & { readonly before?: Calendar }>> {
    const { calendarId } = draft;
    const found = await this.get(calendarId);
    const etag = found.ok ? found.value.etag : undefined;
    if (ifMatch !== undefined && ifMatch !== etag) return changedMeanwhile(calendarId);
    const now = this.#parts.clock.now();
    const value = { ...draft, dates: [...new Set(draft.dates)].toSorted(), updatedAt: now };
    const row = { partitionKey: partition, rowKey: calendarId, value: JSON.stringify(value) };
    // Before the row, and for a moment behind it: whoever dies in between has only had tasks looked at.
    const place = { tenantId: calendarPlaces, taskId: calendarId };
    if (found.ok) await this.#parts.store.place([place], now + writtenMs);
    const isWritten =
      etag === undefined
        ? (await this.#tables.insert(tasks, row)) === "inserted"
        : (await this.#tables.replace(tasks, row, etag)) !== undefined;
    if (!isWritten) return changedMeanwhile(calendarId);
    const after = await this.get(calendarId);
    if (!after.ok) return after;
    return succeed({ ...after.value, ...(found.ok && { before: found.value.value }) });
  }

  /** Removes a calendar that nobody names. */
  async remove(calendarId: string, ifMatch: string | undefined): Promise<Result<Calendar>> {
    const found = await this.get(calendarId);
    if (!found.ok) return found;
    const { value, etag } = found.value;
    if (ifMatch !== undefined && ifMatch !== etag) return changedMeanwhile(calendarId);
    const { users } = await this.users(calendarId);
    const inUse: string[] = [];
    for (const user of users) {
      if (inUse.length === maxNamed) break;
      if ((await this.#parts.namedBy(user)).includes(calendarId)) inUse.push(textOf(user));
      // Left over from a task that was changed or removed.
      else await this.#tables.remove(tasks, usersOf(calendarId), keyOf(user));
    }
    if (inUse.length > 0)
      return fail("conflict", `The calendar ${calendarId} is named by ${inUse.join(", ")}.`);
    const removed = await this.#tables.remove(tasks, partition, calendarId, etag);
    return removed === "lost" ? changedMeanwhile(calendarId) : succeed(value);
  }

  /** The dates of calendars; one that is not there is not in the answer. */
  async of(calendarIds: readonly string[]): Promise<DatesByCalendar> {
    const found = await Promise.all(calendarIds.map((id) => this.get(id)));
    return new Map(
      found.flatMap((each) =>
        each.ok ? [[each.value.value.calendarId, each.value.value.dates] as const] : [],
      ),
    );
  }

  /** Writes down who is about to name calendars. */
  async use(calendarIds: readonly string[], user: User): Promise<void> {
    for (const id of calendarIds)
      await this.#tables.put(tasks, { partitionKey: usersOf(id), rowKey: keyOf(user) });
  }

  /** A page of those who name a calendar, or did. */
  async users(calendarId: string, token?: string) {
    const range = { partition: usersOf(calendarId) };
    const page = await this.#tables.page(tasks, range, usersPerRead, token);
    const users = page.rows.map(({ rowKey }): User => {
      const [tenantId = "", taskId = ""] = rowKey.split("|");
      return { tenantId, taskId };
    });
    return { users, next: page.next };
  }
}

const keyOf = ({ tenantId, taskId }: User): string => `${tenantId}|${taskId}`;

/** What stands for a task where a tenant's windows name a calendar. */
export const windowsUser = "windows";

const textOf = ({ tenantId, taskId }: User): string =>
  taskId === windowsUser
    ? `the windows of tenant ${tenantId}`
    : `task ${taskId} of tenant ${tenantId}`;

const changedMeanwhile = (calendarId: string) =>
  fail("precondition-failed", `The calendar ${calendarId} changed meanwhile. Read it again.`);

/** The view of a calendar. */
export const calendarView = ({ updatedAt, ...calendar }: Calendar) => ({
  ...calendar,
  updatedAt: toIso(updatedAt),
});
