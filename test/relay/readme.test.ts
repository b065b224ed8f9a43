/** What the relay's README prints is done as it is printed, beside a whole Muster. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queueName } from "../../relay/muster/site-queue.ts";
import { settingNames } from "../../relay/settings.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { type RelayProcess, startRelayProcess } from "./support/relay-process.ts";

let muster: RunningMuster;
const relays: RelayProcess[] = [];
beforeAll(async () => {
  muster = await startMuster();
});
afterAll(async () => {
  await Promise.all(relays.map((relay) => relay.kill()));
  await muster.stop();
});

const readme = readFileSync(new URL("../../relay/README.md", import.meta.url), "utf8");
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The shell blocks of a section of the README. */
function blocksOf(section: string): string[] {
  const [, text = ""] = readme.split(new RegExp(`\n##+ ${section}\n`));
  const [body = ""] = text.split(/\n##+ /);
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? "");
}

const bash = (script: string) =>
  spawnSync("bash", ["-e", "-c", script], {
    cwd: root,
    env: { ...process.env, MUSTER_HOME: muster.home },
    encoding: "utf8",
    timeout: 60_000,
  });

describe.skipIf(process.platform === "win32")("the relay's README", () => {
  test("can be followed on one machine as printed", async () => {
    const [prepare = "", relay = "", watch = ""] = blocksOf("Try it on one machine");
    const made = bash(prepare);
    expect(made.status, made.stderr).toBe(0);
    expect(made.stdout).toContain('"displayName":"Contoso"');
    // The third terminal has the first lines, and asks for the relay; requests there change nothing again.
    const [setting = ""] = prepare.split("\ncurl");
    const started = startRelayProcess({ MUSTER_HOME: muster.home }, [
      "bash",
      "-e",
      "-c",
      `${setting}\n${relay}`,
    ]);
    relays.push(started);
    await started.saw("inventory.hand-in");
    const ran = bash(`${setting}\n${watch}`);
    expect(ran.status, ran.stderr + ran.stdout).toBe(0);
    expect(ran.stdout).toContain('"relaySeenAt"');
    expect(ran.stdout).toContain('"done":3');
    const routes = ran.stdout.match(/"route":"\w+"/g)?.toSorted();
    expect(routes).toEqual([
      '"route":"adminService"',
      '"route":"adminService"',
      '"route":"intune"',
    ]);
    expect(await started.signalGroup("SIGINT")).toBe(0);
  }, 120_000);

  test("names the queue as Muster does", () => {
    const [block = ""] = blocksOf("The queue");
    const [line = ""] = block.split("\n");
    const tenantId = /[0-9a-f-]{36}/.exec(line)?.[0] ?? "";
    expect(bash(`${line}\necho "$QUEUE"`).stdout).toBe(`${queueName(tenantId, "P01")}\n`);
  });

  test("lists every setting there is, and no other", () => {
    const rows = [...readme.matchAll(/^\| (`RELAY_.*?) +\|/gm)].flatMap(([, cell = ""]) => [
      ...cell.matchAll(/`(RELAY_\w+)`/g),
    ]);
    const listed = rows.map(([, name = ""]) => name);
    expect(new Set(listed)).toEqual(new Set(settingNames));
  });
});
