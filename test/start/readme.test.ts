/** The walks of README.md and docs/api.md, run as they are printed; people of ours do what they ask people to do. */
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

const pageAt = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
const readme = pageAt("README.md");
const api = pageAt("docs/api.md");
const root = new URL("../..", import.meta.url);

/** The command that the README gives those who have no browser; it signs in the manager. */
const printedCommand = /`(curl -d user_code=CODE -d user=\S+ PAGE)`/.exec(readme)?.[1] ?? "";

/** Runs a script in the project's folder; each sign-in that it asks for is one person's. */
async function run(script: string, home: string, people: readonly Person[], flags = "-ec") {
  const done: unknown[] = [];
  const child = spawn("bash", [flags, script], {
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

/** The script, saying behind each command how it ended. */
const withEnds = (script: string): string =>
  script.replaceAll(/^npm run .*$/gm, (line) => `${line}; echo "exit $?"`);

const manager = () =>
  chromiumPath === undefined
    ? withCommand(printedCommand)
    : withBrowser("Endpoint Protection Manager");

describe.skipIf(process.platform === "win32")("the README's walk-through", () => {
  let muster: RunningMuster;
  beforeAll(async () => {
    muster = await startMuster({ MUSTER_SAMPLE: "on" });
  });
  afterAll(() => muster.stop());

  it("works as printed, signing in as two people", async () => {
    const script = scriptOf(readme, "Walk through");
    const analyst = withCommand(printedCommand.replace("endpoint-protection", "analyst"));
    const people = [manager(), analyst];
    const { out, err, done } = await run(withEnds(script), muster.home, people, "-c");
    expect(done, err).toEqual([undefined, undefined]);
    const parts = out.split("\n---\n");
    const [, shown, sent, , watched = "", repeated = ""] = parts;
    // What is refused ends as such, what failed in part says so, and nothing else ends but well.
    const ends = parts.map((part) =>
      Array.from(part.matchAll(/^exit (\d)$/gm), ([, code]) => code).join(""),
    );
    expect(ends, err + out).toEqual(["0", "00", "002", "0", "1", "20"]);
    expect(shown).toMatch(/^Adatum +5a5a5a5a-/m);
    expect(shown?.match(/Windows 1/g)).toHaveLength(3);
    expect(sent).toContain("Nothing was sent.");
    expect(err.match(/\(forbidden\)/g)).toHaveLength(2);
    const [, failed = ""] =
      /Finished, not all done: [\d,]+ done, (\d+) failed,/.exec(watched) ?? [];
    expect(Number(failed)).toBeGreaterThan(0);
    expect(watched).toContain("device-reported-failure");
    expect(repeated).toContain(`Done: ${failed} of ${failed}.`);
  }, 300_000);

  it("has done it in the names of the two", async () => {
    const answer = await fetch(
      `${muster.url}/api/v1/tenants/5a5a5a5a-1111-4222-8333-444444444444/audit?top=100`,
      { headers: { Authorization: `Bearer ${muster.adminToken}` } },
    );
    const trail = JSON.stringify(await answer.json());
    for (const account of ["endpoint-protection", "analyst"])
      expect(trail).toContain(`${account}@muster.example`);
  });

  it("goes by hand, too, as the page of the API prints it", async () => {
    const script = scriptOf(api, "Walk through");
    const { status, out, err, done } = await run(script, muster.home, [
      withCommand(printedCommand),
    ]);
    expect({ status, done }, err + out).toEqual({ status: 0, done: [undefined] });
    const [made, imported, sent, watched = "", read, repeated] = out.split("\n---\n");
    expect(made).toContain('"displayName":"Fabrikam"');
    expect(imported).toContain('"state":"completed","final":true');
    expect(imported).toContain('"operatingSystem":"Windows"');
    expect(sent).toContain('"dryRun":true');
    expect(sent).toContain('"code":"forbidden"');
    expect(JSON.parse(watched)).toMatchObject({ state: "partlyCompleted" });
    expect(read).toContain('"code":"device-reported-failure"');
    expect(read).toContain("deviceId,deviceName,state");
    expect(repeated).toMatch(/"retryOf":"[0-9a-z]{22}"/);
  }, 120_000);

  it("waits for no end that a refresh of it cannot have", async () => {
    const [loop] = api.match(/^while .*REFRESH.*\n.*$/m) ?? [];
    const tenantId = "0f0f0f0f-1111-4222-8333-555555555555";
    const headers = {
      Authorization: `Bearer ${muster.adminToken}`,
      "Content-Type": "application/json",
    };
    const tenants = `${muster.url}/api/v1/tenants`;
    // The stand-in knows no such tenant: nobody can sign in there.
    const added = { tenantId, displayName: "Nowhere" };
    await fetch(tenants, { method: "POST", headers, body: JSON.stringify(added) });
    const taken = await fetch(`${tenants}/${tenantId}/devices/refresh`, {
      method: "POST",
      headers,
    });
    const before = `MUSTER=${muster.url}; REFRESH=${taken.headers.get("location")}; ADMIN="Authorization: ${headers.Authorization}"`;
    const { status, out } = await run(`${before}\n${loop}`, muster.home, []);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ state: "failed", final: true, failure: {} });
  }, 120_000);

  it("signs in from the terminal as printed, too", async () => {
    const script = 'echo "$(npm run --silent sign-in)" | cut -d. -f2';
    const { status, out, done } = await run(script, muster.home, [withCommand(printedCommand)]);
    expect({ status, done }).toEqual({ status: 0, done: [undefined] });
    expect(Buffer.from(out, "base64url").toString()).toContain(
      '"preferred_username":"endpoint-protection@muster.example"',
    );
  });
});
