import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Tenant } from "../../../shared/tenants/contract.ts";
import { cachedTenants } from "../../../shared/tenants/tenant-cache.ts";
import { TenantStore } from "../../../shared/tenants/tenant-store.ts";
import { testStorage } from "../storage/open-storage.ts";

/** A cache over real storage that counts reads, and can have them fail. */
async function counted() {
  let now = 0;
  let reads = 0;
  let broken = false;
  const { tables } = await testStorage(undefined, (_operation, call) => {
    reads += 1;
    return broken ? Promise.reject(new Error("outage")) : call();
  });
  const store = new TenantStore(tables);
  const tenant: Tenant = {
    tenantId: randomUUID(),
    displayName: "Contoso",
    pace: {},
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
  };
  await store.insert(tenant, "");
  reads = 0;
  return {
    store,
    tenant,
    tenants: cachedTenants(store, { now: () => now }),
    reads: () => reads,
    wait: (ms: number) => {
      now += ms;
    },
    breakStorage: (value: boolean) => {
      broken = value;
    },
  };
}

test("many who ask at once, and shortly after, cost one read", async () => {
  const { tenants, tenant, reads, wait } = await counted();
  const { tenantId } = tenant;
  expect(await Promise.all([1, 2, 3].map(() => tenants.get(tenantId)))).toEqual([
    tenant,
    tenant,
    tenant,
  ]);
  wait(4999);
  await tenants.get(tenantId);
  expect(reads()).toBe(1);
});

test("a removed tenant is gone after five seconds", async () => {
  const { store, tenants, tenant, wait } = await counted();
  await tenants.get(tenant.tenantId);
  await store.remove(tenant.tenantId, "*");
  expect(await tenants.get(tenant.tenantId)).toEqual(tenant);
  wait(5000);
  expect(await tenants.get(tenant.tenantId)).toBeUndefined();
});

test("a failed read is not kept", async () => {
  const { tenants, tenant, breakStorage } = await counted();
  breakStorage(true);
  await expect(tenants.get(tenant.tenantId)).rejects.toThrow("outage");
  breakStorage(false);
  expect(await tenants.get(tenant.tenantId)).toEqual(tenant);
});
