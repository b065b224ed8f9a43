import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { openWork } from "../../../../shared/sync/state/sync-work.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

it("a sync that ends while its beginning is still told leaves the tenant free for the next", async () => {
  const tenantId = await rig.tenant();
  const started = await rig.start(tenantId);
  if (!started.ok) throw new Error(started.failure.detail);
  const { parts } = rig;
  const told = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  let strikes = 0;
  // What is told is struck off the tenant's row by itself, behind the answer.
  const change: typeof parts.store.change = async (tenant, more) => {
    if (more === undefined) {
      strikes += 1;
      begun.resolve();
      await told.promise;
    }
    return parts.store.change(tenant, more);
  };
  const store = new Proxy(parts.store, {
    get(own, name) {
      if (name === "change") return change;
      const value: unknown = Reflect.get(own, name);
      return typeof value === "function" ? (value.bind(own) as unknown) : value;
    },
  });
  const slow = { ...parts, store };
  const work = await openWork(slow, { tenantId, syncId: started.value.syncId });
  await work?.move("begin", { phase: "export" });
  // It takes its time: lists and trail are told before its end.
  await begun.promise;
  const shown = () => parts.store.shown(tenantId, tenantId);
  await vi.waitUntil(async () => (await shown()).get(tenantId)?.status === "inProgress");
  const ending = work?.keep({}).then(() => work.finish("finish", { outcome: "succeeded" }));
  told.resolve();
  await ending;
  const { value } = await parts.store.tenant(tenantId, 0);
  expect(value).toMatchObject({ status: "idle", last: started.value.syncId });
  expect(value.active).toBeUndefined();
  expect(strikes, "the beginning and the end, each once").toBe(2);
});
