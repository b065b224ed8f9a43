/** The relay's own sign-in: an app's tokens from Entra, and what it does when Muster or Entra refuse it. */
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site } from "./support/site.ts";
import { relayApp, startTokenDoor, type TokenDoor } from "./support/token-door.ts";

let rig: Rig;
let entra: TokenDoor;
let roleId: unknown;
beforeAll(async () => {
  entra = await startTokenDoor();
  const { authorityUrl } = entra.directory;
  rig = await startRig({ home: { authorityUrl, tenantId: entra.homeTenantId } });
  const role = { name: "Relay", permissions: ["sites.relay"] };
  roleId = (await rig.muster.call("POST", "/access/roles", role)).body["roleId"];
});
afterAll(async () => {
  await rig.stop();
  await entra.stop();
});

/** Lets the relay's app work for a tenant; answers the assignment's id. */
async function assign(tenantId: string): Promise<string> {
  const { homeTenantId } = entra;
  const { body } = await rig.muster.call("POST", "/access/assignments", {
    principal: { kind: "app", homeTenantId, id: relayApp.clientId },
    roleId,
    scope: { kind: "tenants", tenantIds: [tenantId] },
  });
  return String(body["assignmentId"]);
}

const settings = (more: Record<string, string> = {}): Record<string, string> => ({
  RELAY_MUSTER_TOKEN: "",
  RELAY_AUTHORITY_URL: entra.authorityUrl,
  RELAY_HOME_TENANT_ID: entra.homeTenantId,
  RELAY_MUSTER_RESOURCE: entra.resource,
  RELAY_CLIENT_ID: relayApp.clientId,
  RELAY_CLIENT_SECRET: relayApp.secret,
  RELAY_LEASE_SECONDS: "6",
  RELAY_TIMEOUT_SECONDS: "2",
  NODE_EXTRA_CA_CERTS: entra.caFile,
  ...more,
});

/** A site whose relay may work. */
async function allowed(): Promise<Site> {
  const site = await rig.tenant();
  await assign(site.tenantId);
  return site;
}

const expectReached = async (site: Site): Promise<void> => {
  const notification = await site.send({ action: "downloadComputerPolicy" });
  expect((await site.ended(notification)).counts).toMatchObject({ total: 3, done: 3 });
};

describe("an app", () => {
  test("with a secret is let in by nothing but its role for the tenant", async () => {
    const site = await allowed();
    await site.known(settings());
    await expectReached(site);
    expect(entra.door.proofs.at(-1)).toBe("secret");
  });

  test("with a certificate signs its own proof", async () => {
    const folder = mkdtempSync(join(tmpdir(), "certificate-"));
    const { private: key, cert } = await generate([{ name: "commonName", value: "relay" }], {});
    const keyFile = join(folder, "key.pem");
    writeFileSync(keyFile, key);
    const hash = createHash("sha256").update(new X509Certificate(cert).raw);
    const site = await allowed();
    const relay = await site.known(
      settings({
        RELAY_CLIENT_SECRET: "",
        RELAY_CLIENT_CERTIFICATE_SHA256: hash.copy().digest("hex"),
        RELAY_CLIENT_CERTIFICATE_KEY_FILE: keyFile,
      }),
    );
    await relay.stop();
    expect(entra.door.proofs.at(-1)).toBe(`certificate ${hash.digest("base64url")}`);
    rmSync(folder, { recursive: true });
  });

  test("gets a new token before the old one runs out", async () => {
    const site = await allowed();
    const before = entra.door.issued;
    // MSAL asks for the next one five minutes before the end.
    entra.door.plan = { ...entra.door.plan, expiresIn: 301 };
    await site.known(settings());
    await expect.poll(() => entra.door.issued - before, { timeout: 10_000 }).toBeGreaterThan(2);
    entra.door.plan = { ...entra.door.plan, expiresIn: 3600 };
    await expectReached(site);
  });

  test("whose token Muster refuses gets another one at once", async () => {
    const site = await allowed();
    // Good for an hour, says Entra; out of date, says Muster.
    entra.door.next = [{ ...entra.door.plan, validFor: -300 }];
    const relay = await site.known(settings());
    await expectReached(site);
    expect(relay.lines().map(({ event }) => event)).not.toContain("muster.failure");
  });

  test("that loses its role in the middle goes on when it has it again", async () => {
    const site = await rig.tenant();
    const assignmentId = await assign(site.tenantId);
    const relay = await site.known(settings());
    await rig.muster.call("DELETE", `/access/assignments/${assignmentId}`);
    await relay.saw("muster.failure", ({ why }) => String(why).includes("forbidden"));
    const notification = await site.send({ action: "downloadComputerPolicy" });
    await assign(site.tenantId);
    expect((await site.ended(notification)).counts).toMatchObject({ total: 3, done: 3 });
  }, 60_000);

  test("goes on when Muster has asked for patience", async () => {
    const site = await allowed();
    const relay = await site.known(settings());
    rig.muster.refuseWith(429);
    await relay.saw("muster.failure");
    rig.muster.refuseWith(undefined);
    await expectReached(site);
  }, 60_000);
});

const refused = async (site: Site, more: Record<string, string>): Promise<string> => {
  const relay = site.relay(more);
  expect(await relay.exit).toBe(1);
  expect(relay.lines()).toEqual([]);
  expect(relay.errors()).toMatch(/^[^\n]+\n$/);
  return relay.errors();
};

describe("what keeps it from starting is one line and exit code 1", () => {
  test("a token that Muster does not know", async () => {
    const site = await rig.tenant();
    const said = await refused(site, { RELAY_MUSTER_TOKEN: "another-token" });
    expect(said).toMatch(/^The relay does not start\. Muster answers 401 unauthenticated: /);
  });

  test("a secret that Entra does not know", async () => {
    const site = await allowed();
    const said = await refused(site, settings({ RELAY_CLIENT_SECRET: "wrong" }));
    expect(said).toMatch(/^The relay does not start\. sign-in failed: .*AADSTS7000215/);
  });

  test("an app that was given no role for this tenant, but for another one", async () => {
    await allowed();
    const said = await refused(await rig.tenant(), settings());
    expect(said).toMatch(/^The relay does not start\. Muster answers 403 forbidden: /);
  });

  test("an app without the API's own role", async () => {
    const site = await allowed();
    entra.door.next = [1, 2].map(() => ({ ...entra.door.plan, roles: [] }));
    expect(await refused(site, settings())).toContain("403 forbidden");
    entra.door.next = [];
  });

  test("a tenant that Muster does not have", async () => {
    const site = await rig.tenant();
    const said = await refused(site, { RELAY_TENANT_ID: "5f0c8d1e-58a7-4b0c-9d1f-0f6d6a3d1c99" });
    expect(said).toContain("404 unknown-tenant");
  });
});

test("a Muster that is away is waited for", async () => {
  const site = await rig.tenant();
  rig.muster.refuseWith(503);
  const relay = site.relay({ RELAY_LEASE_SECONDS: "6", RELAY_TIMEOUT_SECONDS: "2" });
  await relay.saw("muster.failure");
  rig.muster.refuseWith(undefined);
  expect(await relay.saw("inventory.hand-in")).toMatchObject({ event: "inventory.hand-in" });
});
