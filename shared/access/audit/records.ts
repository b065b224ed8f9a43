/**
 * Records of the audit trail: what is kept of one call, how records are chained, so that one that was changed, removed or
 * slipped in shows, and the rows that they are. Pure.
 */
import * as z from "zod";
import { type Instant, toIso } from "../../kernel/clock.ts";
import { digest } from "../../kernel/values.ts";
import { maxPropertyChars } from "../../storage/calls.ts";
import { numberOf, type Row, type StoredRow, textOf } from "../../storage/tables.ts";

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
export function matches(filter: AuditFilter, event: AuditEvent): boolean {
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
export const recordsAbove = prefix;
export const recordsBelow = "f";
const digits = 12;
const largest = 10 ** digits - 1;

/** `2026-08` of a moment, in UTC. */
export const monthOf = (at: Instant): string => toIso(at).slice(0, 7);

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
export const eventOf = (link: Link): AuditEvent => AuditEvent.parse(JSON.parse(link.text));

/** The text that is kept of an event: without the states before and after where they do not fit. */
export function textOfEvent(event: AuditEvent): string {
  const text = JSON.stringify(event);
  if (text.length <= maxPropertyChars) return text;
  const { before: _, after: __, ...rest } = event;
  return JSON.stringify({ ...rest, after: `[${text.length} characters, too many to keep]` });
}
