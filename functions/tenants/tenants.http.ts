/** The registry of tenants: list with sync statuses, register, show, change, remove. */
import * as z from "zod";
import { decide, tenantsWith } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import type { DirectoryStore } from "../../shared/devices/directory/directory.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { created, noContent, ok } from "../../shared/http/reply.ts";
import { inParallel } from "../../shared/kernel/concurrency.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { ShownSyncStatus, SyncStatusName } from "../../shared/sync/contract.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import { tenantsWithStatus } from "../../shared/sync/state/settings.ts";
import { shownStatus } from "../../shared/sync/views.ts";
import { NewTenant, Tenant, TenantChange, TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

const DirectoryView = z
  .object({
    count: z.int(),
    refreshedAt: z.iso.datetime().optional().describe("Absent before the first refresh"),
  })
  .meta({ id: "TenantDevices" });

/** A tenant in the list. */
const ListedTenant = Tenant.extend({
  devices: DirectoryView.optional().describe("With devices=true, for who may see all of them"),
  sync: ShownSyncStatus.optional().describe("For who may see syncs of the tenant"),
}).meta({ id: "ListedTenant" });

/** Tenants that both reach; undefined reaches all. */
const bothReach = (one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined) =>
  one && other ? new Set([...one].filter((id) => other.has(id))) : (one ?? other);

const concurrency = 8;

/** How many devices a tenant has, for who may see every one of them. */
async function devicesOf(
  tools: Tools<Pick<ListNeeds, "directory">>,
  tenantId: string,
): Promise<z.output<typeof DirectoryView> | undefined> {
  const { standing } = signedInOf(tools);
  const seeing = decide(standing, "devices.read", { kind: "tenant", tenantId });
  if (!seeing.allowed || seeing.limits.kind !== "all") return undefined;
  const meta = await tools.services.directory.meta(tenantId);
  return meta === undefined ? { count: 0 } : { count: meta.count, refreshedAt: meta.refreshedAt };
}

type ListNeeds = Needs & { readonly directory: DirectoryStore } & {
  readonly sync: Pick<SyncServices, "store">;
};
type Needs = { readonly tenants: TenantRegistry };

export const listTenantsFunction = onHttp(
  operation({
    name: "tenants-list",
    method: "GET",
    path: "api/v1/tenants",
    summary: "List tenants, with how each stands with its syncs",
    tag: "Tenants",
    query: z.strictObject({
      ...PageQuery,
      syncStatus: SyncStatusName.optional().describe(
        "Only tenants with this status; where it is rare a page may be short, or empty",
      ),
      devices: z
        .enum(["true", "false"])
        .optional()
        .describe("true: with how many devices each has, at one more read for each"),
    }),
    answers: { 200: { description: "A page of tenants", body: pageOf(ListedTenant) } },
  }),
  async ({ query: { syncStatus, devices, top, pageToken }, url }, tools: Tools<ListNeeds>) => {
    const { standing } = signedInOf(tools);
    const [readable, seen] = [
      tenantsWith(standing, "tenants.read"),
      tenantsWith(standing, "sync.read"),
    ];
    // A filter by what somebody may not see would tell it.
    const reached = syncStatus === undefined ? readable : bothReach(readable, seen);
    const list = `tenants ${syncStatus ?? ""} ${reached === undefined ? "" : "in reach"}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const { tenants, sync } = tools.services;
    const asked = { reached, seen, syncStatus, top };
    const page = await tenantsWithStatus({ tenants, store: sync.store }, asked, position.value);
    const items = await inParallel(page.items, concurrency, async ({ tenant, status }) => {
      const known = devices === "true" ? await devicesOf(tools, tenant.tenantId) : undefined;
      return {
        ...tenant,
        ...(known && { devices: known }),
        ...(status && { sync: shownStatus(status) }),
      };
    });
    return succeed(ok(pageBody(url, list, { ...page, items })));
  },
);

// Registers a tenant.

export const addTenantFunction = onHttp(
  operation({
    name: "tenants-add",
    method: "POST",
    path: "api/v1/tenants",
    summary: "Register a tenant",
    tag: "Tenants",
    idempotent: true,
    body: NewTenant,
    answers: { 201: { description: "Registered", body: Tenant, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools: Tools<Needs>) => {
    const added = await tools.services.tenants.add(body, seed);
    if (!added.ok) return added;
    const { tenant, etag } = added.value;
    const { tenantId } = tenant;
    // The path names no tenant yet; its own trail begins with this.
    signedInOf(tools).note({ tenantId, object: `tenant/${tenantId}`, after: tenant });
    return succeed(created(`/api/v1/tenants/${tenantId}`, tenant, etag));
  },
);

// Shows a tenant.

export const getTenantFunction = onHttp(
  operation({
    name: "tenants-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}",
    summary: "Show a tenant",
    tag: "Tenants",
    params: TenantPath,
    answers: { 200: { description: "The tenant", body: Tenant, headers: ["ETag"] } },
  }),
  async ({ params }, { services }: Tools<Needs>) => {
    const found = await services.tenants.get(params.tenantId);
    return found.ok ? succeed(ok(found.value.tenant, found.value.etag)) : found;
  },
  { keepsLimits: true },
);

// Changes a tenant's name or pace.

export const changeTenantFunction = onHttp(
  operation({
    name: "tenants-change",
    method: "PATCH",
    path: "api/v1/tenants/{tenantId}",
    summary: "Change a tenant",
    tag: "Tenants",
    conditional: true,
    params: TenantPath,
    body: TenantChange,
    answers: { 200: { description: "The tenant as it is now", body: Tenant, headers: ["ETag"] } },
  }),
  async ({ params, body, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const changed = await services.tenants.change(params.tenantId, body, ifMatch);
    if (!changed.ok) return changed;
    const { tenant, etag, before } = changed.value;
    signedInOf(tools).note({ object: `tenant/${tenant.tenantId}`, before, after: tenant });
    return succeed(ok(tenant, etag));
  },
);

// Removes a tenant from the registry; messages delete what is kept of it.

export const removeTenantFunction = onHttp(
  operation({
    name: "tenants-remove",
    method: "DELETE",
    path: "api/v1/tenants/{tenantId}",
    summary: "Remove a tenant: what is under way for it stops, and what is kept of it is deleted",
    tag: "Tenants",
    conditional: true,
    params: TenantPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const removed = await services.tenants.remove(params.tenantId, ifMatch);
    if (!removed.ok) return removed;
    const object = `tenant/${params.tenantId}`;
    signedInOf(tools).note({ object, before: removed.value, after: null });
    return succeed(noContent());
  },
);
