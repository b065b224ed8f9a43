/** Types that are read by messages of their own, beside the sync that waits for them: over Azurite and the sandbox. */
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

it("what is read of a type in slices is kept in between without its secrets", async () => {
  const tenantId = await rig.tenant();
  const { parts } = rig;
  const { graph, blobs } = parts;
  const payload = Buffer.from("<keyMaterial>hunter2</keyMaterial>").toString("base64");
  await rig.byHand("POST", tenantId, "deviceConfiguration", {
    "@odata.type": "#microsoft.graph.windows81WifiImportConfiguration",
    displayName: "Wi-Fi",
    payload,
  });
  const kept: string[] = [];
  Object.assign(parts, {
    // Graph takes longer than a pass has.
    graph: {
      readTogether: graph.readTogether.bind(graph),
      query: graph.query.bind(graph),
      once: graph.once.bind(graph),
      read: async (...asked: Parameters<typeof graph.read>) => {
        const answer = await graph.read(...asked);
        rig.pass(parts.passMs);
        return answer;
      },
    },
    blobs: {
      get: blobs.get.bind(blobs),
      remove: blobs.remove.bind(blobs),
      put: (path: string, content: string) => {
        kept.push(content);
        return blobs.put(path, content);
      },
    },
  });
  const sync = await rig.sync(tenantId, { types: ["deviceConfiguration"] });
  Object.assign(parts, { graph, blobs });
  expect(sync).toMatchObject({ outcome: "succeeded" });
  expect(kept.join()).toContain("Wi-Fi");
  expect(kept.join()).not.toContain(payload);
});
