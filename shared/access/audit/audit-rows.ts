/**
 * Rows of the audit trail: a partition per trail and month, records newest first, and beside them the row
 * that says where the chain stands.
 */
import { type Instant, toIso } from "../../kernel/clock.ts";
import { maxPropertyChars } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import { numberOf, type Row, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import type { Head, Link } from "./audit-chain.ts";
import { AuditEvent, platformTrail, type TrailId } from "./audit-event.ts";

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

// Which partitions the audit trail has: found one after the other, each by one request.

/** Names of all partitions, or of one trail's, in the order of their keys. */
export async function* auditPartitions(tables: Tables, trail?: TrailId): AsyncGenerator<string> {
  const begin = trail === undefined ? "" : `${trail}|`;
  let name = begin;
  for (;;) {
    const next = await tables.partitionAfter(tableNames.audit, name);
    if (!next?.startsWith(begin)) return;
    yield next;
    name = next;
  }
}
