/**
 * The console in a real browser, on one whole Muster for all cases: starting one takes longer than most of them. Files in
 * `cases/` hold them by subject; one more is listed here.
 */
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { accessCases } from "./cases/access.ts";
import { screenCases } from "./cases/every-screen.ts";
import { provisioningCases } from "./cases/provisioning.ts";
import { registrationCases } from "./cases/registration.ts";
import { roleCases } from "./cases/roles.ts";
import { stateCases } from "./cases/states.ts";
import { syncCases } from "./cases/sync.ts";
import { tenantCases } from "./cases/tenants.ts";
import { type ConsoleRig, startConsole } from "./support/rig.ts";

const maxFirstLoadBytes = 330 * 1024;

describe.skipIf(chromiumPath === undefined)("the console in Chromium", () => {
  let running: ConsoleRig | undefined;
  const rig = (): ConsoleRig => {
    if (running === undefined) throw new Error("The console is not running.");
    return running;
  };
  beforeAll(async () => {
    running = await startConsole();
  }, 180_000);
  beforeEach(({ onTestFailed }) =>
    onTestFailed(() => console.log(rig().muster.printed().slice(-5_000))),
  );
  afterEach(() => {
    // oxlint-disable-next-line vitest/no-standalone-expect -- of every case
    expect(rig().complaints.splice(0), "what the browser complains of").toEqual([]);
  });
  afterAll(() => running?.stop());

  it("sends no more than 330 kB for its first page", async () => {
    const page = await rig().signedIn("Read-only Analyst");
    const loaded = await page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname),
    );
    const sizes = await Promise.all(
      loaded
        .filter((path) => path.startsWith("/console/assets/"))
        .map(async (path) => {
          const answer = await fetch(rig().url + path);
          return gzipSync(Buffer.from(await answer.arrayBuffer())).length;
        }),
    );
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(maxFirstLoadBytes);
  }, 60_000);

  tenantCases(rig);
  provisioningCases(rig);
  accessCases(rig);
  registrationCases(rig);
  screenCases(rig);
  roleCases(rig);
  stateCases(rig);
  // It sets the clock forward at its end.
  syncCases(rig);
});
