/** Starting syncs of many tenants by a request that dies before its answer is kept, and is sent again. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminToken, type Door, openDoor } from "../access/door.ts";

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door.stop());

test("a start of many that died is repeated with the syncs that it has started", async () => {
  const tenantIds = [await door.fleet(1), await door.fleet(1)];
  const sent = {
    token: adminToken,
    headers: { "idempotency-key": randomUUID() },
    body: { tenantIds, mode: "exportOnly" },
  };
  const { answers, sync } = door.services;
  const open = sync.store.open.bind(sync.store);
  // Each waits for the other, so that neither is through before the other begins where they are started together.
  const both = Promise.withResolvers<void>();
  let [begun, most] = [0, 0];
  sync.store.open = async (...ids) => {
    begun += 1;
    most = Math.max(most, begun);
    if (begun === 2) both.resolve();
    await Promise.race([both.promise, sleep(2_000)]);
    await open(...ids);
    begun -= 1;
  };
  const settle = answers.settle.bind(answers);
  answers.settle = () => Promise.reject(new Error("the worker is gone"));
  expect((await door.call("syncs-start-many", sent)).status).toBe(500);
  answers.settle = settle;
  const active = await Promise.all(
    tenantIds.map(async (id) => (await door.services.sync.store.tenant(id, 0)).value.active),
  );
  const again = await door.call("syncs-start-many", sent);
  expect(again.body).toEqual({
    value: tenantIds.map((tenantId, at) => ({ tenantId, syncId: active[at] })),
  });
  expect(new Set(active).size).toBe(2);
  expect(most, "side by side").toBe(2);
});
