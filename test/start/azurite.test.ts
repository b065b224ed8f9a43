import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TableClient } from "@azure/data-tables";
import { afterEach, expect, test } from "vitest";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { keepRunning } from "../../local/start/keep-running.ts";
import { storageConnectionString } from "../support/azurite.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-azurite-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const table = (connectionString: string, name: string): TableClient =>
  TableClient.fromConnectionString(connectionString, name, { allowInsecureConnection: true });

test("the shared Azurite answers", async () => {
  const client = table(storageConnectionString(), "SharedAnswers");
  await client.createTable();
  await client.createEntity({ partitionKey: "p", rowKey: "r", word: "kept" });
  expect(await client.getEntity("p", "r")).toMatchObject({ word: "kept" });
});

test("what was stored is there after a stop and a start on other ports", async () => {
  const first = await startAzurite({ folder });
  const before = table(first.connectionString, "Survives");
  await before.createTable();
  await before.createEntity({ partitionKey: "p", rowKey: "r", word: "kept" });
  await first.stop();
  const second = await startAzurite({ folder });
  expect(second.ports).not.toEqual(first.ports);
  expect(await table(second.connectionString, "Survives").getEntity("p", "r")).toMatchObject({
    word: "kept",
  });
  await second.stop();
});

test.skipIf(process.platform === "win32")(
  "its data is for its owner only, also in a folder that was open before",
  async () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    const azurite = await startAzurite({ folder });
    await table(azurite.connectionString, "Private").createTable();
    await azurite.stop();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(names.filter((name) => statSync(join(folder, name)).mode & 0o077)).toEqual([]);
    expect(names.length).toBeGreaterThan(1);
  },
);

test("a folder in use is waited for, so that two never write the same files", async () => {
  const first = await startAzurite({ folder });
  const begun = startAzurite({ folder });
  const early = await Promise.race([begun.then(() => "started"), sleep(1_500, "waiting")]);
  expect(early).toBe("waiting");
  await first.stop();
  await (await begun).stop();
});

test("a taken port is an error that names it", async () => {
  const first = await startAzurite({});
  await expect(startAzurite({ ports: first.ports })).rejects.toThrow(/EADDRINUSE|in use/);
  await first.stop();
});

const fail = (cause: Error): never => expect.unreachable(cause.message);

test("killed, it is back at the same address", async () => {
  const starts: number[] = [];
  const { first, stop } = await keepRunning<Azurite>(async (previous) => {
    const started = await startAzurite({ folder, ...(previous ? { ports: previous.ports } : {}) });
    starts.push(started.pid);
    return started;
  }, fail);
  const client = table(first.connectionString, "ComesBack");
  await client.createTable();
  process.kill(first.pid, "SIGKILL");
  // It comes back at once, and starts as fast as the machine lets it: a busy one takes some seconds.
  await expect.poll(() => starts.length, { timeout: 15_000 }).toBe(2);
  await client.createTable();
  await stop();
});
