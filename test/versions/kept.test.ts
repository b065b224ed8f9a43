/**
 * Rows and messages that a version before has kept (`record.ts` has recorded them), read and gone on with by today's code: an upgrade finds
 * them so. Who changes a form of a row or a message and sees this fail has to read the old form too.
 */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { restore } from "../../backup/restore.ts";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { tenantId } from "../functions/support/examples.ts";
import { type RunningApp, startApp } from "../functions/support/running-app.ts";
import { type Answers, walk } from "./walk.ts";

const kept = join(import.meta.dirname, "kept");
const textOf = (name: string): string => readFileSync(join(kept, name), "utf8");
const { found, answers } = JSON.parse(textOf("answers.json")) as {
  found: Record<string, string>;
  answers: Answers;
};
const messages = textOf("messages.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { queue: string; message: string });
/** A small tenant's export is over before its message would be, and a sign-in takes a person. */
const unrecorded: readonly string[] = [queueNames.syncExport, queueNames.syncSignIn];

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

test("every answer about what was kept is there as it was", async () => {
  const now = await walk(app, new Map(Object.entries(found)), (id) => id in answers);
  expect(now).toEqual(answers);
  expect(failed()).toEqual([]);
}, 60_000);

test("every message of then is taken: none is set aside, none fails", async () => {
  const queues = new Set(messages.map(({ queue }) => queue));
  const missing = Object.values(queueNames).filter((name) => !queues.has(name));
  expect(missing.toSorted()).toEqual([...unrecorded].toSorted());
  for (const { queue, message } of messages)
    await app.putMessage(queue, Buffer.from(message).toString("base64"));
  await sleep(3_000);
  expect(failed()).toEqual([]);
  const { body } = await app.call("GET", "/api/v1/dead-letters");
  expect(body).toMatchObject({ value: [] });
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
