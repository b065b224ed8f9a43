/** The walk-through of docs/provisioning.md, run as it is printed. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { scriptOf } from "../support/walk-through-person.ts";

const page = readFileSync(new URL("../../docs/provisioning.md", import.meta.url), "utf8");
const root = new URL("../..", import.meta.url);

/** Answers that were printed one behind the other, each by itself. */
const said = (text: string | undefined) =>
  (text ?? "")
    .trim()
    .split(/(?<=\})\n*(?=\{)/)
    .map((line) => JSON.parse(line));

describe.skipIf(process.platform === "win32")("the page about provisioning", () => {
  let muster: RunningMuster;
  beforeAll(async () => {
    muster = await startMuster();
  });
  afterAll(() => muster.stop());

  it("has a walk-through in docs/provisioning.md that runs as printed", async () => {
    const { stdout } = await promisify(execFile)(
      "bash",
      ["-e", "-c", scriptOf(page, "Walk through")],
      { cwd: root, env: { ...process.env, MUSTER_HOME: muster.home }, timeout: 240_000 },
    );
    const [, devices, template, task, given, run, last, chosen, whole, history] =
      stdout.split("\n---\n");
    expect(said(devices)).toMatchObject([{ state: "completed", counts: { added: 200 } }]);
    expect(said(template)).toMatchObject([{ newest: { version: 1, actions: 4 } }]);
    expect(task?.trim()).toBe("waiting target,schedule");
    expect(given?.trim()).toBe("waiting schedule\nscheduled");
    const [ended, failed] = said(run);
    const { failed: howMany } = ended.buckets;
    expect(howMany).toBeGreaterThanOrEqual(3);
    expect(ended).toMatchObject({
      cause: "schedule",
      taskId: expect.any(String),
      total: 200,
      buckets: { pending: 0, active: 0, successful: 200 - howMany, notAttempted: 0 },
      verdict: { id: "failed" },
    });
    expect(failed.value).toMatchObject([
      { done: 2, of: 4, progress: "2 of 4, next: Scan", current: { id: "scan" } },
    ]);
    const { runId } = ended;
    const restarted = { parentRunId: runId, verdict: { id: "success" }, total: 1 };
    expect(said(last)).toMatchObject([
      { starts: [{ from: { id: "scan" }, inherited: [{ id: "settle" }, { id: "pause" }] }] },
      { cause: "lastFailedRequired", ...restarted },
    ]);
    expect(said(chosen)).toMatchObject([
      { starts: [{ from: { id: "pause" }, inherited: [{ id: "settle" }] }] },
      { cause: "fromAction", ...restarted },
    ]);
    expect(said(whole)).toMatchObject([
      { total: howMany - 2, starts: [{ from: { id: "settle" }, inherited: [] }] },
      { buckets: { successful: 200, failed: 0 }, verdict: { id: "success" } },
    ]);
    const lines = history?.trim().split("\n") ?? [];
    expect(lines[0]).toContain("runId,deviceId,section,actionId");
    expect(lines.filter((line) => line.includes(",failed,"))).toHaveLength(howMany);
    const [runs, device] = said(lines.slice(1 + howMany).join("\n"));
    expect(runs.value).toMatchObject([{ bucket: "successful" }, { bucket: "failed", runId }]);
    expect(device.attempts).toMatchObject([
      { actionId: "settle", result: "succeeded" },
      { actionId: "pause", result: "succeeded" },
      { actionId: "scan", result: "failed" },
    ]);
  }, 300_000);
});
