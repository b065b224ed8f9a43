/**
 * Tenants for those who only read them, kept for a few seconds: a page of a list, or a chunk of a large
 * notification, need not ask for the same tenant again and again. What was changed or removed here holds
 * at once; elsewhere within that time. One that was added is there at once everywhere.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Tenant } from "./contract.ts";
import type { TenantStore } from "./tenant-store.ts";

/** Answers tenants by id; undefined when there is none. */
export type TenantCache = {
  readonly get: (tenantId: string) => Promise<Tenant | undefined>;
  /** Makes the next read of a tenant a fresh one. */
  readonly invalidate: (tenantId: string) => void;
};

/** How long another instance may still show, or work for, a removed tenant, in ms. */
export const keepTenantMs = 3_000;
const maxTenants = 1000;

type Kept = { readonly tenant: Promise<Tenant | undefined>; readonly at: Instant };

/** Reads through a cache of a few seconds. */
export function cachedTenants(store: Pick<TenantStore, "get">, clock: Clock): TenantCache {
  const kept = new Map<string, Kept>();
  return {
    get(tenantId) {
      const now = clock.now();
      const known = kept.get(tenantId);
      if (known !== undefined && isFresh(known, now)) return known.tenant;
      if (kept.size >= maxTenants) kept.clear();
      // The time counts from before the read: what it finds may have changed while it was under way.
      const fresh = { tenant: read(store, tenantId), at: now };
      kept.set(tenantId, fresh);
      const drop = (): void => {
        if (kept.get(tenantId) === fresh) kept.delete(tenantId);
      };
      // Neither a failed read is kept nor an absence: the next one may find it.
      fresh.tenant.then((found) => found ?? drop(), drop);
      return fresh.tenant;
    },
    invalidate: (tenantId) => void kept.delete(tenantId),
  };
}

/** A clock that was set back must not make a few seconds last for hours. */
const isFresh = ({ at }: Kept, now: Instant): boolean => at <= now && now < at + keepTenantMs;

const read = async (store: Pick<TenantStore, "get">, tenantId: string) =>
  (await store.get(tenantId))?.tenant;
