/** A restore that is killed in the middle: what it leaves does nothing and is refused, and in an empty account it is begun again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rowsOf } from "../../backup/kept.ts";
import { restore } from "../../backup/restore.ts";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { systemClock } from "../../shared/kernel/clock.ts";
import { tableNames } from "../../shared/storage/names.ts";
import { openStorage } from "../../shared/storage/storage.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "test/versions/kept/rows");
let accounts: Azurite[] = [];
beforeAll(async () => {
  accounts = await Promise.all([startAzurite({}), startAzurite({})]);
});
afterAll(() => Promise.all(accounts.map((azurite) => azurite.stop())));

const placeOf = (azurite: Azurite | undefined) =>
  ({ kind: "connectionString", value: azurite?.connectionString ?? "" }) as const;
const again = (azurite: Azurite | undefined) =>
  restore(placeOf(azurite), { folder, nothingSince: false }, () => undefined);

test("half of it is refused, and moves nothing; an empty account gets all of it", async () => {
  const [half, empty] = accounts;
  const { tables } = await openStorage(placeOf(half), systemClock);
  const countOf = async (table: Parameters<typeof rowsOf>[1]) =>
    (await Array.fromAsync(rowsOf(tables, table))).length;
  const env = { ...process.env, AzureWebJobsStorage: placeOf(half).value };
  const args = [join(root, "backup/main.ts"), "restore", "--from", folder];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "exit");
  let said = "";
  child.stdout.on("data", (words: Buffer) => (said += String(words)));
  // Some tables are written by then, and others not.
  while (child.exitCode === null && (await countOf(tableNames.jobs)) === 0) await sleep(1);
  child.kill("SIGKILL");
  expect(await exit).toEqual([null, "SIGKILL"]);
  expect(said).toBe("");
  expect(await countOf(tableNames.audit)).toBe(0);
  expect([await countOf(tableNames.openWork), await countOf(tableNames.dueTasks)]).toEqual([0, 0]);

  await expect(again(half)).rejects.toThrow(/not empty/);
  const { manifest, mended } = await again(empty);
  expect(manifest.parts["Jobs"]?.lines).toBeGreaterThan(0);
  expect(mended).toBeDefined();
}, 60_000);
