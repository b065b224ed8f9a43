/** Deletes the records of old refreshes; their runs are gone since they ended. Ids sort by time. */
import type { Instant } from "../kernel/clock.ts";
import { invertedTime } from "../kernel/ids.ts";
import { clear } from "../storage/clear.ts";
import { tableNames } from "../storage/names.ts";
import type { Tables } from "../storage/tables.ts";

/** Deletes what began before `before`, while `mayGoOn`; true when nothing of it is left. */
export const forgetOldRefreshes = (
  tables: Tables,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<boolean> =>
  clear(tables, tableNames.refreshes, { partition: tenantId, from: invertedTime(before) }, mayGoOn);
