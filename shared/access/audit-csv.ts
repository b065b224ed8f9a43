/** Audit events as CSV, produced while they are sent. */
import { stringify } from "csv-stringify/sync";
import type { AuditEvent } from "./audit-event.ts";

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

/** Rows gathered before they are sent on. */
const rowsPerPiece = 500;

/** CSV with a header line, CRLF, and cells that no spreadsheet takes for formulas. */
export async function* auditCsv(events: AsyncIterable<AuditEvent>): AsyncGenerator<string> {
  yield toCsv([columns]);
  let rows: unknown[][] = [];
  for await (const event of events) {
    rows.push(cellsOf(event));
    if (rows.length < rowsPerPiece) continue;
    yield toCsv(rows);
    rows = [];
  }
  if (rows.length > 0) yield toCsv(rows);
}

function cellsOf({ actor, before, after, ...event }: AuditEvent): unknown[] {
  const flat: Readonly<Record<string, unknown>> = {
    ...event,
    actorKind: actor.kind,
    actorId: actor.id,
    actorHomeTenantId: actor.homeTenantId,
    actorAppId: actor.appId,
    actorName: actor.name,
    before: before === undefined ? "" : JSON.stringify(before),
    after: after === undefined ? "" : JSON.stringify(after),
  };
  return columns.map((column) => flat[column] ?? "");
}

const toCsv = (rows: readonly (readonly unknown[])[]): string =>
  stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true, record_delimiter: "windows" },
  );
