/**
 * Records of the audit trail, and how they are read. First, pure: what is kept of one call, how records are chained, so that
 * one that was changed, removed or slipped in shows, and the rows that they are. Then the reader: newest first, filtered
 * on the way, one trail or all of them, in pages of JSON or as one CSV document.
 */
import * as z from "zod";
import { csvOf, type Page, positionOf } from "../../http/paging.ts";
import { type Clock, fromIso, type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { digest } from "../../kernel/values.ts";
import { maxPropertyChars } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import {
  allRows,
  numberOf,
  type Row,
  type StoredRow,
  type Tables,
  textOf,
} from "../../storage/tables.ts";

/** An event as it is kept for ever; fields are added, never changed. */
export const AuditEvent = z
  .object({
    eventId: z.string(),
    at: z.iso.datetime(),
    actor: z
      .object({
        kind: z.enum(["user", "app", "bootstrap", "anonymous", "system"]),
        id: z.string().describe("Object id; empty when nobody signed in"),
        homeTenantId: z.string().optional(),
        appId: z.string().optional().describe("Client id of the application that called"),
        name: z.string().optional().describe("For people to read; it can change hands"),
      })
      .describe("Who called"),
    ip: z.string().optional().describe("Address that the call came from"),
    operation: z.string().describe("operationId"),
    tenantId: z.string().optional(),
    object: z.string().optional().describe("What it was about: kind and id, or the path"),
    outcome: z.enum(["allowed", "refused", "failed"]),
    step: z
      .string()
      .optional()
      .describe(
        "Where it was refused, or the code of the failure; replayed: the answer had been given before",
      ),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    requestId: z.string(),
    approver: z.string().optional().describe("Object id of the second person"),
  })
  .meta({ id: "AuditEvent" });
export type AuditEvent = z.output<typeof AuditEvent>;

/** What outcomes are called. */
export const auditOutcomeNames = {
  allowed: { en: "Done", fr: "Effectué" },
  refused: { en: "Refused", fr: "Refusé" },
  failed: { en: "Failed", fr: "Échec" },
} as const satisfies Record<AuditEvent["outcome"], { readonly en: string; readonly fr: string }>;

/** The trail of one tenant, or of what belongs to none. */
export type TrailId = string;

/** Where events go that belong to no tenant: sign-in refused, roles, assignments, the service. */
export const platformTrail = "platform" satisfies TrailId;

/** What somebody asks the trail for. */
export type AuditFilter = {
  readonly actor?: string | undefined;
  readonly object?: string | undefined;
  readonly operation?: string | undefined;
  readonly outcome?: AuditEvent["outcome"] | undefined;
  /** ISO 8601; inclusive. */
  readonly from?: string | undefined;
  /** ISO 8601; exclusive. */
  readonly to?: string | undefined;
};

/** Whether an event passes every filter. An object is found by its id or by `kind/id`. */
function matches(filter: AuditFilter, event: AuditEvent): boolean {
  const { actor, object, operation, outcome, from, to } = filter;
  return (
    (actor === undefined || isActor(event.actor, actor.toLowerCase())) &&
    (object === undefined || namesObject(event.object ?? "", object)) &&
    (operation === undefined || event.operation === operation) &&
    (outcome === undefined || event.outcome === outcome) &&
    (from === undefined || event.at >= from) &&
    (to === undefined || event.at < to)
  );
}

/** An app is found by its client id too; a person who called through it is not that app. */
const isActor = ({ kind, id, appId }: AuditEvent["actor"], wanted: string): boolean =>
  id === wanted || (kind === "app" && appId === wanted);

const namesObject = (text: string, wanted: string): boolean =>
  text === wanted || text.split("/").includes(wanted);

// The chain: each record carries the hash of the one before it.

/** One record of a chain. */
export type Link = {
  /** From 1 upwards, without gaps. */
  readonly sequence: number;
  readonly previous: string;
  /** The event as it was written, byte for byte: what is hashed is what is kept. */
  readonly text: string;
  readonly hash: string;
};

/** Where a chain stands: the last record's place and hash. */
export type Head = { readonly sequence: number; readonly hash: string };

/** Before the first record. The partition's name is in it, so that no chain passes for another. */
export const genesis = (partition: string): Head => ({
  sequence: 0,
  hash: digest("muster audit chain 1", partition),
});

/** The records for events in this order, after `head`. */
export function extend(head: Head, texts: readonly string[]): Link[] {
  let last = head;
  return texts.map((text) => {
    const sequence = last.sequence + 1;
    const link = { sequence, previous: last.hash, text, hash: hashOf(last.hash, sequence, text) };
    last = link;
    return link;
  });
}

/** The hash of a record that follows one with the hash `previous`. */
export const hashOf = (previous: string, sequence: number, text: string): string =>
  digest(previous, String(sequence), text);

// Rows of the audit trail: a partition per trail and month, records newest first, and beside them the row
// that says where the chain stands.

/** Row of the head; above every record's key. */
export const headKey = "head";
const prefix = "e";
/** Keys of records lie above this, and below that. */
const recordsAbove = prefix;
export const recordsBelow = "f";
const digits = 12;
const largest = 10 ** digits - 1;

/** `2026-08` of a moment, in UTC. */
const monthOf = (at: Instant): string => toIso(at).slice(0, 7);

/** The month before. */
export function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return number === 1 ? `${year - 1}-12` : `${year}-${String(number - 1).padStart(2, "0")}`;
}

/** Partition of a trail's month. */
export const partitionOf = (trail: TrailId, month: string): string => `${trail}|${month}`;

/** Partition that an event belongs to. */
export const partitionFor = ({ tenantId, at }: Pick<AuditEvent, "tenantId" | "at">): string =>
  partitionOf(tenantId ?? platformTrail, monthOf(Date.parse(at)));

/** Row key of a record: the newest has the smallest. */
export const keyOf = (sequence: number): string =>
  prefix + String(largest - sequence).padStart(digits, "0");

/** A record as a row. */
export const recordRow = (partition: string, { sequence, previous, text, hash }: Link): Row => ({
  partitionKey: partition,
  rowKey: keyOf(sequence),
  sequence,
  previous,
  text,
  hash,
});

/** A row as a record; its place is what the row key says, so that no column can move it. */
export const linkOf = (row: StoredRow): Link => ({
  sequence: largest - Number(row.rowKey.slice(prefix.length)),
  previous: textOf(row, "previous"),
  text: textOf(row, "text"),
  hash: textOf(row, "hash"),
});

/** The row that says where the chain stands; `batch` names the writing that left it so. */
export const headRow = (partition: string, { sequence, hash }: Head, batch: string): Row => ({
  partitionKey: partition,
  rowKey: headKey,
  sequence,
  hash,
  batch,
});

/** Where the chain stands. */
export const headOf = (row: StoredRow): Head => ({
  sequence: numberOf(row, "sequence"),
  hash: textOf(row, "hash"),
});

/** The event of a record. */
const eventOf = (link: Link): AuditEvent => AuditEvent.parse(JSON.parse(link.text));

/** The text that is kept of an event: without the states before and after where they do not fit. */
export function textOfEvent(event: AuditEvent): string {
  const text = JSON.stringify(event);
  if (text.length <= maxPropertyChars) return text;
  const { before: _, after: __, ...rest } = event;
  return JSON.stringify({ ...rest, after: `[${text.length} characters, too many to keep]` });
}

// The reader.

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
