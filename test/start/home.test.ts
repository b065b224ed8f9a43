import { execFile } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort, isTaken, keptKey, lockHome } from "../../local/start/home-lock.ts";
import { readStartSettings, signInHint } from "../../local/start/settings.ts";

const keysModule = new URL("../../local/start/home-lock.ts", import.meta.url).href;
let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "muster-home-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("settings", () => {
  test("without any, it is port 7071 and .muster beside the sources", () => {
    expect(readStartSettings({}, "/srv/muster")).toEqual({
      port: 7071,
      home: "/srv/muster/.muster",
      sample: true,
    });
  });

  test("MUSTER_HOME may lie anywhere, and port 0 lets the machine choose", () => {
    expect(readStartSettings({ PORT: "0", MUSTER_HOME: "/data" }, "/srv")).toEqual({
      port: 0,
      home: "/data",
      sample: true,
    });
  });

  test.each(["", "http", "-1", "65536", "80.5", "0x50"])("'%s' is no port", (text) => {
    expect(() => readStartSettings({ PORT: text }, "/")).toThrow(`not "${text}"`);
  });
});

test("a sample is on, off, or a mistake", () => {
  const [unsaid, on, off] = [{}, { MUSTER_SAMPLE: "on" }, { MUSTER_SAMPLE: "off" }].map(
    (environment) => readStartSettings(environment, "/").sample,
  );
  expect([unsaid, on, off]).toEqual([true, true, false]);
  expect(() => readStartSettings({ MUSTER_SAMPLE: "no" }, "/")).toThrow('not "no"');
});

describe("the hint for signing in", () => {
  test("names the folder when it is not the usual one", () => {
    const usual = { port: 0, home: "/srv/muster/.muster", sample: true };
    expect(signInHint(usual, "/srv/muster")).toMatch(/: npm run muster -- sign-in$/);
    expect(signInHint({ ...usual, home: "/it's" }, "/srv/muster")).toContain(
      String.raw`: MUSTER_HOME='/it'\''s' npm run`,
    );
  });
});

describe("keys", () => {
  test("a key is made once and then kept", () => {
    const key = keptKey(home, "admin-token");
    expect(key).toMatch(/^[\w-]{43}$/);
    expect(keptKey(home, "admin-token")).toBe(key);
    expect(keptKey(home, "another")).not.toBe(key);
  });

  test("an empty key, as a killed process once left it, is made anew", () => {
    mkdirSync(join(home, "keys"));
    writeFileSync(join(home, "keys", "admin-token"), "");
    const key = keptKey(home, "admin-token");
    expect(key).toMatch(/^[\w-]{43}$/);
    expect(keptKey(home, "admin-token")).toBe(key);
  });

  test("processes that make it at the same time end up with one, and leave nothing else", async () => {
    const script = `
      const { keptKey } = await import(${JSON.stringify(keysModule)});
      console.log(keptKey(${JSON.stringify(home)}, "admin-token"));`;
    const options = ["--input-type=module", "-e", script];
    const run = promisify(execFile);
    const made = await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, options)));
    const keys = new Set(made.map(({ stdout }) => stdout.trim()));
    expect([...keys]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
    expect(readdirSync(join(home, "keys"))).toEqual(["admin-token"]);
  });

  test.skipIf(process.platform === "win32")("only its owner can read it", () => {
    keptKey(home, "admin-token");
    expect(statSync(join(home, "keys", "admin-token")).mode & 0o777).toBe(0o600);
  });
});

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe.skipIf(process.platform === "win32")("the lock of a home keeps others out", () => {
  test("of a home that everybody could read before", async () => {
    chmodSync(home, 0o755);
    const unlock = await lockHome(home);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(statSync(join(home, "instance.lock")).mode & 0o777).toBe(0o600);
    unlock();
  });

  test("of everything in it that was open before, but follows no link", async () => {
    const outside = mkdtempSync(join(tmpdir(), "muster-outside-"));
    mkdirSync(join(home, "azurite", "blobs"), { recursive: true });
    mkdirSync(join(home, "logs"));
    const files = ["logs/azurite.log", "azurite/tables.json", "azurite/blobs/extent", "ready.json"];
    const places = [outside, ...files.map((file) => join(home, file, "..")), join(home, "logs")];
    for (const file of [...files.map((each) => join(home, each)), join(outside, "theirs")]) {
      writeFileSync(file, "");
      chmodSync(file, 0o644);
    }
    for (const place of places) chmodSync(place, 0o755);
    symlinkSync(outside, join(home, "azurite", "elsewhere"));
    symlinkSync(join(outside, "theirs"), join(home, "theirs"));
    const unlock = await lockHome(home);
    expect(files.map((file) => modeOf(join(home, file)))).toEqual(files.map(() => "600"));
    for (const folder of ["logs", "azurite", "azurite/blobs"])
      expect([folder, modeOf(join(home, folder))]).toEqual([folder, "700"]);
    expect([modeOf(outside), modeOf(join(outside, "theirs"))]).toEqual(["755", "644"]);
    unlock();
    rmSync(outside, { recursive: true });
  });

  test("of keys whose folder was open before", () => {
    mkdirSync(join(home, "keys"), { mode: 0o755 });
    keptKey(home, "admin-token");
    expect(statSync(join(home, "keys")).mode & 0o777).toBe(0o700);
  });
});

describe("the lock of a home", () => {
  test("a second owner is refused and told who the first is", async () => {
    const unlock = await lockHome(home);
    await expect(lockHome(home)).rejects.toThrow(`Another Muster (process ${process.pid})`);
    unlock();
    (await lockHome(home))();
  });

  test("a refused owner leaves the first one's lock alone", async () => {
    const unlock = await lockHome(home);
    const before = readFileSync(join(home, "instance.lock"), "utf8");
    await expect(lockHome(home)).rejects.toThrow("Another");
    expect(readFileSync(join(home, "instance.lock"), "utf8")).toBe(before);
    unlock();
  });

  test("a dead owner's lock is taken over, even when its process number is in use again", async () => {
    const port = await freePort();
    writeFileSync(join(home, "instance.lock"), JSON.stringify({ pid: process.pid, port }));
    const unlock = await lockHome(home);
    await expect(lockHome(home)).rejects.toThrow("Another");
    unlock();
  });

  test("a lock that makes no sense is taken over", async () => {
    writeFileSync(join(home, "instance.lock"), "{");
    const unlock = await lockHome(home);
    await expect(lockHome(home)).rejects.toThrow("Another");
    unlock();
  });
});

test("a port is taken while somebody listens, and free afterwards", async () => {
  const port = await freePort();
  expect(await isTaken(port)).toBe(false);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  expect(await isTaken(port)).toBe(true);
  server.close();
});
