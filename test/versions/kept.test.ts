/**
 * Rows and messages that a version before has kept (`record.ts` has recorded them), read and gone on with by today's code: an upgrade finds
 * them so. Who changes a form of a row or a message and sees this fail has to read the old form too. With `MUSTER_TEST_KEPT` it reads another
 * folder: `back.test.ts` runs this file of the last release over what today's code writes.
 */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { restore } from "../../backup/restore.ts";
import { operations } from "../../functions/functions.ts";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { queueNames, tableNames } from "../../shared/storage/names.ts";
import { tenantId } from "../functions/support/examples.ts";
import { type RunningApp, startApp } from "../functions/support/running-app.ts";
import { type Answers, walk } from "./walk.ts";

const kept = process.env["MUSTER_TEST_KEPT"] ?? join(import.meta.dirname, "kept");
const textOf = (name: string): string => readFileSync(join(kept, name), "utf8");
const { found, answers } = JSON.parse(textOf("answers.json")) as {
  found: Record<string, string>;
  answers: Answers;
};
const messages = textOf("messages.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { queue: string; message: string });
/** What this version has: one that came later has more, and one before it less. */
const queues: readonly string[] = Object.values(queueNames);
const ours = new Set(operations.map(({ name }) => name));
const shared = Object.fromEntries(Object.entries(answers).filter(([id]) => ours.has(id)));

const home = mkdtempSync(join(tmpdir(), "muster-kept-"));
let azurite: Azurite;
let app: RunningApp;

beforeAll(async () => {
  azurite = await startAzurite({});
  const value = azurite.connectionString;
  const wishes = { folder: join(kept, "rows"), nothingSince: true };
  await restore({ kind: "connectionString", value }, wishes, () => undefined);
  // Out of the repository it can be read by everybody, which the app refuses.
  const keys = join(home, "keys.json");
  copyFileSync(join(kept, "keys.json"), keys);
  chmodSync(keys, 0o600);
  app = await startApp({
    AzureWebJobsStorage: value,
    MUSTER_KEY_FILE: keys,
    MUSTER_CONFIRM_AFTER_SECONDS: "1",
    MUSTER_OVERDUE_SECONDS: "1",
  });
  await app.makeFleet(tenantId, 20);
}, 60_000);
afterAll(async () => {
  await app.stop();
  await azurite.stop();
  rmSync(home, { recursive: true, force: true });
});

const failed = (): string[] =>
  app.logged().filter((line) => /"event":"(request\.fail|message\.)|Exception|Error:/.test(line));

const isEmpty = (table: string): boolean => textOf(`rows/${table}.jsonl`) === "";
const setAside = async (): Promise<unknown[]> =>
  ((await app.call("GET", "/api/v1/dead-letters")).body as { value: unknown[] }).value;

test("something is kept in every table", () => {
  expect(Object.values(tableNames).filter(isEmpty)).toEqual([]);
});

test("every answer about what was kept is there as it was", async () => {
  const now = await walk(app, new Map(Object.entries(found)), (id) => id in answers);
  expect(now).toEqual(shared);
  expect(failed()).toEqual([]);
}, 60_000);

test("every message of then is taken: none is set aside, none fails", async () => {
  const of = messages.filter(({ queue }) => queues.includes(queue));
  expect([...new Set(of.map(({ queue }) => queue))].toSorted()).toEqual(queues.toSorted());
  const before = await setAside();
  expect(before).not.toEqual([]);
  for (const { queue, message } of of)
    await app.putMessage(queue, Buffer.from(message).toString("base64"));
  await sleep(3_000);
  expect(failed()).toEqual([]);
  expect(await setAside()).toEqual(before);
}, 30_000);

test("work that was under way comes to its end", async () => {
  const path = `/api/v1/tenants/${tenantId}/notifications/${found["notificationId"]}`;
  let counts = { waiting: 1, sent: 0, total: 0, notSupported: 0 };
  for (let tries = 0; tries < 20 && counts.waiting + counts.sent > 0; tries += 1) {
    await app.runTimer("fanout-sweep");
    await sleep(500);
    counts = ((await app.call("GET", path)).body as { counts: typeof counts }).counts;
  }
  // The few that are offline are waited for until its time is over.
  expect(counts.waiting).toBe(0);
  expect(counts.total).toBeGreaterThan(counts.notSupported + counts.sent);
  expect(failed()).toEqual([]);
}, 30_000);
