/** Reads the audit trail: newest first, filtered on the way, and verifies its chains. */
import type { Page } from "../http/paging.ts";
import { type Clock, fromIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { tableNames } from "../storage/names.ts";
import { allRows, type Tables } from "../storage/tables.ts";
import { type ChainVerdict, chainCheck, genesis } from "./audit-chain.ts";
import { type AuditEvent, type TrailId } from "./audit-event.ts";
import { type AuditFilter, matches } from "./audit-filter.ts";
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

/** A page of events of one trail, newest first. */
export async function readAudit(
  deps: AuditReaderDeps,
  trail: TrailId,
  filter: AuditFilter,
  page: { readonly top: number; readonly position?: string | undefined },
): Promise<Result<Page<AuditEvent>>> {
  const newest = rows.monthOf(momentOf(filter.to) ?? deps.clock.now());
  const start = page.position === undefined ? { month: newest } : parsePosition(page.position);
  if (start === undefined || start.month > newest)
    return fail("bad-page-token", "The paging token does not belong to this list.");
  const items: AuditEvent[] = [];
  let scanned = 0;
  for (const month of monthsFrom(start.month, oldestOf(newest, filter))) {
    const after = month === start.month ? start.after : undefined;
    for await (const row of recordsOf(deps.tables, rows.partitionOf(trail, month), after)) {
      const event = rows.eventOf(rows.linkOf(row));
      scanned += 1;
      if (matches(filter, event)) items.push(event);
      if (items.length === page.top || scanned >= maxScanned)
        return succeed({ items, next: `${month} ${row.rowKey}` });
    }
  }
  return succeed({ items });
}

/** Every event of a trail that passes the filter, newest first. */
export async function* allAudit(
  deps: AuditReaderDeps,
  trail: TrailId,
  filter: AuditFilter,
): AsyncGenerator<AuditEvent> {
  let position: string | undefined;
  do {
    const page = await readAudit(deps, trail, filter, { top: 1000, position });
    if (!page.ok) throw new Error(page.failure.detail);
    yield* page.value.items;
    position = page.value.next;
  } while (position !== undefined);
}

/** Verifies the chain of a trail's month. An empty one is intact. */
export async function verifyChain(
  { tables }: Pick<AuditReaderDeps, "tables">,
  trail: TrailId,
  month: string,
): Promise<ChainVerdict> {
  const partition = rows.partitionOf(trail, month);
  // In this order: a head that is read after a record is never behind it, unless somebody made it so.
  const newest = await tables.page(tableNames.audit, { partition, below: rows.recordsBelow }, 1);
  const row = await tables.get(tableNames.audit, partition, rows.headKey);
  const head = row === undefined ? genesis(partition) : rows.headOf(row);
  const [record] = newest.rows.map(rows.linkOf);
  if (record !== undefined && record.sequence > head.sequence)
    return { kind: "broken", fault: { sequence: record.sequence, what: "beyond-head" } };
  const check = chainCheck(partition, head);
  for await (const each of recordsFrom(tables, partition, rows.keyOf(head.sequence)))
    if (!check.take(rows.linkOf(each))) break;
  return check.end();
}

const recordsOf = (tables: Tables, partition: string, after: string | undefined) =>
  // Keys have one length: with one more character this is the first key after it.
  recordsFrom(tables, partition, after === undefined ? undefined : `${after}0`);

const recordsFrom = (tables: Tables, partition: string, from: string | undefined) =>
  allRows(tables, tableNames.audit, {
    partition,
    ...(from === undefined ? {} : { from }),
    below: rows.recordsBelow,
  });

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
