/** What callers ask the audit trail for, and how it is listed: pages of JSON, or one CSV document. */
import * as z from "zod";
import { CsvQuery, csvOf, type Page, PageQuery, positionOf } from "../../http/paging.ts";
import { type Result, succeed } from "../../kernel/failure.ts";
import { type AuditEvent, type AuditFilter, platformTrail, type TrailId } from "./audit-event.ts";
import {
  type AuditReaderDeps,
  allAudit,
  type PageWanted,
  readAudit,
  readEverywhere,
} from "./audit-reader.ts";

// Audit events as CSV, produced while they are sent.

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

/** Audit events as a CSV document. */
export async function* auditCsv(
  events: AsyncIterable<AuditEvent>,
  bom?: string,
): AsyncGenerator<string> {
  yield* csvOf(columns, flattened(events), bom);
}

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

const moment = z.iso
  .datetime({ offset: true })
  // One spelling, so that moments compare as text.
  .transform((text) => new Date(text).toISOString());

/** Query of an audit list. */
export const AuditQuery = z.strictObject({
  ...PageQuery,
  ...CsvQuery,
  actor: z
    .string()
    .max(100)
    .optional()
    .describe("Object id of the caller; for an app also its client id"),
  object: z.string().max(200).optional().describe("Id of what it was about, or kind/id"),
  operation: z.string().max(100).optional().describe("operationId"),
  outcome: z.enum(["allowed", "refused", "failed"]).optional(),
  from: moment.optional().describe("Inclusive; absent means 13 months before the end"),
  to: moment.optional().describe("Exclusive; absent means now"),
});

/** Stands for all trails together. */
const everyTrail = "all" satisfies TrailId;

/** Query of the list that belongs to no tenant. */
export const PlatformAuditQuery = AuditQuery.extend({
  trails: z
    .enum([platformTrail, everyTrail])
    .default(platformTrail)
    .describe(
      "all: every tenant's trail too, one after the other, each newest first; a page may hold fewer events than asked for",
    ),
});

/** A list as it is answered. */
export type AuditAnswer =
  | { readonly kind: "csv"; readonly stream: AsyncIterable<string> }
  | { readonly kind: "page"; readonly list: string; readonly page: Page<AuditEvent> };

/** Lists a trail, or all of them, for a request. */
export async function answerAudit(
  deps: AuditReaderDeps,
  trail: TrailId,
  { top, pageToken, bom, ...filter }: z.output<typeof AuditQuery>,
  accept: string,
): Promise<Result<AuditAnswer>> {
  const read = (wanted: PageWanted) =>
    trail === everyTrail
      ? readEverywhere(deps, filter, wanted)
      : readAudit(deps, trail, filter, wanted);
  if (accept.includes("text/csv"))
    return succeed({ kind: "csv", stream: auditCsv(allAudit(read), bom) });
  const list = listName(trail, filter);
  const position = positionOf(list, pageToken);
  if (!position.ok) return position;
  const page = await read({ top, position: position.value });
  return page.ok ? succeed({ kind: "page", list, page: page.value }) : page;
}

/** Names a list with its filters, so that a token of one is refused by every other. */
const listName = (trail: TrailId, { actor, object, operation, outcome, from, to }: AuditFilter) =>
  `audit ${trail} ${JSON.stringify([actor, object, operation, outcome, from, to])}`;
