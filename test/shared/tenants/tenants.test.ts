import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { NewTenant, TenantChange } from "../../../shared/tenants/contract.ts";
import { PurgeStore } from "../../../shared/tenants/purge.ts";
import { cachedTenants, TenantRegistry, TenantStore } from "../../../shared/tenants/tenants.ts";
import { testStorage } from "../storage/open-storage.ts";

let now = Date.UTC(2026, 0, 1);
const { tables, queues } = await testStorage();
const store = new TenantStore(tables);
const clock = { now: () => now };
const purges = new PurgeStore(tables);
const known = cachedTenants(store, clock);
const tenants = new TenantRegistry({ store, known, purges, queues, clock });

/** A tenant that was just added. */
async function added(pace = {}) {
  const tenantId = randomUUID();
  const result = await tenants.add({ tenantId, displayName: "Contoso", pace });
  if (!result.ok) throw new Error(result.failure.detail);
  return { ...result.value, tenantId };
}

test("a tenant is added once; a second time only for the request that added it", async () => {
  const body = { tenantId: randomUUID(), displayName: "Contoso", pace: {} };
  const first = await tenants.add(body, "seed");
  expect(first).toMatchObject({ ok: true, value: { tenant: body } });
  expect(await tenants.add(body, "seed")).toEqual(first);
  for (const seed of ["other", ""])
    expect(await tenants.add(body, seed)).toMatchObject({
      failure: { code: "already-exists" },
    });
});

test("a change changes what it names, and the etag", async () => {
  const { tenantId, etag } = await added({ deviceReads: 10 });
  now += 1000;
  const changed = await tenants.change(tenantId, { displayName: "Fabrikam" }, etag);
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
  expect(await tenants.get(tenantId)).toMatchObject({
    value: { tenant: { displayName: "Fabrikam" } },
  });
});

test("only the version that was read is changed or removed", async () => {
  const { tenantId, etag } = await added();
  await tenants.change(tenantId, { pace: { deviceActions: "unlimited" } }, undefined);
  const lost = { failure: { code: "precondition-failed" } };
  for (const old of [etag, "garbage", ""]) {
    expect(await tenants.change(tenantId, { displayName: "X" }, old)).toMatchObject(lost);
    expect(await tenants.remove(tenantId, old)).toMatchObject(lost);
  }
  const found = await tenants.get(tenantId);
  expect(await tenants.remove(tenantId, found.ok ? found.value.etag : "")).toMatchObject({
    ok: true,
  });
  const gone = { failure: { code: "unknown-tenant" } };
  expect(await tenants.get(tenantId)).toMatchObject(gone);
  expect(await tenants.remove(tenantId, undefined)).toMatchObject(gone);
  expect(await tenants.change(tenantId, {}, undefined)).toMatchObject(gone);
});

test("of changes at the same time one is lost, none is mixed", async () => {
  const { tenantId, etag } = await added();
  const names = Array.from({ length: 6 }, (_, at) => `Name ${at}`);
  const outcomes = await Promise.all(
    names.map((displayName) => tenants.change(tenantId, { displayName }, etag)),
  );
  const won = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  expect(won).toHaveLength(1);
  const { before, ...winner } = won[0] ?? {};
  expect(before).toMatchObject({ displayName: "Contoso" });
  expect(await tenants.get(tenantId)).toMatchObject({ ok: true, value: winner });
});

test("changes at the same time that hold to no version are all made: nobody who pauses in a hurry is refused", async () => {
  const { tenantId } = await added();
  const changes: TenantChange[] = [
    { displayName: "Fabrikam" },
    { pace: { deviceReads: 10 } },
    ...Array.from({ length: 4 }, () => ({ paused: true, pauseReason: "an incident" })),
  ];
  const outcomes = await Promise.all(
    changes.map((change) => tenants.change(tenantId, change, undefined)),
  );
  expect(outcomes.map(({ ok }) => ok)).toEqual(changes.map(() => true));
  expect(await tenants.get(tenantId)).toMatchObject({
    value: {
      tenant: {
        displayName: "Fabrikam",
        pace: { deviceReads: 10 },
        pausedAt: expect.any(String),
        pauseReason: "an incident",
      },
    },
  });
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
