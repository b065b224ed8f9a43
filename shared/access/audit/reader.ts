/**
 * Reads the audit trail: newest first, filtered on the way, one trail or all of them, in pages of JSON or as one CSV
 * document.
 */
import { csvOf, type Page, positionOf } from "../../http/paging.ts";
import { type Clock, fromIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, type Tables } from "../../storage/tables.ts";
import {
  type AuditEvent,
  type AuditFilter,
  eventOf,
  linkOf,
  matches,
  monthBefore,
  monthOf,
  partitionOf,
  recordsAbove,
  recordsBelow,
  type TrailId,
} from "./records.ts";

/** Records that one page looks at; it may then hold fewer than asked for, and still have a next one. */
const maxScanned = 5000;
/** Without a `from` this many months are looked through. */
const defaultMonths = 13;
const maxMonths = 120;
/** Trails that one page looks at; it may then hold fewer events than asked for, and still have a next one. */
const maxTrails = 20;

/** Stands for all trails together. */
export const everyTrail = "all" satisfies TrailId;

/** Where a page begins: a month, and the record after which to go on in it. */
type Position = { readonly month: string; readonly after?: string };

/** Which page somebody wants. */
type PageWanted = { readonly top: number; readonly position?: string | undefined };

/** A list as it is answered. */
type AuditAnswer =
  | { readonly kind: "csv"; readonly stream: AsyncIterable<string> }
  | { readonly kind: "page"; readonly list: string; readonly page: Page<AuditEvent> };

/** Reads what the trail's writers have kept. */
export class AuditReader {
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Lists a trail, or all of them, for a request. */
  async answer(
    trail: TrailId,
    {
      top,
      pageToken,
      bom,
      ...filter
    }: AuditFilter & {
      readonly top: number;
      readonly pageToken?: string | undefined;
      readonly bom?: string | undefined;
    },
    accept: string,
  ): Promise<Result<AuditAnswer>> {
    const read = (wanted: PageWanted) =>
      trail === everyTrail ? this.everywhere(filter, wanted) : this.trail(trail, filter, wanted);
    if (accept.includes("text/csv"))
      return succeed({ kind: "csv", stream: csvOf(columns, flattened(allOf(read)), bom) });
    const list = listName(trail, filter);
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const page = await read({ top, position: position.value });
    return page.ok ? succeed({ kind: "page", list, page: page.value }) : page;
  }

  /** A page of events of one trail, newest first. */
  async trail(
    trail: TrailId,
    filter: AuditFilter,
    page: PageWanted,
  ): Promise<Result<Page<AuditEvent>>> {
    const newest = monthOf(momentOf(filter.to) ?? this.#clock.now());
    const start = page.position === undefined ? { month: newest } : parsePosition(page.position);
    if (start === undefined || start.month > newest)
      return fail("bad-page-token", "The paging token does not belong to this list.");
    const found = { items: [] as AuditEvent[], scanned: 0 };
    for (const month of monthsFrom(start.month, oldestOf(newest, filter))) {
      const after = month === start.month ? start.after : undefined;
      const records = recordsOf(this.#tables, partitionOf(trail, month), after);
      const last = await collect(records, filter, page.top, found);
      if (last !== undefined) return succeed({ items: found.items, next: `${month} ${last}` });
    }
    return succeed({ items: found.items });
  }

  /**
   * A page of events of every trail: one trail after the other, each newest first. Bringing them into one order of
   * time would take a read of every trail for each page, however deep it lies.
   */
  async everywhere(
    filter: AuditFilter,
    { top, position }: PageWanted,
  ): Promise<Result<Page<AuditEvent>>> {
    // A position is a trail, and from the second page of that trail on a position in it.
    const [first, ...inside] = position?.split(" ") ?? [];
    let trail = first ?? (await trailAfter(this.#tables, ""));
    let within = inside.length > 0 ? inside.join(" ") : undefined;
    const items: AuditEvent[] = [];
    for (let looked = 0; trail !== undefined && looked < maxTrails; looked += 1) {
      const wanted = { top: top - items.length, position: within };
      const page = await this.trail(trail, filter, wanted);
      if (!page.ok) return page;
      items.push(...page.value.items);
      if (page.value.next !== undefined)
        return succeed({ items, next: `${trail} ${page.value.next}` });
      within = undefined;
      // Keys of a trail go on with a bar; this is the next character.
      trail = await trailAfter(this.#tables, `${trail}}`);
    }
    return succeed(trail === undefined ? { items } : { items, next: trail });
  }
}

/** Adds what matches to `found`; answers the row key at which the page is full, or undefined at the records' end. */
async function collect(
  records: ReturnType<typeof recordsOf>,
  filter: AuditFilter,
  top: number,
  found: { readonly items: AuditEvent[]; scanned: number },
): Promise<string | undefined> {
  for await (const row of records) {
    const event = eventOf(linkOf(row));
    found.scanned += 1;
    if (matches(filter, event)) found.items.push(event);
    if (found.items.length === top || found.scanned >= maxScanned) return row.rowKey;
  }
  return undefined;
}

/** Every event that a way of reading finds, page by page. */
async function* allOf(
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
  recordsFrom(tables, partition, after === undefined ? recordsAbove : `${after}0`);

/** Rows of a partition's records, newest first, from a row key on. */
export const recordsFrom = (tables: Tables, partition: string, from: string) =>
  allRows(tables, tableNames.audit, { partition, from, below: recordsBelow });

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
    month = monthBefore(month);
  }
  return months;
}

/** The first trail whose keys come after a name. */
async function trailAfter(tables: Tables, name: string): Promise<TrailId | undefined> {
  const partition = await tables.partitionAfter(tableNames.audit, name);
  return partition?.split("|")[0];
}

/** Names a list with its filters, so that a token of one is refused by every other. */
const listName = (trail: TrailId, { actor, object, operation, outcome, from, to }: AuditFilter) =>
  `audit ${trail} ${JSON.stringify([actor, object, operation, outcome, from, to])}`;

const columns = [
  "at",
  "actorKind",
  "actorId",
  "actorHomeTenantId",
  "actorAppId",
  "actorName",
  "ip",
  "operation",
  "tenantId",
  "object",
  "outcome",
  "step",
  "approver",
  "requestId",
  "before",
  "after",
] as const;

async function* flattened(events: AsyncIterable<AuditEvent>): AsyncGenerator<object> {
  for await (const { actor, before, after, ...event } of events)
    yield {
      ...event,
      actorKind: actor.kind,
      actorId: actor.id,
      actorHomeTenantId: actor.homeTenantId,
      actorAppId: actor.appId,
      actorName: actor.name,
      before: before === undefined ? "" : JSON.stringify(before),
      after: after === undefined ? "" : JSON.stringify(after),
    };
}
