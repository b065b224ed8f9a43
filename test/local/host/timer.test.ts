/** Timer functions in a running host: their times, their status in storage, and which of two hosts fires. */
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

async function keepStatus(hostId: string, status: object): Promise<void> {
  // The container may not be there before the first host of this run.
  await BlobServiceClient.fromConnectionString(storageConnectionString())
    .getContainerClient("azure-webjobs-hosts")
    .createIfNotExists();
  const text = JSON.stringify(status);
  await statusBlob(hostId).upload(text, text.length);
}

const keptStatus = async (hostId: string): Promise<Record<string, string>> =>
  JSON.parse((await statusBlob(hostId).downloadToBuffer()).toString()) as Record<string, string>;

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
  const stored = {
    Last: "2026-01-01T00:00:00+00:00",
    Next: "2026-01-01T01:00:00+00:00",
    LastUpdated: "2026-01-01T00:00:01+00:00",
  };
  const env = { AzureFunctionsWebHost__hostid: hostId, Schedule: "0 0 * * * *" };
  await keepStatus(hostId, stored);
  {
    await using app = await hostApp("plain", { env });
    const [first] = await ticks(app, 1);
    expect(first?.["timer"]).toMatchObject({
      isPastDue: true,
      scheduleStatus: { last: stored.Last, next: stored.Next },
    });
  }
  const { Last = "" } = await keptStatus(hostId);
  expect(Date.now() - Date.parse(Last)).toBeLessThan(60_000);
  await using again = await hostApp("plain", { env: { ...env, RUN_ON_STARTUP: "true" } });
  const [only] = await ticks(again, 1);
  expect(only?.["timer"]).toMatchObject({ isPastDue: false });
});

test.concurrent("a timer that never ran and missed its first occurrence runs once, past due", async () => {
  const hostId = unique("first");
  const never = "0001-01-01T00:00:00+00:00";
  await keepStatus(hostId, {
    Last: never,
    Next: "2026-01-01T01:00:00+00:00",
    LastUpdated: "2026-01-01T00:00:01+00:00",
  });
  const env = { AzureFunctionsWebHost__hostid: hostId, Schedule: "0 0 * * * *" };
  await using app = await hostApp("plain", { env });
  const [first] = await ticks(app, 1);
  expect(first?.["timer"]).toMatchObject({ isPastDue: true, scheduleStatus: { last: never } });
});

test.concurrent("a timer of seconds that pauses longer than a minute has a status, and can be late", async () => {
  const hostId = unique("seconds");
  await keepStatus(hostId, {
    Last: "2026-01-01T00:00:00+00:00",
    Next: "2026-01-01T00:00:10+00:00",
    LastUpdated: "2026-01-01T00:00:00+00:00",
  });
  const env = { AzureFunctionsWebHost__hostid: hostId, Schedule: "*/10 0 0 1 1 *" };
  await using app = await hostApp("plain", { env });
  const [first] = await ticks(app, 1);
  expect(first?.["timer"]).toMatchObject({
    isPastDue: true,
    scheduleStatus: { next: "2026-01-01T00:00:10+00:00" },
  });
});

test.concurrent.each([
  ["WEBSITE_TIME_ZONE", { WEBSITE_TIME_ZONE: "Asia/Kolkata", TZ: "UTC" }, "+05:30"],
  ["TZ", { TZ: "Asia/Kathmandu" }, "+05:45"],
  ["neither", { TZ: "" }, "+00:00"],
])("a schedule goes by the clock of %s", async (_, zone, offset) => {
  const hostId = unique("zone");
  const env = { AzureFunctionsWebHost__hostid: hostId, Schedule: "0 30 9 1 1 *", ...zone };
  await using app = await hostApp("plain", { env });
  expect(app.host.functions).not.toEqual([]);
  await vi.waitFor(async () => {
    expect((await keptStatus(hostId))["Next"]).toMatch(/^\d{4}-01-01T09:30:00/);
  }, within);
  expect((await keptStatus(hostId))["Next"]).toContain(offset);
});

test("a time zone that nobody knows is refused by name", async () => {
  const env = { WEBSITE_TIME_ZONE: "W. Europe Standard Time" };
  await expect(hostApp("plain", { env })).rejects.toThrow("W. Europe Standard Time");
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
