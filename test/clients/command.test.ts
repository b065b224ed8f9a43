/** The command of `npm run muster`, in processes of its own, at a Muster that really runs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { csv, hashOf, intune } from "../shared/registration/lists.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { promptsIn, withCommand } from "../support/walk-through-person.ts";

const entry = fileURLToPath(new URL("../../clients/command/main.ts", import.meta.url));
const tenantId = "0f0f0f0f-1111-4222-8333-777777777777";

let muster: RunningMuster;
beforeAll(async () => {
  muster = await startMuster({ MUSTER_CONFIRM_AFTER_SECONDS: "1" });
  await control("POST", "tenants", { tenantId, displayName: "Contoso", devices: 200, seed: 1 });
  await control("PUT", "behaviour", { tenantId, failRate: 0.05 });
});
afterAll(() => muster.stop());

/** Calls the API itself, as the administrator. */
async function api(path: string, body: object): Promise<Record<string, string>> {
  const answer = await fetch(`${muster.url}/api/v1/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${muster.adminToken}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Record<string, string>;
}

async function control(method: string, path: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  await fetch(`${muster.sandboxUrl}/_sandbox/${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
  });
}

type Ran = { readonly exitCode: number; readonly out: string; readonly err: string };

/** Runs it as somebody would type it; who has to sign in does so as `user`. */
async function run(
  line: string,
  environment: Record<string, string> = {},
  user = "",
): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(MUSTER_|NODE_(?!COMPILE_CACHE)|npm_)/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), MUSTER_HOME: muster.home, ...environment };
  const child = spawn(process.execPath, [entry, ...line.split(" ")], { env });
  let [out, err] = ["", ""];
  let asked = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    const [prompt] = promptsIn(err);
    if (prompt === undefined || asked) return;
    asked = true;
    void withCommand(`curl -s -d user_code=CODE -d user=${user}@muster.example PAGE`)(prompt);
  });
  const [exitCode] = (await once(child, "close")) as [number];
  return { exitCode, out, err };
}

test("before anybody has signed in, everything is refused and says how to", async () => {
  expect(await run("tenants")).toEqual({
    exitCode: 2,
    out: "",
    err: expect.stringContaining("npm run muster -- sign-in"),
  });
});

test("whoever signs in sees no token, and it is kept where only they can read it", async () => {
  const admin = await run("sign-in --admin --as admin");
  expect(admin).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining("bootstrap administrator"),
  });
  const analyst = await run("sign-in --as analyst", {}, "analyst");
  expect(analyst).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining("analyst@muster.example"),
  });
  const kept = readdirSync(muster.home).filter((name) => name.startsWith("session-"));
  expect(kept.toSorted()).toEqual(["session-admin.json", "session-analyst.json"]);
  for (const name of kept) {
    const { mode } = statSync(join(muster.home, name));
    const { token } = JSON.parse(readFileSync(join(muster.home, name), "utf8")) as {
      token: string;
    };
    expect(mode & 0o777).toBe(process.platform === "win32" ? mode & 0o777 : 0o600);
    expect(JSON.stringify([admin, analyst])).not.toContain(token);
  }
});

test("a token goes nowhere but to the Muster that it was given for", async () => {
  expect(await run("tenants --as admin", { MUSTER_URL: muster.sandboxUrl })).toMatchObject({
    exitCode: 3,
  });
  expect(await run("tenants --as admin", { MUSTER_URL: "http://muster.example" })).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining("https://"),
  });
  expect(await run("tenants --as ../admin")).toMatchObject({ exitCode: 2 });
});

test("what fails is counted and its reason said, and what is repeated ends as done", async () => {
  expect(await run(`tenants add ${tenantId} --name Contoso --as admin`)).toMatchObject({
    exitCode: 0,
  });
  expect(await run("devices refresh --wait --as admin")).toMatchObject({
    exitCode: 0,
    out: "Imported: 190 devices, 190 new, 0 changed, 0 gone.\n",
  });
  const scan = "send endpointProtectionQuickScan --expires PT30M --as admin --tenant contoso";
  const would = await run(`${scan} --all --dry-run --json`);
  expect(JSON.parse(would.out)).toMatchObject({ dryRun: true, total: 190 });
  const sent = await run(`${scan} --all --wait`);
  expect(sent.exitCode).toBe(1);
  expect(sent.out).toMatch(
    /Finished, not all done: \d+ done, \d+ failed, \d+ notSupported\.\nFAILED +WHY\n +\d+ +device-reported-failure:/,
  );
  expect(sent.err).toMatch(/^\[#{30}\] 100 % partlyCompleted/m);
  const seen = await run("watch last --as analyst --json");
  const { counts, notificationId } = JSON.parse(seen.out) as {
    counts: { failed: number };
    notificationId: string;
  };
  expect(counts.failed).toBeGreaterThan(0);
  expect((await run("watch --as analyst --csv")).out.match(/,failed,/g)).toHaveLength(
    counts.failed,
  );
  expect(await run("retry last --as analyst --json")).toMatchObject({
    exitCode: 2,
    out: expect.stringContaining('"code": "forbidden"'),
  });
  await control("PUT", "behaviour", { tenantId, failRate: 0 });
  const again = await run(`retry ${notificationId} --only failed --wait --as admin`);
  expect(again).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining(`Done: ${counts.failed} of ${counts.failed}.`),
  });
}, 60_000);

test("lists, syncs, tasks and approvals are tables for people and bodies for programs", async () => {
  const devices = await run("devices --os Windows --top 2 --as analyst");
  expect(devices.out).toMatch(
    /^DEVICE +ID +SYSTEM +LAST SYNC\n.*Windows.*\n.*Windows.*\nThere are more/,
  );
  expect(JSON.parse((await run("devices --top 2 --json --as analyst")).out)).toHaveLength(2);
  expect((await run("approvals --as analyst")).out).toBe("Nothing waits for approval.\n");
  expect((await run("task --folder all --as admin")).out).toBe("No task is in this folder.\n");
  expect(await run("task --folder none --as admin")).toMatchObject({ exitCode: 2 });
  expect(await run("sync start --mode exportOnly --wait --as admin")).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining("succeeded"),
  });
  expect((await run("sync --as analyst")).out).toMatch(/^Idle since /);
  expect(await run("sync pause --as admin")).toMatchObject({ exitCode: 2 });
  await control("PUT", "behaviour", { tenantId, latencyMs: 3_000 });
  const { syncId } = JSON.parse((await run("sync start --json --as admin")).out);
  expect((await run("sync pause --as admin")).out).toMatch(RegExp(`^${syncId}: \\w+\n$`));
  expect((await run("sync --as analyst")).out).toMatch(RegExp(`\n${syncId}\nPaused since .*\n$`));
  await control("PUT", "behaviour", { tenantId, latencyMs: null });
  expect(await run("sync resume --as admin")).toMatchObject({ exitCode: 0 });
  expect((await run(`watch ${syncId} --as analyst`)).out).toMatch(/^succeeded;/);
}, 60_000);

const template = {
  name: "Walk",
  visibility: "public",
  sections: [
    {
      id: "systemMigration",
      actions: [{ id: "a", name: "Settle", type: "wait", parameters: { duration: "PT1S" } }],
    },
  ],
};
const targets = { rules: [{ property: "operatingSystem", operator: "equals", value: "Windows" }] };

test("a task is listed, begun and taken back, and whatever runs is watched by its id alone", async () => {
  const { templateId = "" } = await api("templates", template);
  const what = { templateId, targets, offline: { after: "P60D" } };
  const { taskId = "" } = await api(`tenants/${tenantId}/tasks`, {
    kind: "provisioning",
    displayName: "Walk",
    provisioning: { ...what, version: 1 },
    schedule: { kind: "none" },
  });
  expect((await run("task --as admin")).out).toMatch(
    RegExp(`^TASK +ID +STATE +WAITS FOR +NEXT\n.*${taskId} +Not scheduled +schedule\n`),
  );
  expect(await run(`task run ${taskId} --as analyst`)).toMatchObject({ exitCode: 2 });
  expect((await run(`task run ${taskId} --as admin`)).out).toBe("Walk: Scheduled\n");
  expect((await run(`task stop ${taskId} --as admin`)).out).toBe("Walk: Not scheduled\n");

  const { runId = "" } = await api(`tenants/${tenantId}/provisioning-runs`, what);
  const watched = await run(`watch ${runId} --as analyst`);
  expect(watched).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^Walk: Done: \d+ of \d+\.\n$/),
  });
  expect((await run(`watch ${runId} --csv --as analyst`)).out).toContain(",succeeded,");
  expect(await run(`retry ${runId} --as admin`)).toMatchObject({ exitCode: 2 });

  const scan = { id: "s", name: "Scan", type: "endpointProtectionQuickScan" };
  const { templateId: failing = "" } = await api("templates", {
    ...template,
    name: "Scan",
    sections: [{ id: "systemConfiguration", actions: [scan] }],
  });
  await control("PUT", "behaviour", { tenantId, failRate: 1 });
  const devices = JSON.parse((await run("devices --os Windows --top 1 --json --as admin")).out);
  const failed = await api(`tenants/${tenantId}/provisioning-runs`, {
    templateId: failing,
    targets: { deviceIds: [devices[0].deviceId] },
  });
  expect(await run(`watch ${failed["runId"]} --as admin`)).toMatchObject({ exitCode: 1 });
  await control("PUT", "behaviour", { tenantId, failRate: 0 });
  expect((await run(`restart ${failed["runId"]} --dry-run --as admin`)).out).toMatch(
    /^Nothing was started. 1 device\(s\) would be restarted:\nDEVICES +BEGIN AT +STANDS ALREADY\n +1 +Scan/,
  );
  expect(await run(`restart ${failed["runId"]} --wait --as admin`)).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^Scan: Done: 1 of 1\.\n$/),
  });

  const sync = JSON.parse((await run("sync start --mode exportOnly --json --as admin")).out);
  expect((await run(`watch ${sync.syncId} --as analyst`)).out).toBe("succeeded\n");
  const imported = JSON.parse((await run("devices refresh --json --as admin")).out);
  expect((await run(`watch ${imported.refreshId} --as analyst`)).out).toMatch(
    /^Imported: 190 devices, 0 new/,
  );
  expect(await run("watch 0000000000000000000000 --as admin")).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining("Nothing that you may see in this tenant has the id"),
  });
}, 120_000);

test("a list of devices is judged, then registered and watched by its id", async () => {
  const file = join(muster.home, "devices.csv");
  writeFileSync(file, csv(intune, "1,,nonsense,,"));
  expect(await run(`register ${file} --check --as admin`)).toMatchObject({
    exitCode: 2,
    out: expect.stringContaining("Nothing was sent. 0 of 1 rows could be."),
  });
  expect(await run(`register ${file}.not --check --as admin`)).toMatchObject({ exitCode: 2 });
  writeFileSync(file, csv(intune, `0001,,${hashOf("0001")},,`, `0002,,${hashOf("0002")},,`));
  const taken = await run(`register ${file} --tag shop --as admin`);
  const [registrationId] = /\w{22}/.exec(taken.out) ?? [];
  expect(await run(`watch ${registrationId} --as admin`)).toMatchObject({
    exitCode: 0,
    out: "Done: 2 of 2.\n",
  });
  expect((await run(`watch ${registrationId} --csv --as admin`)).out).toMatch(
    /,0001,shop,registered,[\s\S]*,0002,shop,registered,/,
  );
  expect(await run(`cancel ${registrationId} --as admin`)).toMatchObject({ exitCode: 2 });
}, 120_000);

test("nothing that was left out becomes everything, and what is not understood is refused whole", async () => {
  for (const line of [
    "send restart --as admin",
    "send restart --all --device a --as admin",
    "send restart more --all --as admin",
    "tenants --wait --as admin",
    "frobnicate",
  ])
    expect(await run(line), line).toMatchObject({ exitCode: 2 });
});

test("an option that npm has taken for its own stops the command", async () => {
  const lost = { npm_lifecycle_event: "muster", npm_config_dry_run: "true" };
  expect(await run("send restart --all --as admin", lost)).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining("npm has taken --dry-run"),
  });
});

test("a Muster that is not there is another end than one that refuses", async () => {
  expect(await run("tenants", { MUSTER_URL: "http://127.0.0.1:1" })).toMatchObject({ exitCode: 3 });
  expect(await run("tenants", { MUSTER_HOME: join(muster.home, "nowhere") })).toMatchObject({
    exitCode: 3,
    err: "No Muster runs here: start it with npm start, or set MUSTER_URL to where one is.\n",
  });
});
