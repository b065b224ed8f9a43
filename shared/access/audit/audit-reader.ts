/** Reads the audit trail: newest first, filtered on the way. */
import type { Page } from "../../http/paging.ts";
import { type Clock, fromIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, type Tables } from "../../storage/tables.ts";
import { type AuditEvent, type AuditFilter, matches, type TrailId } from "./audit-event.ts";
import * as rows from "./audit-rows.ts";

/** What reading the trail needs. */
export type AuditReaderDeps = { readonly tables: Tables; readonly clock: Clock };

/** Records that one page looks at; it may then hold fewer than asked for, and still have a next one. */
const maxScanned = 5000;
/** Without a `from` this many months are looked through. */
const defaultMonths = 13;
const maxMonths = 120;

/** Where a page begins: a month, and the record after which to go on in it. */
type Position = { readonly month: string; readonly after?: string };

/** Which page somebody wants. */
export type PageWanted = { readonly top: number; readonly position?: string | undefined };

/** A page of events of one trail, newest first. */
export async function readAudit(
  deps: AuditReaderDeps,
  trail: TrailId,
  filter: AuditFilter,
  page: PageWanted,
): Promise<Result<Page<AuditEvent>>> {
  const newest = rows.monthOf(momentOf(filter.to) ?? deps.clock.now());
  const start = page.position === undefined ? { month: newest } : parsePosition(page.position);
  if (start === undefined || start.month > newest)
    return fail("bad-page-token", "The paging token does not belong to this list.");
  const found = { items: [] as AuditEvent[], scanned: 0 };
  for (const month of monthsFrom(start.month, oldestOf(newest, filter))) {
    const after = month === start.month ? start.after : undefined;
    const records = recordsOf(deps.tables, rows.partitionOf(trail, month), after);
    const last = await collect(records, filter, page.top, found);
    if (last !== undefined) return succeed({ items: found.items, next: `${month} ${last}` });
  }
  return succeed({ items: found.items });
}

/** Adds what matches to `found`; answers the row key at which the page is full, or undefined at the records' end. */
async function collect(
  records: ReturnType<typeof recordsOf>,
  filter: AuditFilter,
  top: number,
  found: { readonly items: AuditEvent[]; scanned: number },
): Promise<string | undefined> {
  for await (const row of records) {
    const event = rows.eventOf(rows.linkOf(row));
    found.scanned += 1;
    if (matches(filter, event)) found.items.push(event);
    if (found.items.length === top || found.scanned >= maxScanned) return row.rowKey;
  }
  return undefined;
}

/** Every event that a way of reading finds, page by page. */
export async function* allAudit(
  read: (page: PageWanted) => Promise<Result<Page<AuditEvent>>>,
): AsyncGenerator<AuditEvent> {
  let position: string | undefined;
  do {
    const page = await read({ top: 1000, position });
    if (!page.ok) throw new Error(page.failure.detail);
    yield* page.value.items;
    position = page.value.next;
  } while (position !== undefined);
}

const recordsOf = (tables: Tables, partition: string, after: string | undefined) =>
  // Keys have one length: with one more character this is the first key after it.
  recordsFrom(tables, partition, after === undefined ? rows.recordsAbove : `${after}0`);

/** Rows of a partition's records, newest first, from a row key on. */
export const recordsFrom = (tables: Tables, partition: string, from: string) =>
  allRows(tables, tableNames.audit, { partition, from, below: rows.recordsBelow });

function parsePosition(position: string): Position | undefined {
  const [, month, after] = /^(\d{4}-\d{2}) (e\d{12})$/.exec(position) ?? [];
  return month === undefined || after === undefined ? undefined : { month, after };
}

const momentOf = (iso: string | undefined) => (iso === undefined ? undefined : fromIso(iso));

function oldestOf(newest: string, { from }: AuditFilter): string {
  if (from !== undefined) return from.slice(0, 7);
  return monthsFrom(newest, "0000-01").at(defaultMonths - 1) ?? newest;
}

/** Months from the newest down to the oldest, both included. */
function monthsFrom(newest: string, oldest: string): string[] {
  const months: string[] = [];
  let month = newest;
  while (month >= oldest && months.length < maxMonths) {
    months.push(month);
    month = rows.monthBefore(month);
  }
  return months;
}

// Reads the audit trail across all tenants: one trail after the other, each newest first. Bringing them into
// one order of time would take a read of every trail for each page, however deep it lies.

/** Trails that one page looks at; it may then hold fewer events than asked for, and still have a next one. */
const maxTrails = 20;

/** A page of events of every trail. */
export async function readEverywhere(
  deps: AuditReaderDeps,
  filter: AuditFilter,
  { top, position }: PageWanted,
): Promise<Result<Page<AuditEvent>>> {
  // A position is a trail, and from the second page of that trail on a position in it.
  const [first, ...inside] = position?.split(" ") ?? [];
  let trail = first ?? (await trailAfter(deps.tables, ""));
  let within = inside.length > 0 ? inside.join(" ") : undefined;
  const items: AuditEvent[] = [];
  for (let looked = 0; trail !== undefined && looked < maxTrails; looked += 1) {
    const wanted = { top: top - items.length, position: within };
    const page = await readAudit(deps, trail, filter, wanted);
    if (!page.ok) return page;
    items.push(...page.value.items);
    if (page.value.next !== undefined)
      return succeed({ items, next: `${trail} ${page.value.next}` });
    within = undefined;
    // Keys of a trail go on with a bar; this is the next character.
    trail = await trailAfter(deps.tables, `${trail}}`);
  }
  return succeed(trail === undefined ? { items } : { items, next: trail });
}

/** The first trail whose keys come after a name. */
async function trailAfter(tables: Tables, name: string): Promise<TrailId | undefined> {
  const partition = await tables.partitionAfter(tableNames.audit, name);
  return partition?.split("|")[0];
}
