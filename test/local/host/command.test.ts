/** The host as a process: its start, its signals, its exit codes, and what a killed one leaves. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { appDir, readNotes, sendMessages, settingsOf, unique } from "./hosted-app.ts";

const command = fileURLToPath(new URL("../../../local/host/main.ts", import.meta.url));
const lifetime = ["appStart", "work", "worked", "appTerminate"];
const within = { timeout: 8_000, interval: 25 };

let folder: string;
let settings: Record<string, string>;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "command-"));
  settings = settingsOf(folder, unique("test"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

function run(app: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [command, appDir(app), "--port", "0"], {
    env: { ...process.env, ...settings, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that a signal to the group does not reach the tests.
    detached: process.platform !== "win32",
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }) as const);
  return { child, exited, output: () => output };
}

const ready = (host: { output: () => string }) =>
  vi.waitFor(() => expect(host.output()).toContain("listening at http://127.0.0.1:"), within);

test("a told end lets what runs finish, runs the app's end hooks, and is 0", async () => {
  const host = run("plain");
  await ready(host);
  await sendMessages(settings["Queue"] ?? "", [{ ms: 700 }]);
  const notes = () => readNotes(settings["NOTES"] ?? "");
  await vi.waitFor(async () => expect(await notes()).toHaveLength(2), within);
  host.child.kill("SIGTERM");
  expect(await host.exited).toEqual({ code: 0, signal: null });
  expect((await notes()).map(({ kind }) => kind)).toEqual(lifetime);
});

describe.skipIf(process.platform === "win32")("as a terminal sends it", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s to every process of the group lets what runs finish, and is 0",
    async (signal) => {
      const host = run("plain");
      await ready(host);
      await sendMessages(settings["Queue"] ?? "", [{ ms: 700 }]);
      const notes = () => readNotes(settings["NOTES"] ?? "");
      await vi.waitFor(async () => expect(await notes()).toHaveLength(2), within);
      process.kill(-(host.child.pid ?? 0), signal);
      expect(await host.exited).toEqual({ code: 0, signal: null });
      expect((await notes()).map(({ kind }) => kind)).toEqual(lifetime);
    },
  );
});

test("it prints what it loaded", async () => {
  const host = run("plain");
  await ready(host);
  expect(host.output()).toContain("echo: GET,POST,PUT echo/{id:int?}");
  expect(host.output()).toContain(`work: queue ${settings["Queue"]}`);
  expect(host.output()).toContain("tick: timer 0 0 0 1 1 *");
});

test("an app that cannot be hosted is named and ends it with 1", async () => {
  const host = run("broken", { BREAK: "everything" });
  expect(await host.exited).toEqual({ code: 1, signal: null });
  expect(host.output()).toContain("adminRoute");
});

test("a killed host takes its worker with it, and its timers go on in the next at once", async () => {
  settings["Schedule"] = "* * * * * *";
  const first = run("plain");
  await ready(first);
  const url = /listening at (\S+)/.exec(first.output())?.[1] ?? "";
  const worker = Number(await (await fetch(`${url}/api/pid`)).text());
  const ticks = async () => (await readNotes(settings["NOTES"] ?? "", "tick")).length;
  await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(0), within);
  // Something that would keep the worker alive by itself.
  await sendMessages(settings["Queue"] ?? "", [{ ms: 60_000 }]);
  await vi.waitFor(async () => {
    expect(await readNotes(settings["NOTES"] ?? "", "work")).toHaveLength(1);
  }, within);
  first.child.kill("SIGKILL");
  await first.exited;
  await vi.waitFor(() => expect(() => process.kill(worker, 0)).toThrow("ESRCH"), within);
  const second = run("plain");
  await ready(second);
  const before = await ticks();
  const started = Date.now();
  await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(before), within);
  expect(Date.now() - started).toBeLessThan(4_000);
});
