import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { NewTenant, TenantChange } from "../../../shared/tenants/contract.ts";
import {
  addTenant,
  changeTenant,
  getTenant,
  removeTenant,
} from "../../../shared/tenants/manage-tenants.ts";
import { PurgeStore } from "../../../shared/tenants/purge-store.ts";
import { cachedTenants } from "../../../shared/tenants/tenant-cache.ts";
import { TenantStore } from "../../../shared/tenants/tenant-store.ts";
import { testStorage } from "../storage/open-storage.ts";

let now = Date.UTC(2026, 0, 1);
const { tables, queues } = await testStorage();
const store = new TenantStore(tables);
const clock = { now: () => now };
const purges = new PurgeStore(tables);
const deps = { store, known: cachedTenants(store, clock), purges, queues, clock };

/** A tenant that was just added. */
async function added(pace = {}) {
  const tenantId = randomUUID();
  const result = await addTenant(deps, { tenantId, displayName: "Contoso", pace });
  if (!result.ok) throw new Error(result.failure.detail);
  return { ...result.value, tenantId };
}

test("a tenant is added once; a second time only for the request that added it", async () => {
  const body = { tenantId: randomUUID(), displayName: "Contoso", pace: {} };
  const first = await addTenant(deps, body, "seed");
  expect(first).toMatchObject({ ok: true, value: { tenant: body } });
  expect(await addTenant(deps, body, "seed")).toEqual(first);
  for (const seed of ["other", ""])
    expect(await addTenant(deps, body, seed)).toMatchObject({
      failure: { code: "already-exists" },
    });
});

test("a change changes what it names, and the etag", async () => {
  const { tenantId, etag } = await added({ deviceReads: 10 });
  now += 1000;
  const changed = await changeTenant(deps, tenantId, { displayName: "Fabrikam" }, etag);
  expect(changed).toMatchObject({
    ok: true,
    value: {
      tenant: {
        displayName: "Fabrikam",
        pace: { deviceReads: 10 },
        createdAt: "2026-01-01T00:00:00.000Z",
        updatedAt: "2026-01-01T00:00:01.000Z",
      },
    },
  });
  expect(changed.ok && changed.value.etag).not.toBe(etag);
  expect(await getTenant(deps, tenantId)).toMatchObject({
    value: { tenant: { displayName: "Fabrikam" } },
  });
});

test("only the version that was read is changed or removed", async () => {
  const { tenantId, etag } = await added();
  await changeTenant(deps, tenantId, { pace: { deviceActions: "unlimited" } }, undefined);
  const lost = { failure: { code: "precondition-failed" } };
  for (const old of [etag, "garbage", ""]) {
    expect(await changeTenant(deps, tenantId, { displayName: "X" }, old)).toMatchObject(lost);
    expect(await removeTenant(deps, tenantId, old)).toMatchObject(lost);
  }
  const found = await getTenant(deps, tenantId);
  expect(await removeTenant(deps, tenantId, found.ok ? found.value.etag : "")).toMatchObject({
    ok: true,
  });
  const gone = { failure: { code: "unknown-tenant" } };
  expect(await getTenant(deps, tenantId)).toMatchObject(gone);
  expect(await removeTenant(deps, tenantId, undefined)).toMatchObject(gone);
  expect(await changeTenant(deps, tenantId, {}, undefined)).toMatchObject(gone);
});

test("of changes at the same time one is lost, none is mixed", async () => {
  const { tenantId, etag } = await added();
  const names = Array.from({ length: 6 }, (_, at) => `Name ${at}`);
  const outcomes = await Promise.all(
    names.map((displayName) => changeTenant(deps, tenantId, { displayName }, etag)),
  );
  const won = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  expect(won).toHaveLength(1);
  const { before, ...winner } = won[0] ?? {};
  expect(before).toMatchObject({ displayName: "Contoso" });
  expect(await getTenant(deps, tenantId)).toMatchObject({ ok: true, value: winner });
});

test.each([
  [{ tenantId: randomUUID().toUpperCase(), displayName: " Contoso " }, true],
  [{ tenantId: "contoso", displayName: "Contoso" }, false],
  [{ tenantId: randomUUID(), displayName: " " }, false],
  [{ tenantId: randomUUID(), displayName: "x".repeat(201) }, false],
  [{ tenantId: randomUUID(), displayName: "C", pace: { deviceActions: 3 } }, false],
  [{ tenantId: randomUUID(), displayName: "C", pace: { deviceActions: "unlimited" } }, true],
  [{ tenantId: randomUUID(), displayName: "C", pace: { writes: 5 } }, false],
])("the body %j is taken: %s", (body, taken) => {
  expect(NewTenant.safeParse(body).success).toBe(taken);
  const { tenantId: _, ...change } = body;
  expect(TenantChange.safeParse(change).success).toBe(taken || body.tenantId === "contoso");
});

test("ids are kept in lower case, names without blanks around them", () => {
  const tenantId = "ABCDEF00-0000-4000-8000-000000000000";
  expect(NewTenant.parse({ tenantId, displayName: " Contoso " })).toEqual({
    tenantId: tenantId.toLowerCase(),
    displayName: "Contoso",
    pace: {},
  });
});
