/** The page for partners' programs: its shell script as it is printed, and the PowerShell one read by a grammar. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashOf } from "../shared/registration/lists.ts";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";
import { scriptOf } from "../support/walk-through-person.ts";

const page = readFileSync(new URL("../../docs/partner-automation.md", import.meta.url), "utf8");
const tenantId = "0f0f0f0f-1111-4222-8333-666666666666";

describe.skipIf(process.platform === "win32")("the shell script", () => {
  let muster: RunningMuster;
  const folder = mkdtempSync(join(tmpdir(), "partner-"));
  beforeAll(async () => {
    muster = await startMuster();
  });
  afterAll(async () => {
    await muster.stop();
    rmSync(folder, { recursive: true });
  });

  async function ask(method: string, url: string, body?: unknown): Promise<Record<string, string>> {
    const answer = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${muster.adminToken}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Record<string, string>);
  }

  async function script(more: Record<string, string>) {
    const { signIn } = muster.current();
    const { automation, authorityUrl, caFile } = signIn;
    const child = spawn("sh", ["-c", scriptOf(page, "Shell")], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        CURL_CA_BUNDLE: caFile,
        MUSTER: muster.url,
        AUTHORITY: `${authorityUrl}/${signIn.tenantId}`,
        CLIENT_ID: automation.clientId,
        CLIENT_SECRET: automation.clientSecret,
        SCOPE: automation.scope,
        TENANT: tenantId,
        POLL_SECONDS: "1",
        ...more,
      },
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const [status] = await once(child, "close");
    return { status, out, err };
  }

  /** What the page has people do once. */
  async function prepare(): Promise<void> {
    const { url, sandboxUrl } = muster;
    const made = { tenantId, displayName: "Fabrikam", devices: 1, seed: 1 };
    await ask("POST", `${sandboxUrl}/_sandbox/tenants`, made);
    await ask("POST", `${url}/api/v1/tenants`, { tenantId, displayName: "Fabrikam" });
    const { signIn } = muster.current();
    const { oid } = await programIn(signIn);
    await ask("POST", `${url}/api/v1/access/assignments`, {
      principal: { kind: "app", homeTenantId: signIn.tenantId, id: oid },
      roleId: "partner",
      scope: { kind: "tenants", tenantIds: [tenantId] },
    });
  }

  /** A list that names the customer of each row: one that is there before, one anew, and one of nobody's. */
  async function manyCustomers() {
    const LIST = join(folder, "many.csv");
    const header = "Customer,Device Serial Number,Windows Product ID,Hardware Hash";
    const nobody = "0f0f0f0f-1111-4222-8333-777777777777";
    const rows = [
      ...["F3", "G1", "G2"].map((serial) => `${tenantId},${serial},,${hashOf(serial)}`),
      `${nobody},G3,,${hashOf("G3")}`,
    ];
    writeFileSync(LIST, `${[header, ...rows].join("\r\n")}\r\n`);
    const REPORT = join(folder, "many.json");
    const { status, out, err } = await script({ LIST, REPORT, TENANT: "", DEFAULT_TAG: "shop" });
    expect(status, err).toBe(0);
    expect(out).toContain('"refused":1');
    return JSON.parse(readFileSync(REPORT, "utf8")) as unknown;
  }

  it("works as printed: refused before the partner signs in, then once and no more", async () => {
    await prepare();
    const LIST = join(folder, "devices.csv");
    const rows = ["F1", "F2", "F3"].map((serial) => `${serial},,${hashOf(serial)},shop,\r\n`);
    const header =
      "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User\r\n";
    writeFileSync(LIST, [header, ...rows].join(""));
    const early = await script({ LIST });
    expect(early.status, early.out).toBe(2);
    expect(early.err).toContain("not-signed-in");

    const asked = `${muster.url}/api/v1/partner/sign-in`;
    const { signInId, userCode = "" } = await ask("POST", asked, {});
    await fetch(muster.current().signIn.devicePage, {
      method: "POST",
      body: new URLSearchParams({ user_code: userCode, user: "partner@muster.example" }),
    });
    await expect
      .poll(async () => (await ask("POST", asked, { signInId }))["state"], { timeout: 30_000 })
      .toBe("signedIn");

    await ask("POST", `${muster.url}/api/v1/customers/${tenantId}/check`);
    for (const time of ["first", "second"]) {
      const { status, out, err } = await script({ LIST, REPORT: `${time}.csv` });
      expect(status, err + out).toBe(0);
      expect(out).toContain("rows: 3, accepted: 3, file refused: false");
      expect(out).toContain("registered: 3, failed: 0");
      expect(readFileSync(join(folder, `${time}.csv`), "utf8")).toContain("F2");
    }
    const { sandboxUrl } = muster;
    expect(await ask("GET", `${sandboxUrl}/_sandbox/registrations?tenantId=${tenantId}`)).toEqual({
      total: 3,
      distinct: 3,
      doubled: 0,
    });
    writeFileSync(LIST, "nothing,of,this\r\n");
    expect((await script({ LIST })).status).toBe(3);
    expect(await manyCustomers()).toMatchObject({
      final: true,
      summary: { customers: 2, rows: 4, registered: 3, refused: 1 },
    });
  }, 180_000);
});

/** The program's own object id stands in its token; the page has people look it up. */
async function programIn({ authorityUrl, tenantId: home, automation, caFile }: SignIn) {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: automation.clientId,
    client_secret: automation.clientSecret,
    scope: automation.scope,
  }).toString();
  const url = `${authorityUrl}/${home}/oauth2/v2.0/token`;
  const child = spawn("curl", ["-sS", "--cacert", caFile, "-d", form, url]);
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child, "close");
  const { access_token: token } = JSON.parse(out) as { access_token: string };
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return JSON.parse(payload) as { oid: string };
}

type SignIn = ReturnType<RunningMuster["current"]>["signIn"];
type Node = {
  readonly isError: boolean;
  readonly isMissing: boolean;
  readonly text: string;
  readonly children: readonly Node[];
};
type Grammars = {
  readonly Parser: {
    new (): {
      setLanguage: (language: object) => void;
      parse: (text: string) => { rootNode: Node };
    };
    init: () => Promise<void>;
  };
  readonly Language: { load: (file: Uint8Array) => Promise<object> };
};

describe("the PowerShell script", () => {
  const require = createRequire(import.meta.url);
  const faultsIn = async (script: string): Promise<readonly string[]> => {
    const { Parser, Language } = require("@vscode/tree-sitter-wasm") as Grammars;
    await Parser.init();
    const file = require.resolve("@vscode/tree-sitter-wasm/wasm/tree-sitter-powershell.wasm");
    const parser = new Parser();
    parser.setLanguage(await Language.load(readFileSync(file)));
    const faults = (node: Node): string[] => [
      ...(node.isError || node.isMissing ? [node.text] : []),
      ...node.children.flatMap(faults),
    ];
    return faults(parser.parse(script).rootNode);
  };

  it("is PowerShell, as a grammar of it has it", async () => {
    const [, script = ""] = /```powershell\n([\s\S]*?)```/.exec(page) ?? [];
    expect(script).toContain("Idempotency-Key");
    expect(await faultsIn(script)).toEqual([]);
    expect(await faultsIn(`${script}\nif (`)).not.toEqual([]);
  });
});
