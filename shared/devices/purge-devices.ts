/** Deletes what this room keeps of a removed tenant: sites with their queues, refreshes, collections, the directory. */
import { siteQueueName } from "../configmgr/site.ts";
import { tableNames } from "../storage/names.ts";
import type { Storage } from "../storage/storage.ts";
import { deleteRange, ofTenant } from "../storage/tables.ts";
import { openRefreshes } from "./refresh/refresh-store.ts";
import type { SiteStore } from "./sites/site-store.ts";

/** Deletes it while `mayGoOn`; true when nothing is left. Rows that name blobs go after their blobs. */
export async function purgeDevices(
  { storage, sites }: { readonly storage: Storage; readonly sites: SiteStore },
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  const { tables, queues, blobs } = storage;
  for (const { siteCode } of await sites.sites(tenantId))
    await queues.removeSite(siteQueueName(tenantId, siteCode));
  for (const place of ["sites", "refreshes"])
    if (!(await blobs.deletePrefix(`${place}/${tenantId}/`, mayGoOn))) return false;
  const open = { partition: openRefreshes, from: `${tenantId}|`, below: `${tenantId}}` };
  if (!(await deleteRange(tables, tableNames.openWork, open, mayGoOn))) return false;
  const { refreshes, collections, devices } = tableNames;
  for (const table of [tableNames.sites, refreshes, collections, devices])
    if (!(await deleteRange(tables, table, ofTenant(tenantId), mayGoOn))) return false;
  return true;
}
