/** The due index: a hundred thousand tasks, of which fifty are due, cost the timer a few storage requests. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import { systemClock, toIso } from "../../../shared/kernel/clock.ts";
import { inChunks, inParallel } from "../../../shared/kernel/concurrency.ts";
import { type TaskParts, tellDue } from "../../../shared/schedules/run-tasks.ts";
import { TaskStore } from "../../../shared/schedules/state/task-store.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { openStorage, type Storage } from "../../../shared/storage/storage.ts";

const [all, dueNow] = [100_000, 50];
const minuteMs = 60_000;
const calls: string[] = [];

let azurite: Azurite;
let storage: Storage;
beforeAll(async () => {
  azurite = await startAzurite({});
  const value = azurite.connectionString;
  storage = await openStorage({ kind: "connectionString", value }, systemClock, (name, call) => {
    calls.push(name);
    return call();
  });
}, 60_000);
afterAll(() => azurite.stop());

const rowAt = (dueAt: number) => ({
  partitionKey: toIso(dueAt).slice(0, 16),
  rowKey: `${dueAt}|${randomUUID()}|${randomUUID()}`,
});

it("asks storage at most five times a minute, and finds exactly what is due", async () => {
  const now = Date.now();
  const later = Array.from({ length: all - dueNow }, (_, index) =>
    rowAt(now + (2 + Math.floor(index / 100)) * minuteMs),
  );
  const due = Array.from({ length: dueNow }, () => rowAt(now - 1000));
  const { tables, queues } = storage;
  await tables.put(tableNames.dueTasks, rowAt(now + minuteMs));
  const minutes = [...Map.groupBy([...due, ...later], (row) => row.partitionKey).values()];
  const chunks = minutes.flatMap((rows) => inChunks(rows, 100));
  await inParallel(chunks, 4, (rows) =>
    tables.transact(
      tableNames.dueTasks,
      rows.map((row) => ({ kind: "insert", row })),
    ),
  );
  await queues.send("tasks-due", { places: [] });
  calls.length = 0;
  const parts = { store: new TaskStore(tables), queues, clock: { now: () => now } };
  const told = await tellDue(parts as unknown as TaskParts, () => true);
  expect(told).toEqual({ due: dueNow, overdue: 0 });
  expect(calls.length, calls.join(", ")).toBeLessThanOrEqual(5);
}, 120_000);
