/** Tokens for the API that programs get in their own name, and what outlives a restart. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSandbox } from "../../../../local/sandbox/sandbox.ts";
import { tokenCheck } from "../../../../shared/access/sign-in/tokens.ts";
import { startTestSandbox, type TestSandbox } from "../support.ts";
import { automationToken, claimsOf, post, type SignInPlace, tokenOf, trust } from "./person.ts";

const verify = (place: SignInPlace, token: string) => {
  const at = `${place.authorityUrl}/${place.home.tenantId}`;
  const headers = { connection: "close" };
  const keys = createRemoteJWKSet(new URL(`${at}/discovery/v2.0/keys`), { headers });
  return jwtVerify(token, keys, { issuer: `${at}/v2.0`, audience: place.home.api.audience });
};

describe("a program in its own name", () => {
  let sandbox: TestSandbox;
  beforeAll(async () => {
    sandbox = await startTestSandbox();
    trust(sandbox);
  });
  afterAll(() => sandbox.stop());

  it("gets a token in the shape of Entra's, with the role that it was given", async () => {
    const claims = claimsOf(await automationToken(sandbox));
    const { tenantId, automation, api } = sandbox.home;
    expect(claims).toMatchObject({
      aud: api.audience,
      iss: `${sandbox.authorityUrl}/${tenantId}/v2.0`,
      tid: tenantId,
      azp: automation.clientId,
      azpacr: "1",
      roles: ["Muster.Use"],
      sub: claims["oid"],
      ver: "2.0",
    });
    for (const older of ["appid", "scp", "idtyp"]) expect(claims).not.toHaveProperty(older);
  });

  it("that was given no role gets a token without one", async () => {
    const { body } = await post(sandbox, "token", {
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
      grant_type: "client_credentials",
      scope: `${sandbox.home.api.audience}/.default`,
    });
    expect(claimsOf(body["access_token"])).not.toHaveProperty("roles");
  });

  it("that keeps no secret cannot do it", async () => {
    const form = {
      client_id: sandbox.home.signInClientId,
      grant_type: "client_credentials",
      scope: `${sandbox.home.api.identifier}/.default`,
    };
    const without = await post(sandbox, "token", form);
    expect(without).toMatchObject({ status: 401, body: { error_codes: [7_000_218] } });
    const made = await post(sandbox, "token", { ...form, client_secret: "made-up" });
    expect(made).toMatchObject({ status: 401, body: { error_codes: [700_025] } });
  });

  it("is known in its own directory only", async () => {
    const customer = await sandbox.tenant();
    const { clientId, clientSecret } = sandbox.home.automation;
    const form = {
      client_id: clientId,
      client_secret: clientSecret,
      grant_type: "client_credentials",
      scope: `${sandbox.home.api.identifier}/.default`,
    };
    const answer = await post(sandbox, "token", form, customer.id);
    expect(answer.body).toMatchObject({ error: "unauthorized_client", error_codes: [700_016] });
  });
});

describe("after a restart", () => {
  let home = "";
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "sandbox-"));
  });
  afterAll(() => rmSync(home, { recursive: true }));

  it("people, secrets, keys and the address are the same, and tokens stay good", async () => {
    const before = await startSandbox({ home });
    trust(before);
    const token = await tokenOf(before, "full@muster.example");
    await before.stop();
    const after = await startSandbox({ home });
    expect(after.authorityUrl).toBe(before.authorityUrl);
    expect(after.home.users).toEqual(before.home.users);
    expect(after.home.automation).toEqual(before.home.automation);
    const { payload } = await verify(after, token);
    expect(payload["oid"]).toBe(after.home.users[0]?.id);
    await after.stop();
  });

  it("an address that somebody else took is another one, and tokens of before are not", async () => {
    const before = await startSandbox({ home });
    const token = await tokenOf(before, "full@muster.example");
    await before.stop();
    const squatter = createServer();
    const port = Number(new URL(before.authorityUrl).port);
    await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
    const after = await startSandbox({ home });
    expect(after.authorityUrl).not.toBe(before.authorityUrl);
    await expect(verify(after, token)).rejects.toMatchObject({ claim: "iss" });
    await after.stop();
    squatter.close();
  });

  it("a new signing key is taken up by the API while it runs, and the old one is let go", async () => {
    const before = await startSandbox({ home });
    trust(before);
    const { tenantId, api } = before.home;
    const clock = { now: () => Date.now() };
    const check = tokenCheck({
      homeTenantIds: [tenantId],
      audiences: [api.audience],
      delegatedScope: api.scope,
      appRole: api.appRole,
      authorityUrl: before.authorityUrl,
      cooldownMs: 0,
      clock,
    });
    const old = `Bearer ${await tokenOf(before, "full@muster.example")}`;
    expect(await check(old)).toMatchObject({ kind: "caller" });
    await before.stop();
    rmSync(join(home, "signing-key.json"));
    const after = await startSandbox({ home });
    expect(after.authorityUrl).toBe(before.authorityUrl);
    const fresh = `Bearer ${await tokenOf(after, "full@muster.example")}`;
    // Whoever keeps connections finds the first one closed.
    await expect.poll(() => check(fresh)).toMatchObject({ kind: "caller" });
    expect(await check(old)).toEqual({ kind: "refused", step: "unknown-key" });
    await after.stop();
  });

  it.for(["tls-key.pem", "tls-certificate.pem", "signing-key.json", "automation-secret.txt"])(
    "an empty %s, as a killed process leaves it, is made anew",
    async (name) => {
      truncateSync(join(home, name));
      const again = await startSandbox({ home });
      trust(again);
      expect(readFileSync(join(home, name), "utf8")).not.toBe("");
      expect((await verify(again, await automationToken(again))).payload["ver"]).toBe("2.0");
      await again.stop();
    },
  );

  it("a certificate that does not belong to its key is made anew", async () => {
    const file = join(home, "tls-key.pem");
    const others = mkdtempSync(join(tmpdir(), "sandbox-"));
    await (await startSandbox({ home: others })).stop();
    writeFileSync(file, readFileSync(join(others, "tls-key.pem")));
    rmSync(others, { recursive: true });
    const again = await startSandbox({ home });
    trust(again);
    expect(await automationToken(again)).toMatch(/^ey/);
    await again.stop();
  });
});
