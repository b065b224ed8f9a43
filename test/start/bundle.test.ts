import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bundlePath, ensureBuilt } from "../../scripts/build.ts";

/** Milliseconds a new process spends loading the bundle, which ends when it misses its settings. */
function loadMs(): number {
  const script = `
    const begun = performance.now();
    try { require(${JSON.stringify(bundlePath)}); } catch {}
    require("node:fs").writeSync(1, "ms=" + (performance.now() - begun));`;
  const environment = { PATH: process.env["PATH"] };
  const output = execFileSync(process.execPath, ["-e", script], {
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return Number(/ms=([\d.]+)/.exec(output)?.[1]);
}

test("the bundle loads in under 400 ms, so that a restart is hardly noticed", () => {
  // The best of up to thirty: other tests run at the same time, and have the processor for seconds.
  let best = loadMs();
  for (let tries = 1; tries < 30 && best >= 400; tries += 1) best = Math.min(best, loadMs());
  expect(best).toBeLessThan(400);
}, 60_000);

test("the bundle asks the worker for its core and holds nothing of the development side", () => {
  const bundle = readFileSync(bundlePath, "utf8");
  expect(bundle).toContain('require("@azure/functions-core")');
  expect(bundle).not.toMatch(/^\/\/ (local|test|scripts|bench)\//m);
});

test("what is up to date is not built again", async () => {
  await ensureBuilt();
  expect(await ensureBuilt()).toBe(false);
});
