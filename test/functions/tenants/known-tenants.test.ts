/** What instances remember of tenants: two of them on one storage, over the whole way of a request. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepTenantMs } from "../../../shared/tenants/tenants.ts";
import { faultTap } from "../../support/fault-tap.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

const { tap, calls, reset } = faultTap();
let here: Door;
let elsewhere: Door;
beforeAll(async () => {
  [here, elsewhere] = await Promise.all([openDoor(), openDoor({ tap })]);
});
afterAll(() => Promise.all([here.stop(), elsewhere.stop()]));

/** What a door answers to who asks for a tenant's notifications. */
async function ask(door: Door, tenantId: string, token = adminToken): Promise<unknown> {
  const { body } = await door.call("notifications-list", { token, params: { tenantId } });
  return body["code"] ?? body["value"];
}

test("a removed tenant is gone at once where it was removed, and elsewhere in three seconds", async () => {
  const tenantId = await here.tenant();
  expect([await ask(here, tenantId), await ask(elsewhere, tenantId)]).toEqual([[], []]);
  const params = { tenantId };
  const removed = await here.call("tenants-remove", { token: adminToken, params });
  expect(removed.status).toBe(204);
  expect(await ask(here, tenantId)).toBe("unknown-tenant");
  await sleep(keepTenantMs);
  expect(await ask(elsewhere, tenantId)).toBe("unknown-tenant");
});

test("what changes a removed tenant does not go by what is remembered", async () => {
  const tenantId = await here.tenant();
  expect(await ask(elsewhere, tenantId)).toEqual([]);
  await here.call("tenants-remove", { token: adminToken, params: { tenantId } });
  const params = { tenantId };
  const body = { action: "restart", target: { kind: "tenant" } };
  const sent = await elsewhere.call("notifications-send", { token: adminToken, params, body });
  expect(sent.body["code"]).toBe("unknown-tenant");
});

test("a tenant that was just asked for in vain is there at once when it is added elsewhere", async () => {
  const body = { tenantId: randomUUID(), displayName: "Contoso" };
  expect(await ask(elsewhere, body.tenantId)).toBe("unknown-tenant");
  await here.call("tenants-add", { token: adminToken, body });
  expect(await ask(elsewhere, body.tenantId)).toEqual([]);
});

test("who reaches neither is refused alike, by as many reads, for a tenant in use and for none", async () => {
  const [own, inUse] = [await elsewhere.tenant(), await elsewhere.tenant()];
  const scope = { kind: "tenants", tenantIds: [own] } as const;
  const { token } = await elsewhere.holder("readOnlyAnalyst", scope);
  const refused: unknown[] = [];
  for (const tenantId of [inUse, randomUUID()]) {
    await ask(elsewhere, tenantId);
    reset();
    const code = await ask(elsewhere, tenantId, token);
    refused.push([code, calls().filter((call) => call.endsWith(" Tenants"))]);
  }
  expect(refused[0]).toEqual(["forbidden", ["table.get Tenants"]]);
  expect(refused[1]).toEqual(refused[0]);
});
