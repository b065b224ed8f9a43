/** A backup that is taken while work is in flight, and what becomes of it in an empty account: outcomes are true, nothing is done twice. */
import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Manifest } from "../../backup/folder.ts";
import { lineOfRow, rowsOf } from "../../backup/kept.ts";
import { restore } from "../../backup/restore.ts";
import { save } from "../../backup/save.ts";
import { functions } from "../../functions/functions.ts";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import type { Caller } from "../../shared/access/sign-in/caller.ts";
import { systemClock } from "../../shared/kernel/clock.ts";
import { newestFirstId } from "../../shared/kernel/values.ts";
import type { Task } from "../../shared/schedules/state/task.ts";
import { TaskStore } from "../../shared/schedules/state/task-store.ts";
import { tableNames } from "../../shared/storage/names.ts";
import { keyFileWrapper, sealer } from "../../shared/storage/sealing.ts";
import { furnish } from "../shared/tenants/furnished-tenant.ts";
import { type NotifyRig, startNotifyRig } from "../support/notify-rig.ts";
import { passTime } from "../support/passing-time.ts";

const devices = 1_300;
/** Windows devices that Intune manages: each takes both actions. */
const fleet = { mix: { windows: 1, intuneOnly: 1 }, devices };

const program = fileURLToPath(new URL("../../backup/main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "muster-backup-"));
let saved = 0;
const newPlace = (): string => join(folder, `${(saved += 1)}`);

let one: Azurite;
let before: NotifyRig;
const accounts: Azurite[] = [];
const placeOf = ({ connectionString: value }: Azurite) =>
  ({ kind: "connectionString", value }) as const;
const silent = (): void => undefined;

beforeAll(async () => {
  one = await startAzurite({});
  accounts.push(one);
  before = await startNotifyRig(systemClock, undefined, () => ({ storage: placeOf(one) }));
});
beforeEach(() => before.faults.reset());
afterAll(async () => {
  await before.stop();
  await Promise.all(accounts.map((azurite) => azurite.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** Restores into an account of its own, and starts the app on it: its messages are lost. */
async function startRestored(place: string, nothingSince: boolean) {
  const two = await startAzurite({});
  accounts.push(two);
  const { mended } = await restore(placeOf(two), { folder: place, nothingSince }, silent);
  before.queues.lose();
  const after = await startNotifyRig(systemClock, before, () => ({ storage: placeOf(two) }));
  return { after, mended };
}

/** What the sweepers' timers and the messages that they send come to, in as much time as that takes. */
async function settle(rig: NotifyRig): Promise<void> {
  const sweepers = functions.flatMap((each) => (each.kind === "timer" ? [each] : []));
  const tools = { services: rig.services, log: silent };
  for (let rounds = 0; rounds < 6; rounds += 1) {
    for (const { name, handle } of sweepers)
      if (name.includes("sweep") || name === "sync-timer") await handle(tools);
    await rig.drain();
    passTime(rig.services.engine.times.overdueMs + 100);
  }
}

/** Calls that carry actions to devices: a hundred each, eight to a message. */
const sends = (): number => before.faults.calls().filter((call) => call === "graph.POST").length;

/** Drains until so many more calls have gone, and then the worker dies in the middle of what comes next. */
async function drainAndDie(rig: NotifyRig, calls: number): Promise<void> {
  rig.faults.reset();
  await rig.drain(() => sends() >= calls);
  rig.faults.arm({ atCall: "graph.POST", when: "after" });
  await rig.drain(() => rig.faults.calls().includes("graph.POST"));
}

/** A task that runs once. */
const taskAt = (tenantId: string, at: number): Task => ({
  v: 1,
  taskId: newestFirstId(at),
  tenantId,
  displayName: "Once",
  kind: "notification",
  what: {},
  whole: true,
  schedule: { kind: "at", at },
  startLateUpToMs: 3_600_000,
  overlap: "forbid",
  windows: [],
  longestRunMs: 0,
  cutoffMs: 0,
  enabled: true,
  isPublic: false,
  owner: {} as Caller,
  createdBy: { kind: "user", homeTenantId: tenantId, id: "ada" },
  createdAt: 0,
  updatedAt: 0,
  next: { occurrence: { at, name: "once", moved: false }, dueAt: at },
});

/** All rows of an account, but the audit trail's: a restore compares those, and then adds that it was. */
async function rowsIn({ services }: NotifyRig): Promise<string[]> {
  const lines: string[] = [];
  for (const table of Object.values(tableNames).filter((name) => name !== tableNames.audit))
    for await (const row of rowsOf(services.storage.tables, table))
      lines.push(`${table} ${lineOfRow(row)}`);
  return lines;
}

/** What a notification came to, beside what the far side was truly asked for. */
async function endOf(rig: NotifyRig, tenantId: string, notificationId: string, graph: string) {
  const { state, counts } = await rig.view(tenantId, notificationId);
  const path = `/ledger/summary?tenantId=${tenantId}&action=${graph}`;
  const { body } = await rig.sandbox.control<{ total: number; doubled: number }>("GET", path);
  const { waiting, sent, done, unknown, failed } = counts;
  const others = { open: waiting + sent, failed };
  return { state, done, unknown, ...others, effects: body.total, doubled: body.doubled };
}

test("what was under way is looked up before it is asked for: nothing is lost, nothing is done twice", async () => {
  const tenantId = await before.tenant(fleet);
  const scan = await before.send(tenantId, { action: "endpointProtectionQuickScan" });
  const restart = await before.send(tenantId);
  await drainAndDie(before, 1);
  // Not planned yet when it is saved: nobody can tell which devices it reached afterwards.
  const unplanned = await before.send(tenantId, { action: "endpointProtectionFullScan" });
  const place = newPlace();
  before.faults.reset();
  await Promise.all([save(placeOf(one), place, "test", silent), before.drain(() => sends() >= 1)]);
  // What came between the backup and the loss: restarts, and the death of a worker over others.
  await drainAndDie(before, 0);
  const { after, mended } = await startRestored(place, false);
  expect(mended).toMatchObject({ cutShort: 1 });

  await settle(after);
  // Harmless twice: done everywhere. Of restarts what left a trace, and of the rest nobody knows.
  const scanned = await endOf(after, tenantId, scan, "quickScan");
  const all = { done: devices, unknown: 0, effects: devices };
  expect(scanned).toEqual({ state: "completed", ...all, open: 0, failed: 0, doubled: 0 });
  const restarted = await endOf(after, tenantId, restart, "rebootNow");
  const { effects } = restarted;
  expect(effects).toBeGreaterThan(0);
  expect(effects).toBeLessThan(devices);
  const some = { done: effects, unknown: devices - effects, effects };
  expect(restarted).toEqual({
    state: "partlyCompleted",
    ...some,
    open: 0,
    failed: 0,
    doubled: 0,
  });
  const cut = await after.view(tenantId, unplanned);
  expect(cut).toMatchObject({ state: "failed", failure: { code: "planning-failed" } });
}, 60_000);

test("where nobody worked on after the backup, everything goes on to its end", async () => {
  const tenantId = await before.tenant({ ...fleet, devices: 300 });
  const restart = await before.send(tenantId);
  await drainAndDie(before, 0);
  const unplanned = await before.send(tenantId, { action: "endpointProtectionFullScan" });
  const store = new TaskStore(before.services.storage.tables);
  const soon = taskAt(tenantId, Date.now() + 1000);
  await store.insert(soon);
  // As it is when the index was read before, and the task behind its move to the next time.
  await store.leave({ ...soon, dueAt: soon.next?.dueAt ?? 0 });
  const place = newPlace();
  await save(placeOf(one), place, "test", silent);
  await store.place([soon], soon.next?.dueAt ?? 0);
  passTime(5000);
  const { after } = await startRestored(place, true);
  const { tables } = after.services.storage;
  expect((await new TaskStore(tables).due(Date.now(), 10)).places).toMatchObject([
    { taskId: soon.taskId },
  ]);
  await settle(after);
  // Its worker died after the call: what it reached is seen there, and the others are asked now.
  const all = { done: 300, unknown: 0, open: 0, failed: 0, effects: 300, doubled: 0 };
  expect(await endOf(after, tenantId, restart, "rebootNow")).toEqual({
    state: "completed",
    ...all,
  });
  expect((await after.view(tenantId, unplanned)).state).toBe("completed");
  // The same backup, and somebody may have worked on: a time that has come since then was theirs.
  const { after: later, mended } = await startRestored(place, false);
  expect(mended.passedOver).toBe(1);
  const kept = await new TaskStore(later.services.storage.tables).get(tenantId, soon.taskId);
  expect(kept?.value.next).toBeUndefined();
}, 60_000);

test("every table comes back row by row, sealed as it was, and what is not whole or not empty is refused", async () => {
  await furnish(before);
  const { tables, blobs } = before.services.storage;
  const columns = { text: 'é\u2028 "x"', small: 7, large: 1.5e12, part: 0.25, yes: true };
  for (const table of Object.values(tableNames))
    await tables.insert(table, { partitionKey: "p'", rowKey: "r", ...columns });
  const { seal, open } = sealer(keyFileWrapper(join(folder, "keys.json")));
  await blobs.put("test/sealed", await seal("a secret", ["test"]));
  const place = newPlace();
  const environment = {
    PATH: process.env["PATH"] ?? "",
    AzureWebJobsStorage: one.connectionString,
  };
  const command = (...words: string[]) =>
    new Promise<{ code: number; said: string }>((resolve) => {
      const done = (error: unknown, said: string, complained: string) =>
        resolve({ code: error === null ? 0 : 1, said: said + complained });
      execFile(process.execPath, [program, ...words], { env: environment }, done);
    });
  expect(await command("save", "--to", place)).toMatchObject({ code: 0 });
  const { parts } = JSON.parse(readFileSync(join(place, "manifest.json"), "utf8")) as Manifest;
  const empty = Object.values(tableNames).filter((name) => parts[name]?.lines === 0);
  expect(empty).toEqual([]);
  const { after } = await startRestored(place, true);
  expect(await rowsIn(after)).toEqual(await rowsIn(before));
  const told = await after.services.access.audit.trail(
    "platform",
    { operation: "restore" },
    { top: 10, position: undefined },
  );
  expect(told).toMatchObject({ ok: true, value: { items: [{ actor: { id: "restore" } }] } });
  const back = (await after.services.storage.blobs.get("test/sealed"))?.toString() ?? "";
  expect(await open(back, ["test"])).toMatchObject({ kind: "opened" });
  expect(readFileSync(join(place, "blobs.jsonl"), "utf8")).not.toContain("a secret");

  expect(await command("restore", "--from", place)).toEqual({
    code: 1,
    said: expect.stringContaining("The account is not empty"),
  });
  appendFileSync(join(place, "Jobs.jsonl"), "[]\n");
  expect((await command("restore", "--from", place)).said).toContain("its digest differs");
  rmSync(join(place, "manifest.json"));
  expect((await command("restore", "--from", place)).said).toContain("no whole backup");
  expect((await command("save", "--to", place)).said).toContain("is not empty");
}, 60_000);
