/** A tenant that has something in every table, and the look for what is left of one. */

import { randomUUID } from "node:crypto";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { queueNames, type TableName, tableNames } from "../../../shared/storage/names.ts";
import { allRows, ofTenant, type Tables } from "../../../shared/storage/tables.ts";
import { BaselineStore } from "../../../shared/sync/baselines/baseline-store.ts";
import { neverSynced } from "../../../shared/sync/state/sync.ts";
import { SyncStore } from "../../../shared/sync/state/sync-store.ts";
import { deliveryOf } from "../../../shared/webhooks/deliver.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import type { NotifyRig } from "../../support/notify-rig.ts";
import { caller } from "../access/installation.ts";

/** What becomes of each table's rows of the tenant. A new table does not compile until it is decided. */
const fates: Readonly<Record<keyof typeof tableNames, string>> = {
  tenants: "purged",
  devices: "purged",
  collections: "purged",
  refreshes: "purged",
  jobs: "purged",
  sites: "purged",
  items: "purged",
  openWork: "purged",
  throttles: "purged",
  approvals: "purged",
  signIns: "purged",
  syncs: "purged",
  tasks: "purged",
  templates: "belong to no tenant",
  deviceLocks: "purged",
  dueTasks: "places of no task; gone when their minute comes",
  baselines: "purged",
  answers: "named by operation; gone by their age",
  audit: "stays: it says who removed the tenant",
  roles: "belong to no tenant",
  assignments: "stay, and give nothing without the tenant",
  webhooks: "belong to no tenant, and are told nothing without it",
  webhookDeliveries: "purged",
  relationships: "purged",
  deadLetters: "belongs to no tenant; gone by its age",
};

/** Tables that nothing of a removed tenant may be left in. */
export const purgedTables: readonly TableName[] = Object.entries(fates)
  .filter(([, fate]) => fate === "purged")
  .map(([name]) => tableNames[name as keyof typeof tableNames])
  .toSorted();

/** A tenant that has something in every table; answers its ids. */
export async function furnish(rig: NotifyRig) {
  const tenantId = await rig.tenant({ ...onlyIntuneWindows, devices: 30 });
  const { services } = rig;
  const { notify, throttle, sites, storage } = services;
  const all = await rig.send(tenantId);
  await rig.drain();
  const { devices } = await services.directory.walk(tenantId, undefined, 30);
  const deviceIds = devices.slice(0, 3).map(({ deviceId }) => deviceId);
  const some = await rig.send(tenantId, { target: { kind: "devices", deviceIds } });
  await rig.drain(() =>
    rig.queues.waiting().some(({ queue }) => queue === queueNames.fanoutDispatch),
  );
  await throttle.reserve(tenantId, "deviceReads", 1, Date.now(), { intervalMs: 1, burst: 1 });
  const inventory = { tenantId, siteCode: "P01", inventoryId: newestFirstId(Date.now()) };
  await sites.putPart(inventory, 0, []);
  await sites.publish({ ...inventory, parts: 1, devices: 0, reportedAt: "2026-01-01T00:00:00Z" });
  const rule = { actions: "all", tenantIds: "all", moreThan: 0, withinHours: 1 } as const;
  const lasting = { expiresAfterHours: 1, approvers: ["user" as const] };
  await notify.approvals.ask(
    { kind: "notification", ...rule, ...lasting },
    {
      approvalId: some,
      tenantId,
      subject: {
        kind: "notification",
        id: some,
        summary: "",
        action: "restart",
        parameters: {},
        target: { kind: "devices" },
        count: deviceIds.length,
      },
      digest: "",
      requestedBy: { principal: { kind: "user", homeTenantId: tenantId, id: tenantId } },
      requester: caller("requester"),
    },
  );
  const at = new Date().toISOString();
  const base = { partitionKey: tenantId, rowKey: randomUUID(), name: "c", kind: "static" };
  await storage.tables.insert(tableNames.collections, { ...base, createdAt: at, updatedAt: at });
  for (const table of [tableNames.signIns, tableNames.relationships, tableNames.deviceLocks])
    await storage.tables.put(table, { partitionKey: tenantId, rowKey: "account" });
  const what = { mode: "plan" };
  await storage.tables.insert(tableNames.tasks, {
    ...base,
    rowKey: `t|${some}`,
    value: JSON.stringify(what),
  });
  const syncs = new SyncStore(storage.tables);
  await syncs.change({ value: neverSynced(tenantId, 0), etag: "" });
  await syncs.index(neverSynced(tenantId, 0));
  const told = { eventId: randomUUID(), at: Date.now(), type: "sync.statusChanged" } as const;
  const webhook = { webhookId: newestFirstId(Date.now()) };
  await new WebhookStore(storage.tables).add(
    deliveryOf(webhook, { ...told, tenantId, data: {} }, ""),
  );
  const baselines = new BaselineStore(storage.tables);
  const by = { kind: "user", id: "ada" };
  const newest = { version: 1, document: "", items: 0, message: "", by, at: 0 };
  const baseline = {
    v: 1 as const,
    baselineId: newestFirstId(Date.now()),
    name: "",
    description: "",
  };
  await baselines.save({ value: { ...baseline, newest, createdAt: 0 }, etag: "" }, true);
  const value = { tailoring: { values: {}, overrides: [], leaveOut: [] }, by, at: 0 };
  await baselines.putTailoring(baseline.baselineId, tenantId, { value, etag: "" });
  return { tenantId, notificationIds: [all, some] };
}

/** Names of the tables that still hold rows of the tenant, or of its notifications. */
export async function tablesWith(
  tables: Tables,
  tenantId: string,
  notificationIds: readonly string[],
) {
  const found = new Set<TableName>();
  const note = async (table: TableName, range: Parameters<typeof tables.page>[1]) => {
    let token: string | undefined;
    do {
      const page = await tables.page(table, range, 1000, token);
      if (page.rows.length > 0) found.add(table);
      token = page.next;
    } while (token !== undefined);
  };
  for (const table of Object.values(tableNames)) await note(table, ofTenant(tenantId));
  for (const partition of notificationIds) await note(tableNames.items, { partition });
  const mine = notificationIds.map((id) => `RowKey eq '${id}'`).join(" or ");
  const refreshes = `(RowKey ge '${tenantId}' and RowKey lt '${tenantId}}')`;
  const where = notificationIds.length > 0 ? `${mine} or ${refreshes}` : refreshes;
  for (const partition of ["notification", "refresh", "purge"])
    await note(tableNames.openWork, { partition, where });
  const anywhere = { partitionsFrom: "", partitionsBelow: "~" };
  await note(tableNames.webhookDeliveries, { ...anywhere, where: `tenantId eq '${tenantId}'` });
  const own = allRows(tables, tableNames.baselines, { partition: "baselines" });
  for await (const { rowKey } of own)
    if (rowKey.endsWith(`|${tenantId}`)) found.add(tableNames.baselines);
  await note(tableNames.tenants, { partition: "tenants", where: `RowKey eq '${tenantId}'` });
  return [...found].toSorted();
}
