/**
 * What today's code writes, read and gone on with by the code of the last release (`release.json` names its commit): an upgrade runs instances of
 * both beside each other for minutes. It takes a checkout of that commit; a clone without it skips this, and says so.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const { version, commit } = JSON.parse(
  readFileSync(join(import.meta.dirname, "release.json"), "utf8"),
) as { version: string; commit: string };
const isHere = spawnSync("git", ["cat-file", "-e", `${commit}^{tree}`], { cwd: root }).status === 0;

const home = mkdtempSync(join(tmpdir(), "muster-back-"));
const [release, written] = [join(home, "release"), join(home, "written")];
const own = (cwd: string, args: readonly string[], env: object = {}) =>
  spawnSync(process.execPath, args, { cwd, encoding: "utf8", env: { ...process.env, ...env } });

beforeAll(() => {
  if (!isHere) return;
  const script = 'mkdir "$1" && git archive "$2" | tar -x -C "$1"';
  execFileSync("sh", ["-c", script, "sh", release, commit], { cwd: root });
  symlinkSync(join(root, "node_modules"), join(release, "node_modules"));
  const recorded = own(root, ["test/versions/record.ts", written]);
  if (recorded.status !== 0) throw new Error(recorded.stdout + recorded.stderr);
}, 300_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

test.skipIf(!isHere)(
  `version ${version} reads what this one writes, and goes on with it`,
  {
    timeout: 300_000,
  },
  () => {
    const file = "test/versions/kept.test.ts";
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "long", file];
    const { status, stdout, stderr } = own(release, vitest, { MUSTER_TEST_KEPT: written });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/4 passed/);
  },
);
