/** All deliveries of a notification as CSV, produced while it is sent. */
import { stringify } from "csv-stringify/sync";
import type { CountedState } from "./delivery.ts";
import { allDeliveries } from "./list-deliveries.ts";
import type { ReadDeps } from "./read-notifications.ts";

const columns = [
  "deviceId",
  "deviceName",
  "state",
  "route",
  "at",
  "attempts",
  "code",
  "detail",
] as const;

/** Rows gathered before they are sent on. */
const rowsPerPiece = 500;

/** CSV with a header line, CRLF, and cells that no spreadsheet takes for formulas. */
export async function* deliveriesCsv(
  deps: ReadDeps,
  ids: { readonly tenantId: string; readonly notificationId: string },
  state?: CountedState,
): AsyncGenerator<string> {
  yield toCsv([columns]);
  let rows: unknown[][] = [];
  for await (const delivery of allDeliveries(deps, ids, state)) {
    rows.push(columns.map((column) => delivery[column] ?? ""));
    if (rows.length < rowsPerPiece) continue;
    yield toCsv(rows);
    rows = [];
  }
  if (rows.length > 0) yield toCsv(rows);
}

const toCsv = (rows: readonly (readonly unknown[])[]): string =>
  stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true, record_delimiter: "windows" },
  );
