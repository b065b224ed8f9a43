/** The walk-through of docs/sync.md, run as it is printed. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { scriptOf } from "../support/walk-through-person.ts";

const page = readFileSync(new URL("../../docs/sync.md", import.meta.url), "utf8");
const root = new URL("../..", import.meta.url);

describe.skipIf(process.platform === "win32")("the page about syncs", () => {
  let muster: RunningMuster;
  beforeAll(async () => {
    muster = await startMuster();
  });
  afterAll(() => muster.stop());

  it("has a walk-through in docs/sync.md that runs as printed", async () => {
    const { stdout } = await promisify(execFile)(
      "bash",
      ["-e", "-c", scriptOf(page, "Walk through")],
      { cwd: root, env: { ...process.env, MUSTER_HOME: muster.home }, timeout: 240_000 },
    );
    const [, made, first, drift, planned, approved, deployed, rejected, ...last] =
      stdout.split("\n---\n");
    const [undone, signedIn, consented] = last;
    expect(made).toContain('"status":"notRun"');
    expect(first).toContain('"outcome":"succeeded"');
    expect(first).toContain('"status":"idle"');
    expect(drift).toMatch(/^disabled CA002[^\n]*\ndisabled CA003/m);
    expect(planned).toContain('"status":"pendingApproval"');
    expect(planned?.match(/"action":"update"/g)).toHaveLength(2);
    expect(planned).toContain('"pointer":"/state","before":"disabled","after":"enabled"');
    expect(approved).toContain('"changes":1');
    expect(JSON.parse(deployed ?? "")).toMatchObject([{ action: "update", state: "done" }]);
    expect(rejected).toContain('"outcome":"rejected"');
    expect(rejected).toMatch(/"status":"idle"[\s\S]*"heldChanges":1/);
    expect(undone).toContain('"outcome":"succeeded"');
    expect(undone).toMatch(/^disabled CA002[^\n]*\ndisabled CA003/m);
    expect(signedIn).toMatch(/"status":"pendingAuthentication"[\s\S]*"outcome":"succeeded"/);
    expect(consented).toContain('"status":"pendingAdminConsent"');
    expect(consented).toMatch(/"name":"DeviceManagementConfiguration\.Read\.All"/);
    expect(consented).toMatch(/Thank you[\s\S]*"outcome":"succeeded"/);
  }, 300_000);
});
