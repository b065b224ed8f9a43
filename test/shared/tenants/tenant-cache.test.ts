/** The cache before the tenants' rows: how many reads it saves, and how old its answers may be. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Tenant } from "../../../shared/tenants/contract.ts";
import { cachedTenants, keepTenantMs, TenantStore } from "../../../shared/tenants/tenants.ts";
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
  wait(keepTenantMs - 1);
  await tenants.get(tenantId);
  expect(reads()).toBe(1);
});

test("a tenant that was removed elsewhere is gone after three seconds", async () => {
  const { store, tenants, tenant, wait } = await counted();
  await tenants.get(tenant.tenantId);
  await store.remove(tenant.tenantId, "*");
  wait(2999);
  expect(await tenants.get(tenant.tenantId)).toEqual(tenant);
  wait(1);
  expect(await tenants.get(tenant.tenantId)).toBeUndefined();
});

test("one that was forgotten is read again, and not what a reading under way had found", async () => {
  const { store, tenants, tenant, reads } = await counted();
  const under = tenants.get(tenant.tenantId);
  tenants.invalidate(tenant.tenantId);
  await under;
  await store.remove(tenant.tenantId, "*");
  expect(await tenants.get(tenant.tenantId)).toBeUndefined();
  expect(reads()).toBe(3);
});

test("a clock that is set back keeps nothing longer", async () => {
  const { store, tenants, tenant, wait } = await counted();
  await tenants.get(tenant.tenantId);
  await store.remove(tenant.tenantId, "*");
  wait(-3_600_000);
  expect(await tenants.get(tenant.tenantId)).toBeUndefined();
});

test("neither a failed read nor an absence is kept", async () => {
  const { store, tenants, tenant, breakStorage } = await counted();
  breakStorage(true);
  await expect(tenants.get(tenant.tenantId)).rejects.toThrow("outage");
  breakStorage(false);
  expect(await tenants.get(tenant.tenantId)).toEqual(tenant);
  const added = { ...tenant, tenantId: randomUUID() };
  expect(await tenants.get(added.tenantId)).toBeUndefined();
  await store.insert(added, "");
  expect(await tenants.get(added.tenantId)).toEqual(added);
});

test("one tenant too many makes the one go that was asked for longest ago, and no other", async () => {
  const at = "2026-01-01T00:00:00.000Z";
  const asked: string[] = [];
  const get = async (tenantId: string) => {
    asked.push(tenantId);
    const tenant = { tenantId, displayName: "Contoso", pace: {}, createdAt: at, updatedAt: at };
    return { tenant, etag: "", seed: "" };
  };
  const tenants = cachedTenants({ get }, { now: () => 0 });
  for (let n = 0; n < 1000; n += 1) await tenants.get(`t${n}`);
  await tenants.get("t0");
  await tenants.get("one more");
  asked.length = 0;
  for (const tenantId of ["t0", "t2", "one more", "t1"]) await tenants.get(tenantId);
  expect(asked).toEqual(["t1"]);
});
