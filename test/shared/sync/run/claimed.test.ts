/** A type that is through while the sync that waits for it is still claimed: over Azurite and the sandbox. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { queueNames } from "../../../../shared/storage/names.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

it("the sync goes on at once, and not when its claim would have ended", async () => {
  const tenantId = await rig.tenant();
  const { parts } = rig;
  const { passMs, claimMs, clock, queues } = parts;
  const send = queues.send.bind(queues);
  // Nothing is read in the first pass; each type is read before it goes on from the message that it has sent.
  Object.assign(parts, { passMs: 0 });
  Object.assign(queues, {
    send: async (...asked: Parameters<typeof send>) => {
      const receipt = await send(...asked);
      if (asked[0] !== queueNames.syncExport) return receipt;
      Object.assign(queues, { send });
      // The type's message, and the one by which it lets its sync go on.
      for (const _ of ["read", "go on"]) {
        const message = await rig.queues.take();
        if (message !== undefined) await rig.handle(message);
      }
      return receipt;
    },
  });
  const before = clock.now();
  const sync = await rig.sync(tenantId, { types: ["assignmentFilter"] });
  Object.assign(parts, { passMs });
  expect(sync).toMatchObject({ outcome: "succeeded" });
  expect(clock.now() - before).toBeLessThan(claimMs / 2);
});
