/** The README's walk-through, run as it is printed. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";

/** The shell blocks of one section, as one script. */
function scriptOf(section: string): string {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const [, text = ""] = readme.split(`\n## ${section}\n`);
  const [body = ""] = text.split("\n## ");
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)]
    .map(([, block]) => block)
    .join("\necho; echo ---\n");
}

describe.skipIf(process.platform === "win32")("the README's walk-through", () => {
  let muster: RunningMuster;
  beforeAll(async () => {
    muster = await startMuster();
  });
  afterAll(() => muster.stop());

  it("works as printed", () => {
    const script = scriptOf("Walk through");
    expect(script).toContain("/retry");
    const ran = spawnSync("bash", ["-e", "-c", script], {
      env: { ...process.env, MUSTER_HOME: muster.home },
      encoding: "utf8",
      timeout: 240_000,
    });
    expect(ran.status, ran.stderr + ran.stdout).toBe(0);
    const [, made, imported, planned, watched, repeated] = ran.stdout.split("\n---\n");
    expect(made).toContain('"displayName":"Contoso"');
    expect(imported).toContain('"operatingSystem":"Windows"');
    expect(planned).toContain('"dryRun":true');
    const view = JSON.parse(watched ?? "") as { counts: Record<string, number> };
    expect(view.counts["failed"]).toBeGreaterThan(0);
    expect(view.counts["done"]).toBeGreaterThan(3000);
    expect(repeated).toContain('"code":"device-reported-failure"');
    expect(repeated).toContain("deviceId,deviceName,state");
    expect(repeated).toMatch(/"retryOf":"[0-9a-z]{22}"/);
  }, 300_000);
});
