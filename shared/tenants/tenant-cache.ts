/**
 * Tenants for those who only read them, kept for a few seconds: every chunk of a large notification asks
 * for the same one. A change of pace, or a removal, takes hold everywhere within that time.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Tenant } from "./contract.ts";
import type { TenantStore } from "./tenant-store.ts";

/** Answers tenants by id; undefined when there is none. */
export type Tenants = { readonly get: (tenantId: string) => Promise<Tenant | undefined> };

const keepMs = 5_000;
const maxTenants = 1000;

type Kept = { readonly tenant: Promise<Tenant | undefined>; readonly until: Instant };

/** Reads through a cache of a few seconds. */
export function cachedTenants(store: TenantStore, clock: Clock): Tenants {
  const kept = new Map<string, Kept>();
  return {
    get(tenantId) {
      const known = kept.get(tenantId);
      if (known && clock.now() < known.until) return known.tenant;
      if (kept.size >= maxTenants) kept.clear();
      const tenant = store.get(tenantId).then((stored) => stored?.tenant);
      kept.set(tenantId, { tenant, until: clock.now() + keepMs });
      // Neither a failed read is kept nor an absence: the next one may find it.
      tenant.then(
        (found) => found ?? kept.delete(tenantId),
        () => kept.delete(tenantId),
      );
      return tenant;
    },
  };
}
