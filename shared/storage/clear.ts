/** Removes rows by the thousand: read by their keys alone, removed a hundred in one transaction. */
import { inChunks, inParallel } from "../kernel/concurrency.ts";
import { maxTransactionOperations } from "./limits.ts";
import type { TableName } from "./names.ts";
import type { Range, Span } from "./rows.ts";
import type { Tables } from "./tables.ts";

const rowsPerRead = 1000;
const lanes = 4;

/** Removes what a range selects while `mayGoOn`; true when nothing is left of it. Twice at once is harmless. */
export async function clear(
  tables: Tables,
  table: TableName,
  range: Range | Span,
  mayGoOn: () => boolean,
): Promise<boolean> {
  let token: string | undefined;
  do {
    const { rows, next } = await tables.page(table, { ...range, select: [] }, rowsPerRead, token);
    const byPartition = Map.groupBy(rows, ({ partitionKey }) => partitionKey);
    const batches = [...byPartition].flatMap(([partition, found]) =>
      inChunks(found, maxTransactionOperations).map((part) => ({
        partition,
        keys: part.map(({ rowKey }) => rowKey),
      })),
    );
    await inParallel(batches, lanes, ({ partition, keys }) =>
      tables.removeRows(table, partition, keys),
    );
    token = next;
  } while (token !== undefined && mayGoOn());
  return token === undefined;
}

/** All partitions of a tenant: its own, and those named by it and something more. */
export const ofTenant = (tenantId: string): Span => ({
  partitionsFrom: tenantId,
  // Parts of a name are divided by "|", which this follows.
  partitionsBelow: `${tenantId}}`,
});
