/**
 * Lists as CSV (RFC 4180), produced while they are sent: a header line, CRLF, and cells that no spreadsheet takes for
 * formulas or for more than one row.
 */
import { stringify } from "csv-stringify/sync";
import * as z from "zod";

/** The query of lists that are also had as CSV. */
export const CsvQuery = {
  bom: z
    .enum(["true", "false"])
    .optional()
    .describe("true: CSV begins with a byte order mark, by which Excel knows that it is UTF-8"),
};

/** Rows gathered before they are sent on. */
const rowsPerPiece = 500;

/** A document of `records`: a cell for each column, empty where a record has none. */
export async function* csvOf<R extends object>(
  columns: readonly string[],
  records: AsyncIterable<R>,
  bom: string | undefined,
): AsyncGenerator<string> {
  yield (bom === "true" ? "\u{feff}" : "") + csvRows([columns]);
  let rows: unknown[][] = [];
  for await (const record of records) {
    const cells = new Map<string, unknown>(Object.entries(record));
    rows.push(columns.map((column) => cells.get(column) ?? ""));
    if (rows.length < rowsPerPiece) continue;
    yield csvRows(rows);
    rows = [];
  }
  if (rows.length > 0) yield csvRows(rows);
}

/** What some reader ends a row at: quoted, it stays inside of its cell. */
const rowEnds = /[\n\v\f\r\u0085\u2028\u2029]/;

/** Rows as text. A cell that a spreadsheet would calculate begins with an apostrophe. */
export const csvRows = (rows: readonly (readonly unknown[])[]): string =>
  stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true, quoted_match: rowEnds, record_delimiter: "windows" },
  );
