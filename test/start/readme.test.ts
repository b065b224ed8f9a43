/** The README's walk-through, run as it is printed; a person of ours does what it asks a person to do. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath } from "../support/chromium.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import {
  type Person,
  promptsIn,
  scriptOf,
  withBrowser,
  withCommand,
} from "../support/walk-through-person.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const root = new URL("../..", import.meta.url);

/** The command that the README gives those who have no browser; it signs in the manager. */
const printedCommand = /`(curl -d user_code=CODE -d user=\S+ PAGE)`/.exec(readme)?.[1] ?? "";

/** Runs a script in the project's folder; each sign-in that it asks for is one person's. */
async function run(script: string, home: string, people: readonly Person[]) {
  const done: unknown[] = [];
  const child = spawn("bash", ["-e", "-c", script], {
    cwd: root,
    env: { ...process.env, MUSTER_HOME: home },
    // A process group of its own, so that nothing of it outlives a person who could not answer.
    detached: true,
  });
  const abandon = (cause: unknown): unknown => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    return cause;
  };
  const enough = setTimeout(abandon, 240_000);
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    for (const prompt of promptsIn(err).slice(done.length))
      done.push(Promise.resolve(people[done.length]?.(prompt)).catch(abandon));
  });
  const [status] = await once(child, "close");
  clearTimeout(enough);
  return { status, out, err, done: await Promise.all(done) };
}

describe.skipIf(process.platform === "win32")("the README's walk-through", () => {
  let muster: RunningMuster;
  beforeAll(async () => {
    muster = await startMuster();
  });
  afterAll(() => muster.stop());

  it("works as printed, signing in as two people", async () => {
    const script = scriptOf(readme, "Walk through");
    expect(script).toContain("/retry");
    const manager =
      chromiumPath === undefined
        ? withCommand(printedCommand)
        : withBrowser("Endpoint Protection Manager");
    const analyst = withCommand(printedCommand.replace("endpoint-protection", "analyst"));
    const { status, out, err, done } = await run(script, muster.home, [manager, analyst]);
    expect(done, err).toEqual([undefined, undefined]);
    expect(status, err + out).toBe(0);
    const [, made, imported, , sent, , watched, read, repeated] = out.split("\n---\n");
    expect(made).toContain('"displayName":"Contoso"');
    expect(imported).toContain('"state":"completed","final":true');
    expect(imported).toContain('"operatingSystem":"Windows"');
    expect(sent).toContain('"dryRun":true');
    expect(sent?.match(/"code":"forbidden"/g)).toHaveLength(1);
    type View = { state: string; counts: Record<string, number> };
    const view = JSON.parse(watched ?? "") as View;
    expect(view.state).toBe("partlyCompleted");
    expect(view.counts["failed"]).toBeGreaterThan(0);
    expect(view.counts["done"]).toBeGreaterThan(3000);
    expect(read).toContain('"code":"device-reported-failure"');
    expect(read).toContain("deviceId,deviceName,state");
    expect(repeated).toMatch(/"code":"forbidden"[\s\S]*"retryOf":"[0-9a-z]{22}"/);
    const last = JSON.parse(
      repeated?.slice(repeated.lastIndexOf('{"notificationId"')) ?? "",
    ) as View;
    expect(last).toMatchObject({ state: "completed", counts: { done: view.counts["failed"] } });
  }, 300_000);

  it("waits for no end that a refresh of it cannot have", async () => {
    const [loop] = readme.match(/^while .*REFRESH.*\n.*$/m) ?? [];
    const tenantId = "0f0f0f0f-1111-4222-8333-555555555555";
    const headers = {
      Authorization: `Bearer ${muster.adminToken}`,
      "Content-Type": "application/json",
    };
    const api = `${muster.url}/api/v1/tenants`;
    // The stand-in knows no such tenant: nobody can sign in there.
    const added = { tenantId, displayName: "Nowhere" };
    await fetch(api, { method: "POST", headers, body: JSON.stringify(added) });
    const taken = await fetch(`${api}/${tenantId}/devices/refresh`, { method: "POST", headers });
    const before = `MUSTER=${muster.url}; REFRESH=${taken.headers.get("location")}; ADMIN="Authorization: ${headers.Authorization}"`;
    const { status, out } = await run(`${before}\n${loop}`, muster.home, []);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ state: "failed", final: true, failure: {} });
  }, 120_000);

  it("has done it in the names of the two", async () => {
    const answer = await fetch(
      `${muster.url}/api/v1/tenants/0f0f0f0f-1111-4222-8333-444444444444/audit?top=100`,
      { headers: { Authorization: `Bearer ${muster.adminToken}` } },
    );
    const trail = JSON.stringify(await answer.json());
    for (const account of ["endpoint-protection", "analyst"])
      expect(trail).toContain(`${account}@muster.example`);
  });

  it("signs in from the terminal as printed, too", async () => {
    const script = 'echo "$(npm run --silent sign-in)" | cut -d. -f2';
    const { status, out, done } = await run(script, muster.home, [withCommand(printedCommand)]);
    expect({ status, done }).toEqual({ status: 0, done: [undefined] });
    expect(Buffer.from(out, "base64url").toString()).toContain(
      '"preferred_username":"endpoint-protection@muster.example"',
    );
  });
});
