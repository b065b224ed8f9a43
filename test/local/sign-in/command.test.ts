/** The sign-in command in a process of its own, against the stand-in: what it prints, and where. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signInFacts } from "../../../local/start/ready.ts";
import { claimsOf, typeCode } from "../sandbox/sign-in/person.ts";
import { startTestSandbox, type TestSandbox } from "../sandbox/support.ts";

const command = fileURLToPath(new URL("../../../local/sign-in/main.ts", import.meta.url));
const analyst = "analyst@muster.example";

let sandbox: TestSandbox;
let home = "";
beforeAll(async () => {
  sandbox = await startTestSandbox();
  home = homeOf(sandbox);
});
afterAll(async () => {
  await sandbox.stop();
  rmSync(home, { recursive: true });
});

/** A folder as a running Muster has it, as far as the command looks. */
function homeOf(place: TestSandbox): string {
  const folder = mkdtempSync(join(tmpdir(), "muster-"));
  const signIn = signInFacts(place);
  writeFileSync(join(folder, "ready.json"), JSON.stringify({ signIn }));
  return folder;
}

/** Runs it; `answer` is given the code as soon as it is shown. */
async function run(
  environment: Readonly<Record<string, string>>,
  answer: (code: string, signal: (name: NodeJS.Signals) => void) => void = () => undefined,
) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(MUSTER_|NODE_(?!COMPILE_CACHE))/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...environment };
  const child = spawn(process.execPath, [command], { env });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    const [, code] = /enter the code ([A-Z]{9}) /.exec(text) ?? [];
    if (code !== undefined) answer(code, (name) => child.kill(name));
  });
  const [exitCode] = await once(child, "close");
  return { exitCode, out, err };
}

const settings = (): Record<string, string> => ({
  MUSTER_AUTHORITY_URL: sandbox.authorityUrl,
  MUSTER_HOME_TENANT_IDS: `${sandbox.home.tenantId}, 00000000-0000-4000-8000-000000000000`,
  MUSTER_CLIENT_ID: sandbox.clientId,
  MUSTER_SIGN_IN_CLIENT_ID: sandbox.home.signInClientId,
});

const failed = (line: RegExp) => ({ exitCode: 1, out: "", err: expect.stringMatching(line) });

describe("the sign-in command", () => {
  it("prints the token alone where a shell picks it up, and the rest where people look", async () => {
    const { exitCode, out, err } = await run({ MUSTER_HOME: home }, (user_code) => {
      void typeCode(sandbox, { user_code, user: analyst });
    });
    expect({ exitCode, lines: out.split("\n").length }).toEqual({ exitCode: 0, lines: 2 });
    expect(claimsOf(out.trim())).toMatchObject({ preferred_username: analyst, scp: "Muster.Use" });
    expect(err).toMatch(/^To sign in, use a web browser to open the page \S+ and enter .*\n$/);
  });

  it("signs in at another authority that the settings name", async () => {
    const trusted = { ...settings(), NODE_EXTRA_CA_CERTS: sandbox.caFile };
    const { exitCode, out } = await run(trusted, (user_code) => {
      void typeCode(sandbox, { user_code, user: analyst });
    });
    expect(exitCode).toBe(0);
    expect(claimsOf(out.trim())).toMatchObject({ aud: sandbox.clientId });
  });
});

describe("it ends with one line and no token", () => {
  it("when somebody cancels", async () => {
    const ran = await run({ MUSTER_HOME: home }, (user_code) => {
      void typeCode(sandbox, { user_code, answer: "cancel" });
    });
    expect(ran).toMatchObject(failed(/\nThe sign-in was cancelled in the browser\.\n$/));
  });

  it("when nobody answers in time", async () => {
    const hasty = await startTestSandbox({ deviceCodeSeconds: 1 });
    const folder = homeOf(hasty);
    const ran = await run({ MUSTER_HOME: folder });
    expect(ran).toMatchObject(failed(/\nThe code has expired before anybody signed in.*\n$/));
    await hasty.stop();
    rmSync(folder, { recursive: true });
  });

  it.skipIf(process.platform === "win32")("when it is interrupted", async () => {
    const ran = await run({ MUSTER_HOME: home }, (_code, signal) => signal("SIGINT"));
    expect(ran).toMatchObject({ exitCode: 130, out: "" });
    expect(ran.err).toMatch(/\nThe sign-in was cancelled\.\n$/);
  });

  it("when the stand-in goes away meanwhile", async () => {
    const short = await startTestSandbox();
    const folder = homeOf(short);
    const ran = await run({ MUSTER_HOME: folder }, () => void short.stop());
    expect(ran).toMatchObject(failed(/\nhttps:\S+ does not answer\.\n$/));
    rmSync(folder, { recursive: true });
  });

  it("when nobody vouches for the authority: verification is never turned off", async () => {
    expect(await run(settings())).toMatchObject(
      failed(/^https:\S+ does not answer, shows a certificate.*\n$/),
    );
  });

  it("when nothing answers, or the tenant is unknown", async () => {
    const nowhere = { ...settings(), MUSTER_AUTHORITY_URL: "https://127.0.0.1:1" };
    expect(await run(nowhere)).toMatchObject(
      failed(/^https:\/\/127\.0\.0\.1:1\/\S+ does not.*\n$/),
    );
    const unknown = { MUSTER_HOME_TENANT_IDS: "00000000-0000-4000-8000-000000000000" };
    const trusted = { ...settings(), ...unknown, NODE_EXTRA_CA_CERTS: sandbox.caFile };
    expect(await run(trusted)).toMatchObject(failed(/does not know the tenant\.\n$/));
  });

  it.each([
    ["http://login.example", "https"],
    ["http://127.0.0.1.login.example", "https"],
    ["ftp://login.example", "https"],
    ["https://name:word@login.example", "name and password"],
    ["https://login.example/?a=b", "query"],
    ["login.example", "https"],
  ])("when the authority is %s", async (url, said) => {
    const ran = await run({ ...settings(), MUSTER_AUTHORITY_URL: url });
    expect(ran).toMatchObject(failed(new RegExp(`^MUSTER_AUTHORITY_URL: .*${said}.*\\n$`)));
  });

  it("when the app may not sign people in", async () => {
    const wrong = { MUSTER_SIGN_IN_CLIENT_ID: sandbox.clientId };
    const trusted = { ...settings(), ...wrong, NODE_EXTRA_CA_CERTS: sandbox.caFile };
    expect(await run(trusted)).toMatchObject(
      failed(/^The sign-in failed: the app gets no code\. .*\n$/),
    );
  });

  it("when no Muster runs, or a setting is missing", async () => {
    const empty = mkdtempSync(join(tmpdir(), "muster-"));
    expect(await run({ MUSTER_HOME: empty })).toMatchObject(failed(/^No Muster runs in .*\n$/));
    rmSync(empty, { recursive: true });
    const { MUSTER_CLIENT_ID: _, ...partly } = settings();
    expect(await run(partly)).toMatchObject(failed(/set MUSTER_CLIENT_ID too\.\n$/));
  });
});
