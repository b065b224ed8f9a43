import { BlobServiceClient } from "@azure/storage-blob";
import { expect, test, vi } from "vitest";
import { storageConnectionString } from "../../support/azurite.ts";
import { type HostedApp, hostApp, type Note, unique } from "./hosted-app.ts";

const within = { timeout: 8_000, interval: 25 };

const ticks = (app: HostedApp, least: number): Promise<readonly Note[]> =>
  vi.waitFor(async () => {
    const notes = await app.notes("tick");
    expect(notes.length).toBeGreaterThanOrEqual(least);
    return notes;
  }, within);

const statusBlob = (hostId: string) =>
  BlobServiceClient.fromConnectionString(storageConnectionString())
    .getContainerClient("azure-webjobs-hosts")
    .getBlockBlobClient(`timers/${hostId}/Host.Functions.tick/status`);

test.concurrent("a timer of seconds fires on the second, without status", async () => {
  await using app = await hostApp("plain", { env: { Schedule: "* * * * * *" } });
  const [first] = await ticks(app, 2);
  expect(first).toEqual({
    kind: "tick",
    timer: { schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false },
    metadata: null,
  });
});

test.concurrent("a timer that missed its time runs once, past due, and keeps its status", async () => {
  const hostId = unique("late");
  await statusBlob(hostId)
    .upload(" ", 1)
    .catch(() => undefined);
  const stored = {
    Last: "2026-01-01T00:00:00+00:00",
    Next: "2026-01-01T01:00:00+00:00",
    LastUpdated: "2026-01-01T00:00:01+00:00",
  };
  const text = JSON.stringify(stored);
  const env = { AzureFunctionsWebHost__hostid: hostId, Schedule: "0 0 * * * *" };
  // The container may not be there before the first host of this run.
  await BlobServiceClient.fromConnectionString(storageConnectionString())
    .getContainerClient("azure-webjobs-hosts")
    .createIfNotExists();
  await statusBlob(hostId).upload(text, text.length);
  {
    await using app = await hostApp("plain", { env });
    const [first] = await ticks(app, 1);
    expect(first?.["timer"]).toMatchObject({
      isPastDue: true,
      scheduleStatus: {
        last: stored.Last.replace("+", ".000+"),
        next: stored.Next.replace("+", ".000+"),
      },
    });
  }
  const kept = JSON.parse(
    (await statusBlob(hostId).downloadToBuffer()).toString(),
  ) as typeof stored;
  expect(Date.now() - Date.parse(kept.Last)).toBeLessThan(60_000);
  await using again = await hostApp("plain", { env: { ...env, RUN_ON_STARTUP: "true" } });
  const [only] = await ticks(again, 1);
  expect(only?.["timer"]).toMatchObject({ isPastDue: false });
});

test.concurrent("of two hosts with one id only one fires, and the other follows when it stops", async () => {
  const env = { AzureFunctionsWebHost__hostid: unique("both"), Schedule: "* * * * * *" };
  const first = await hostApp("plain", { env });
  await ticks(first, 1);
  await using second = await hostApp("plain", { env });
  await ticks(first, 3);
  expect(await second.notes("tick")).toEqual([]);
  await first[Symbol.asyncDispose]();
  await ticks(second, 1);
});
