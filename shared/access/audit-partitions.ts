/** Which partitions the audit trail has: found one after the other, each by one request. */
import { tableNames } from "../storage/names.ts";
import type { Tables } from "../storage/tables.ts";
import type { TrailId } from "./audit-event.ts";

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
