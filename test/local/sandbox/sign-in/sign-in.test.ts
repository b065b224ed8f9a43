/** Sign-in with client credentials: real MSAL over TLS, Entra's claims and Entra's refusals. */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";
import type { Outcome } from "./msal-client.ts";

let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant();
});
afterAll(() => sandbox.stop());

async function msal(over: {
  readonly secret?: string;
  readonly tenant?: string;
  readonly trust?: boolean;
  readonly scope?: string;
}): Promise<Outcome> {
  const {
    secret = sandbox.clientSecret,
    trust = true,
    scope = "https://graph.microsoft.com/.default",
  } = over;
  const authority = `${sandbox.authorityUrl}/${over.tenant ?? tenant.id}`;
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, "msal-client.ts"), authority, sandbox.clientId, secret, scope],
    { env: trust ? { ...env, NODE_EXTRA_CA_CERTS: sandbox.caFile } : env },
  );
  return JSON.parse(stdout) as Outcome;
}

function claims(token: unknown): Record<string, unknown> {
  const payload = String(token).split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

describe("with the real MSAL", () => {
  it("gets a token that Graph lets in", async () => {
    const { token, expiresOn } = await msal({});
    const answer = await fetch(`${sandbox.graphUrl}/v1.0/deviceManagement/managedDevices?$top=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
    const lifetime = (Date.parse(String(expiresOn)) - Date.now()) / 60_000;
    expect(lifetime).toBeGreaterThan(55);
    expect(lifetime).toBeLessThan(61);
  });

  it("gets a token for the address of this Graph too", async () => {
    const { token } = await msal({ scope: `${sandbox.graphUrl}/.default` });
    expect(claims(token)["aud"]).toBe(sandbox.graphUrl);
  });

  it("is told which secret is wrong by its number", async () => {
    expect(await msal({ secret: "wrong" })).toEqual({
      errorCode: "invalid_client",
      errorNo: 7_000_215,
    });
  });

  it("finds no authority for a tenant that does not exist", async () => {
    const { errorCode } = await msal({ tenant: "99999999-0000-4000-8000-000000000000" });
    expect(errorCode).toBe("endpoints_resolution_error");
  });

  it("does not get through without trust in the certificate", async () => {
    const { token } = await msal({ trust: false });
    expect(token).toBeUndefined();
  });
});

describe("a token", () => {
  it("carries the claims that Entra puts into an app token", async () => {
    const { body } = await sandbox.token(tenant.id);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 3_599, ext_expires_in: 3_599 });
    const read = claims(body["access_token"]);
    expect(read).toMatchObject({
      aud: "https://graph.microsoft.com",
      iss: `${sandbox.authorityUrl}/${tenant.id}/v2.0`,
      tid: tenant.id,
      appid: sandbox.clientId,
      azp: sandbox.clientId,
      ver: "2.0",
      sub: read["oid"],
    });
    expect(read["roles"]).toContain("DeviceManagementManagedDevices.Read.All");
  });

  it("of an app without consent carries no roles", async () => {
    const bare = await sandbox.tenant({ roles: [] });
    const { body } = await sandbox.token(bare.id);
    expect(claims(body["access_token"])).not.toHaveProperty("roles");
  });
});

describe("refusals", () => {
  it.for([
    [
      "an unknown app",
      { client_id: "22222222-2222-4222-8222-222222222222" },
      400,
      "unauthorized_client",
      700_016,
    ],
    ["a wrong secret", { client_secret: "wrong" }, 401, "invalid_client", 7_000_215],
    [
      "an unknown resource",
      { scope: "https://other.example/.default" },
      400,
      "invalid_resource",
      500_011,
    ],
    [
      "single permissions",
      { scope: "https://graph.microsoft.com/User.Read" },
      400,
      "invalid_scope",
      1_002_012,
    ],
  ] as const)("%s is refused as Entra does", async ([, form, status, error, code]) => {
    const answer = await sandbox.token(tenant.id, form);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error, error_codes: [code] });
    expect(answer.body["error_description"]).toMatch(new RegExp(`^AADSTS${code}: `));
  });

  it("an unknown tenant is AADSTS90002", async () => {
    const answer = await sandbox.token("99999999-0000-4000-8000-000000000000");
    expect(answer).toMatchObject({
      status: 400,
      body: { error: "invalid_request", error_codes: [90_002] },
    });
  });
});

it("keeps its keys to its owner", () => {
  const folder = dirname(sandbox.caFile);
  for (const file of ["tls-key.pem", "signing-key.json", "client-secret.txt"]) {
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  }
});
