import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type HostedApp, hostApp, sendMessages } from "./hosted-app.ts";

const within = { timeout: 8_000, interval: 25 };

const admin = (app: HostedApp, method: string, path: string, body?: unknown) =>
  app.fetch(`/admin/${path}`, {
    method,
    headers: { "x-functions-key": app.host.keys.masterKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

test.concurrent("functions run by hand, for the master key only", async () => {
  await using app = await hostApp("plain");
  const input = { input: '{"byHand":true}' };
  expect((await app.fetch("/admin/functions/work", { method: "POST" })).status).toBe(401);
  expect((await admin(app, "POST", "functions/work", input)).status).toBe(202);
  expect((await admin(app, "POST", "functions/TICK", {})).status).toBe(202);
  expect((await admin(app, "POST", "functions/echo", {})).status).toBe(400);
  expect((await admin(app, "POST", "functions/nobody", {})).status).toBe(404);
  await vi.waitFor(async () => {
    expect(await app.notes("worked")).toMatchObject([{ message: { byHand: true } }]);
    expect(await app.notes("tick")).toHaveLength(1);
  }, within);
});

test.concurrent("a timer run by hand is given the status that is kept of it", async () => {
  await using app = await hostApp("plain");
  const timer = await vi.waitFor(async () => {
    await admin(app, "POST", "functions/tick", {});
    const last = (await app.notes("tick")).at(-1)?.["timer"] as { scheduleStatus: unknown };
    expect(last.scheduleStatus).not.toBeNull();
    return last;
  }, within);
  expect(timer).toMatchObject({
    isPastDue: false,
    scheduleStatus: {
      last: "0001-01-01T00:00:00+00:00",
      next: expect.stringMatching(/^\d{4}-01-01T00:00:00\+00:00$/),
    },
  });
});

test.concurrent("the host tells that it lives to everybody, and its state to the master key", async () => {
  await using app = await hostApp("plain");
  expect((await app.fetch("/admin/host/ping")).status).toBe(200);
  expect((await app.fetch("/admin/host/status")).status).toBe(401);
  const status = await (await admin(app, "GET", "host/status")).json();
  expect(status).toMatchObject({ state: "Running", version: expect.stringMatching(/^4\./) });
});

test.concurrent("a drained host finishes what runs, takes nothing more, and can be resumed", async () => {
  await using app = await hostApp("plain");
  // Long enough for two requests on a machine that has much else to do.
  await sendMessages(app.queue, [{ ms: 3000 }]);
  await vi.waitFor(async () => expect(await app.notes("work")).toHaveLength(1), within);
  expect((await admin(app, "POST", "host/drain")).status).toBe(202);
  const state = async () => (await admin(app, "GET", "host/drain/status")).json();
  expect(await state()).toMatchObject({ state: "InProgress", outstandingInvocations: 1 });
  await sendMessages(app.queue, [{ later: true }]);
  await vi.waitFor(async () => expect(await state()).toMatchObject({ state: "Completed" }), within);
  expect(await app.notes("worked")).toHaveLength(1);
  expect((await app.fetch("/api/empty")).status).toBe(204);
  expect((await admin(app, "POST", "host/resume")).status).toBe(200);
  await vi.waitFor(async () => expect(await app.notes("worked")).toHaveLength(2), within);
});

test.concurrent("keys are kept in a file of this user only, and outlive the host", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  const keysFile = join(folder, "keys.json");
  const masterKeys: string[] = [];
  for (const _ of [1, 2]) {
    await using app = await hostApp("plain", { keysFile });
    masterKeys.push(app.host.keys.masterKey);
  }
  expect(masterKeys[0]).toBe(masterKeys[1]);
  expect((await stat(keysFile)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(keysFile, "utf8"))).toMatchObject({ masterKey: masterKeys[0] });
  await rm(folder, { recursive: true });
});
