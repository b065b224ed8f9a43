import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const scripts = fileURLToPath(new URL("../../scripts", import.meta.url));
const wanted = { "": {}, "node_modules/a": { version: "1.0.0", integrity: "sha512-a" } };
const elsewhere = { "node_modules/b": { version: "2.0.0", optional: true } };

/** Stands where npm stands: notes that it was asked, takes its time, and leaves `packages` behind. */
const npm = (packages: object, exitCode = 0): string => `
  const { appendFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } = require("node:fs");
  appendFileSync("asked.txt", process.argv.slice(2).join(" ") + "\\n");
  if (existsSync("node_modules/.package-lock.json")) throw new Error("an interruption would look whole");
  setTimeout(() => {
    mkdirSync("node_modules/node/bin", { recursive: true });
    try { symlinkSync(process.execPath, "node_modules/node/bin/node"); } catch {}
    writeFileSync("node_modules/.package-lock.json", ${JSON.stringify(JSON.stringify({ packages }))});
    process.exit(${exitCode});
  }, 300);`;

// A link to Node stands for the pinned one; Windows allows such links to few.
describe.skipIf(process.platform === "win32")("installing before running", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "muster-install-"));
    cpSync(scripts, join(root, "scripts"), { recursive: true });
    write("package-lock.json", JSON.stringify({ packages: { ...wanted, ...elsewhere } }));
    write("npm.cjs", npm(wanted));
    write("program.mjs", 'console.log("ran", ...process.argv.slice(2)); process.exitCode = 7;');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const write = (name: string, text: string): void => writeFileSync(join(root, name), text);
  /** The first word of each of npm's commands. */
  const asked = (): string[] =>
    readFileSync(join(root, "asked.txt"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");

  async function run(): Promise<{ code: unknown; out: string; err: string }> {
    const child = spawn(process.execPath, ["scripts/run.mjs", "program.mjs", "x", "y z"], {
      cwd: root,
      env: { ...process.env, npm_execpath: join(root, "npm.cjs") },
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    const [code] = await once(child, "close");
    return { code, out, err };
  }

  test("a fresh clone installs once, then runs the program with its arguments and exit code", async () => {
    expect(await run()).toMatchObject({ code: 7, out: "ran x y z\n" });
    expect(await run()).toMatchObject({ code: 7, out: "ran x y z\n", err: "" });
    expect(asked()).toEqual(["ci"]);
  });

  test("two at once install once", async () => {
    const both = await Promise.all([run(), run()]);
    expect(both.map(({ code }) => code)).toEqual([7, 7]);
    expect(asked()).toEqual(["ci"]);
  });

  test("a changed lockfile is installed in place, under what may be running", async () => {
    await run();
    changeLockfile();
    expect(await run()).toMatchObject({ code: 7 });
    expect(asked()).toEqual(["ci", "install"]);
  });

  function changeLockfile(): void {
    const changed = { "node_modules/a": { version: "1.0.1", integrity: "sha512-b" } };
    write("package-lock.json", JSON.stringify({ packages: changed }));
    write("npm.cjs", npm(changed));
  }

  test("what an interrupted installation left is not built upon", async () => {
    mkdirSync(join(root, "node_modules/half"), { recursive: true });
    await run();
    expect(asked()).toEqual(["ci"]);
  });

  test("an interrupted change in place is not built upon, nor taken for whole by the old lockfile", async () => {
    await run();
    const [oldLock, goodNpm] = ["package-lock.json", "npm.cjs"].map((name) =>
      readFileSync(join(root, name), "utf8"),
    );
    changeLockfile();
    write(
      "npm.cjs",
      `require("node:fs").appendFileSync("asked.txt", "interrupted\\n"); process.exit(1);`,
    );
    expect(await run()).toMatchObject({ code: 1 });
    write("package-lock.json", oldLock ?? "");
    write("npm.cjs", goodNpm ?? "");
    expect(await run()).toMatchObject({ code: 7 });
    expect(asked()).toEqual(["ci", "interrupted", "ci"]);
  });

  test("a folder with a lockfile of its own is installed by itself", async () => {
    mkdirSync(join(root, "bench"));
    write("bench/package-lock.json", JSON.stringify({ packages: wanted }));
    const child = spawn(process.execPath, ["scripts/ensure-installed.mjs", "bench"], {
      cwd: root,
      env: { ...process.env, npm_execpath: join(root, "npm.cjs") },
      stdio: "inherit",
    });
    expect(await once(child, "close")).toEqual([0, null]);
    expect(existsSync(join(root, "bench/node_modules/.package-lock.json"))).toBe(true);
    expect(existsSync(join(root, "node_modules"))).toBe(false);
  });

  test("the lock of a dead installer is taken over", async () => {
    mkdirSync(join(root, ".muster"));
    write(".muster/install.lock", "999999999");
    expect(await run()).toMatchObject({ code: 7 });
    expect(existsSync(join(root, ".muster/install.lock"))).toBe(false);
  });

  test("a failed installation is told in words and runs nothing", async () => {
    write("npm.cjs", npm(wanted, 1));
    expect(await run()).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("The installation failed"),
    });
  });

  test("an installation that differs from the lockfile is refused", async () => {
    write("npm.cjs", npm({ "node_modules/a": { version: "1.0.0", integrity: "sha512-other" } }));
    expect(await run()).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("something else than package-lock.json says"),
    });
  });
});

const text = (path: string): string => readFileSync(join(scripts, "..", path), "utf8");

test.each(["package-lock.json", "bench/bullmq/package-lock.json"])(
  "%s pins packages, and names no registry to fetch them from",
  (path) => {
    expect(text(path)).toContain('"integrity"');
    expect(text(path)).not.toContain('"resolved": "http');
  },
);

test("package.json admits no Node that a deployed package refuses", () => {
  type Entry = { readonly dev?: boolean; readonly engines?: { readonly node?: string } };
  const { packages } = JSON.parse(text("package-lock.json")) as { packages: Record<string, Entry> };
  const lowest = ({ engines }: Entry): number =>
    Math.min(...(engines?.node ?? "0").split("||").map((range) => Number(/\d+/.exec(range)?.[0])));
  const deployed = Object.entries(packages).flatMap(([path, entry]) =>
    path === "" || entry.dev ? [] : [entry],
  );
  expect(deployed.length).toBeGreaterThan(10);
  expect(lowest(packages[""] ?? {})).toBeGreaterThanOrEqual(Math.max(...deployed.map(lowest)));
});
