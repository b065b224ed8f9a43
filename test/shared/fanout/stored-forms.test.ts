/**
 * What jobs looked like in storage and in queues when their forms got versions. Later versions must still read these,
 * or bring along what changes them: so the examples stay as they are.
 */
import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { ItemStore, UnreadableRow } from "../../../shared/fanout/state/item-store.ts";
import {
  ChunkMessage,
  JobMessage,
  JobStore,
  ReadBackMessage,
} from "../../../shared/fanout/state/job.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { testStorage } from "../storage/open-storage.ts";

const jobId = "00000000000000000000ab";
const spec =
  '{"actionId":"restart","parameters":{},"target":{"kind":"devices","count":2},"allowApproximate":false,"directoryVersion":"r1","note":"tonight"}';
const rollout = '{"atOnce":5,"waves":[{"count":1,"soak":"PT1H","approval":true}]}';
const jobRow = {
  v: 1,
  state: "running",
  parts: 1,
  spec0: spec,
  rollout,
  requestedBy: '{"principal":{"kind":"user","homeTenantId":"h","id":"i"},"name":"Ana"}',
  expected: 2,
  createdAt: 1_700_000_000_000,
  expiresAt: 1_700_086_400_000,
};
const counted = { waiting: 1, sent: 0, done: 1, failed: 0, notSupported: 0 };
const ended = { offline: 0, expired: 0, cancelled: 0, unknown: 0 };
const itemRow = {
  v: 1,
  tenantId: "t",
  subject: "restart",
  ...counted,
  ...ended,
  live: 1,
  dueAt: 1_700_000_060_000,
  requeuedAt: 0,
  parts: 1,
  d0: '[["a1","PC-1","d",0,1700000001000,1],["a2","PC-2","w",0,1700000002000,2,1700000001000,1700000005000,0,"graph-busy","busy"]]',
};
const progress =
  '{"done":true,"outbox":[],"lastAt":1700000000000,"shiftMs":0,"cost":{"items":2,"requests":1,"reads":2,"chunkRequests":1,"chunkReads":2},"carried":0,"failed":0,"steps":1,"at":1700000000000,"released":{"to":"a1","count":1,"wave":0,"approved":0}}';

it("reads a job, its items and its progress as version 1 wrote them", async () => {
  const storage = await testStorage();
  const [tenantId, partition] = [randomUUID(), `${jobId}${randomUUID()}`];
  const { tables } = storage;
  const keys = { partitionKey: `${tenantId}|notification`, rowKey: jobId };
  await tables.put(tableNames.jobs, { ...keys, ...jobRow });
  const stored = await new JobStore(storage, notificationShape).get(tenantId, jobId);
  expect(stored?.job).toEqual({
    kind: "notification",
    tenantId,
    jobId,
    state: "running",
    expected: 2,
    createdAt: jobRow.createdAt,
    expiresAt: jobRow.expiresAt,
    rollout: JSON.parse(rollout),
    requestedBy: { principal: { kind: "user", homeTenantId: "h", id: "i" }, name: "Ana" },
    ...JSON.parse(spec),
  });
  const items = new ItemStore(tables);
  await tables.put(tableNames.items, { partitionKey: partition, rowKey: "row:a2", ...itemRow });
  await tables.put(tableNames.items, { partitionKey: partition, rowKey: "plan", v: 1, progress });
  const [row] = await items.range(partition, "", "~");
  expect(row).toMatchObject({ owner: { subject: "restart" }, dueAt: itemRow.dueAt });
  expect(row?.items).toEqual([
    { targetId: "a1", name: "PC-1", state: "done", route: 0, at: 1_700_000_001_000, attempts: 1 },
    {
      targetId: "a2",
      name: "PC-2",
      state: "waiting",
      route: 0,
      at: 1_700_000_002_000,
      attempts: 2,
      claimedAt: 1_700_000_001_000,
      notBefore: 1_700_000_005_000,
      code: "graph-busy",
      detail: "busy",
    },
  ]);
  expect((await items.plan(partition))?.progress).toEqual(JSON.parse(progress));
  expect(await items.counts(partition)).toMatchObject({ waiting: 1, done: 1 });
});

it("refuses progress that is not of its shape", async () => {
  const { tables } = await testStorage();
  const partition = randomUUID();
  const bent = JSON.stringify({ ...JSON.parse(progress), outbox: "none" });
  await tables.put(tableNames.items, {
    partitionKey: partition,
    rowKey: "plan",
    v: 1,
    progress: bent,
  });
  await expect(new ItemStore(tables).plan(partition)).rejects.toThrow("outbox");
});

it("refuses rows of a version that it does not know, by name", async () => {
  const storage = await testStorage();
  const [tenantId, partition] = [randomUUID(), randomUUID()];
  const { tables } = storage;
  const keys = { partitionKey: `${tenantId}|notification`, rowKey: jobId };
  await tables.put(tableNames.jobs, { ...keys, ...jobRow, v: 2 });
  await expect(new JobStore(storage, notificationShape).get(tenantId, jobId)).rejects.toThrow("v");
  const row = { partitionKey: partition, rowKey: "row:a2", ...itemRow, v: 2 };
  await tables.put(tableNames.items, row);
  const reading = new ItemStore(tables).range(partition, "", "~");
  await expect(reading).rejects.toThrow(UnreadableRow);
  await expect(reading).rejects.toThrow("version 2");
});

it("reads messages as version 1 sent them", () => {
  const ids = { kind: "notification", tenantId: "t", jobId };
  const chunk = { ...ids, from: "a1", to: "a2" };
  const reads = { reserved: 2, at: 5, shiftMs: 0 };
  const sent = { ...chunk, reserved: 3, shiftMs: 7, at: 9, reads, told: true };
  expect(JobMessage.parse(ids)).toEqual(ids);
  expect(ChunkMessage.parse(sent)).toEqual(sent);
  expect(ChunkMessage.parse(chunk)).toEqual({ ...chunk, reserved: 0, shiftMs: 0 });
  const back = { ...chunk, after: "a1", reads, round: 2 };
  expect(ReadBackMessage.parse(back)).toEqual(back);
  const sending = { reserved: 3, shiftMs: 7, at: 9, reads, told: true };
  expect(ReadBackMessage.parse({ ...back, sending })).toEqual({ ...back, sending });
  const reading = { at: 9, round: 2, after: "a1", reads };
  expect(ChunkMessage.parse({ ...sent, reading })).toEqual({ ...sent, reading });
});
