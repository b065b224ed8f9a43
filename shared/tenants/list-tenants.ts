/** Lists tenants: all of them, or those that a caller reaches, without a trace of the others. */
import type { Page } from "../http/paging.ts";
import { inParallel } from "../kernel/concurrency.ts";
import type { Tenant } from "./contract.ts";
import type { TenantStore } from "./tenant-store.ts";

/** Tenants read at once. */
const concurrency = 8;

/** A page of tenants in the order of their ids; `reached` are those to choose from, undefined means all. */
export async function listTenants(
  store: TenantStore,
  reached: ReadonlySet<string> | undefined,
  top: number,
  position: string | undefined,
): Promise<Page<Tenant>> {
  if (reached !== undefined) return tenantsAmong(store, reached, top, position);
  const { tenants: items, ...page } = await store.list(top, position);
  return { items, ...page };
}

/** Reads only what is reached: passing over the rest would tell, by empty pages, how much there is. */
async function tenantsAmong(
  store: TenantStore,
  reached: ReadonlySet<string>,
  top: number,
  after: string | undefined,
): Promise<Page<Tenant>> {
  const rest = [...reached].toSorted().filter((id) => after === undefined || id > after);
  const wanted = rest.slice(0, top);
  const found = await inParallel(wanted, concurrency, (id) => store.get(id));
  const items = found.flatMap((stored) => (stored === undefined ? [] : [stored.tenant]));
  const last = wanted.at(-1);
  return rest.length > top && last !== undefined ? { items, next: last } : { items };
}
