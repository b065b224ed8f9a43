import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HostRefusal } from "../../../local/host/app/app-files.ts";
import { startHost } from "../../../local/host/host.ts";
import { appDir, hostApp } from "./hosted-app.ts";

async function problemsOf(starting: Promise<unknown>): Promise<string> {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HostRefusal);
  return (error as HostRefusal).problems.join("\n");
}

describe("an app is refused", () => {
  test("with everything that is wrong in it", async () => {
    const problems = await problemsOf(hostApp("broken", { env: { BREAK: "everything" } }));
    const refused =
      "adminRoute badRoute badConstraint twin2 bad.name badSchedule neverComes noSetting " +
      "noConnection otherTrigger badBinding";
    for (const name of refused.split(" ")) {
      expect(problems).toContain(`${name}: `);
    }
    expect(problems).not.toContain("twin1: ");
  });

  test.each([
    ["nothing", "registers no functions"],
    ["throws-early", "cannot start"],
    ["throws-late", "cannot go on"],
    ["exits", "exit code 3"],
  ])("when it registers or does %s", async (kind, words) => {
    expect(await problemsOf(hostApp("broken", { env: { BREAK: kind } }))).toContain(words);
  });

  test("when its files are wrong", async () => {
    const dir = await mkdtemp(join(tmpdir(), "app-"));
    const start = () => problemsOf(startHost({ appDir: dir, port: 0 }));
    expect(await start()).toContain("there is no host.json");
    const queues = { batchSize: 33, visibilityTimeout: "5s" };
    await writeFile(
      join(dir, "host.json"),
      JSON.stringify({ version: "1", extensions: { queues } }),
    );
    const problems = await start();
    for (const place of ["version", "queues.batchSize", "queues.visibilityTimeout"]) {
      expect(problems).toContain(place);
    }
    await writeFile(join(dir, "host.json"), '{ "version": "2.0" }');
    expect(await start()).toContain('no "main"');
    await writeFile(join(dir, "package.json"), '{ "main": "dist/*.js" }');
    expect(await start()).toContain("matches no file");
    await rm(dir, { recursive: true });
  });
});

test("a port that is taken is an error at once", async () => {
  await using app = await hostApp("streaming");
  const port = Number(new URL(app.host.url).port);
  await expect(startHost({ appDir: appDir("streaming"), port })).rejects.toThrow("EADDRINUSE");
});
