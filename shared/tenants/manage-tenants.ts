/** The tenant registry: add, read, change, remove. */
import { type Clock, toIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { NewTenant, Tenant, TenantChange } from "./contract.ts";
import type { PurgeStore } from "./purge-store.ts";
import type { TenantCache } from "./tenant-cache.ts";
import type { StoredTenant, TenantStore } from "./tenant-store.ts";

/** What the registry needs. */
export type TenantDeps = {
  readonly store: TenantStore;
  /** What readers keep; a change makes them read again. */
  readonly known: TenantCache;
  readonly purges: PurgeStore;
  readonly queues: Queues;
  readonly clock: Clock;
};

/** Says that a tenant is not there, without saying more. */
const unknownTenant = (tenantId: string) =>
  fail("unknown-tenant", `There is no tenant ${tenantId} here. GET /api/v1/tenants lists yours.`);

/**
 * Adds a tenant. One that is there already is refused, since its settings may differ by now; unless the
 * very same request, known by its `seed`, has added it before and did not come to answer.
 */
export async function addTenant(
  deps: TenantDeps,
  body: NewTenant,
  seed = "",
): Promise<Result<StoredTenant>> {
  if (await deps.purges.get(body.tenantId)) return beingRemoved(body.tenantId);
  const now = toIso(deps.clock.now());
  const tenant: Tenant = { ...body, createdAt: now, updatedAt: now };
  const outcome = await deps.store.insert(tenant, seed);
  const added = await getTenant(deps, tenant.tenantId);
  // Removed between our look and our insert: what is deleted now must not be the new tenant's.
  if (outcome === "inserted" && added.ok && (await deps.purges.get(tenant.tenantId))) {
    await deps.store.remove(tenant.tenantId, added.value.etag);
    return beingRemoved(tenant.tenantId);
  }
  if (outcome === "inserted" || (added.ok && seed !== "" && added.value.seed === seed))
    return added;
  return fail("already-exists", `Tenant ${tenant.tenantId} is registered. PATCH changes it.`);
}

/** Reads a tenant as it is now. */
export async function getTenant(deps: TenantDeps, tenantId: string): Promise<Result<StoredTenant>> {
  const stored = await deps.store.get(tenantId);
  return stored === undefined ? unknownTenant(tenantId) : succeed(stored);
}

/** A tenant as it was at most three seconds ago: for whoever only shows what belongs to it. */
export async function knownTenant(
  { known }: Pick<TenantDeps, "known">,
  tenantId: string,
): Promise<Result<Tenant>> {
  const tenant = await known.get(tenantId);
  return tenant === undefined ? unknownTenant(tenantId) : succeed(tenant);
}

/** Changes what the body names; with `ifMatch` only the version that the caller read. Answers both. */
export async function changeTenant(
  deps: TenantDeps,
  tenantId: string,
  change: TenantChange,
  ifMatch: string | undefined,
): Promise<Result<StoredTenant & { readonly before: Tenant }>> {
  const stored = await deps.store.get(tenantId);
  if (stored === undefined) return unknownTenant(tenantId);
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changedMeanwhile(tenantId);
  const tenant: Tenant = {
    ...stored.tenant,
    displayName: change.displayName ?? stored.tenant.displayName,
    pace: change.pace ?? stored.tenant.pace,
    updatedAt: toIso(deps.clock.now()),
  };
  const etag = await deps.store.replace(tenant, stored.etag);
  deps.known.invalidate(tenantId);
  if (etag === undefined) return changedMeanwhile(tenantId);
  return succeed({ ...stored, tenant, etag, before: stored.tenant });
}

/**
 * Removes a tenant, and answers what it was; work under way for it ends when its handlers find the tenant gone, and
 * what was kept of it is deleted by messages. The note about that comes first: a tenant that is gone without it would
 * leave all behind.
 */
export async function removeTenant(
  deps: TenantDeps,
  tenantId: string,
  ifMatch: string | undefined,
): Promise<Result<Tenant>> {
  const stored = await deps.store.get(tenantId);
  if (stored === undefined) return unknownTenant(tenantId);
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changedMeanwhile(tenantId);
  await deps.purges.open(tenantId, deps.clock.now());
  const removed = await deps.store.remove(tenantId, stored.etag);
  deps.known.invalidate(tenantId);
  // Its note stays: somebody else may be removing it. Whoever reads it finds the tenant, and drops it.
  if (removed === "lost") return changedMeanwhile(tenantId);
  await deps.queues.send(queueNames.tenantPurge, { tenantId });
  return succeed(stored.tenant);
}

const beingRemoved = (tenantId: string) =>
  fail(
    "tenant-being-removed",
    `Tenant ${tenantId} was removed, and what was kept of it is still being deleted.`,
    { retryAfterSeconds: 60 },
  );

const changedMeanwhile = (tenantId: string) =>
  fail(
    "precondition-failed",
    `Tenant ${tenantId} changed since you read it. Read it again, then decide again.`,
  );
