/** Signing in over HTTP, from header to trail: tokens that are refused, the bootstrap administrator, assignments. */
import { randomUUID } from "node:crypto";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  appOnly,
  delegated,
  sign,
  signWithPublicKeyAsSecret,
  unsigned,
} from "../../shared/access/entra.ts";
import { adminToken, type Door, openDoor, timesNow } from "./door.ts";

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door.stop());

const seconds = Math.floor(Date.now() / 1000);
const claims = () => ({ ...delegated(door.directory.issuer), ...timesNow() });
const signed = (changes: object) => sign({ ...claims(), ...changes }, door.key, "one");

describe("a token that is none of ours is refused, and the trail says at which step", () => {
  const elsewhere = "99999999-9999-4999-8999-999999999999";
  const bad: readonly (readonly [string, number, string, () => Promise<string> | string])[] = [
    ["expired", 401, "expired", () => signed({ exp: seconds - 120 })],
    ["not yet valid", 401, "not-yet-valid", () => signed({ nbf: seconds + 120 })],
    ["for another API", 401, "audience", () => signed({ aud: "api://other" })],
    ["of another issuer", 401, "issuer", () => signed({ iss: "https://evil.example/v2.0" })],
    ["of another directory", 401, "directory", () => signed({ tid: elsewhere })],
    [
      "signed with another key",
      401,
      "signature",
      async () => sign(claims(), await generateKeyPair("RS256"), "one"),
    ],
    ["of an unknown key", 401, "unknown-key", () => sign(claims(), door.key, "two")],
    ["without a signature", 401, "algorithm", () => unsigned(claims(), "none")],
    [
      "signed with the public key as a secret",
      401,
      "algorithm",
      () => signWithPublicKeyAsSecret(claims(), door.key),
    ],
    ["too long", 401, "oversized", () => "x".repeat(20_000)],
    ["no token at all", 401, "malformed", () => "nonsense"],
    ["almost the admin token", 401, "malformed", () => `${adminToken}b`],
    ["without the scope", 403, "consent", () => signed({ scp: "openid" })],
    [
      "of an app without the role",
      403,
      "consent",
      () => sign({ ...appOnly(door.directory.issuer), ...timesNow(), roles: [] }, door.key, "one"),
    ],
  ];

  test.each(bad)("%s", async (_name, status, step, make) => {
    const before = door.events.length;
    const answer = await door.call("tenants-list", { token: await make() });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status, instance: expect.stringMatching(/^urn:request:/) });
    expect(door.events.slice(before)).toMatchObject([
      { operation: "tenants-list", outcome: "refused", step, actor: { kind: "anonymous" } },
    ]);
  });

  test("no header", async () => {
    expect((await door.call("tenants-list", {})).status).toBe(401);
  });
});

describe("the bootstrap administrator", () => {
  test("is a caller of its own kind that holds everything", async () => {
    const { body } = await door.call("me-get", { token: adminToken });
    expect(body).toMatchObject({
      kind: "bootstrap",
      assignments: [{ assignment: { note: "MUSTER_ADMIN_TOKEN" }, roleName: "Full Administrator" }],
    });
  });

  test("is named in the trail, with what changed and without secrets", async () => {
    const tenantId = await door.tenant();
    const body = { displayName: "Fabrikam" };
    await door.call("tenants-change", { token: adminToken, params: { tenantId }, body });
    expect(door.events.at(-1)).toMatchObject({
      actor: { kind: "bootstrap" },
      tenantId,
      outcome: "allowed",
      before: { displayName: "Contoso" },
      after: { displayName: "Fabrikam" },
    });
    const { body: page } = await door.call("audit-list-tenant", {
      token: adminToken,
      params: { tenantId },
    });
    expect(page["value"]).toMatchObject([{ operation: "tenants-change" }]);
  });
});

test("a revoked assignment ends what it allowed, with the next request", async () => {
  const { token, assignmentId } = await door.holder("readOnlyAnalyst", { kind: "everything" });
  expect((await door.call("tenants-list", { token })).status).toBe(200);
  await door.call("assignments-remove", { token: adminToken, params: { assignmentId } });
  expect((await door.call("tenants-list", { token })).status).toBe(403);
});

test("a list of tenants shows those in reach", async () => {
  const [mine] = [await door.tenant(), await door.tenant()];
  const { token } = await door.holder("readOnlyAnalyst", { kind: "tenants", tenantIds: [mine] });
  const { body } = await door.call("tenants-list", { token, query: "?top=1000" });
  expect(body["value"]).toMatchObject([{ tenantId: mine }]);
});

test("another caller's idempotency key is not one's own", async () => {
  const [one, other] = [
    await door.holder("fullAdministrator", { kind: "everything" }),
    await door.holder("fullAdministrator", { kind: "everything" }),
  ];
  const headers = { "idempotency-key": randomUUID() };
  const body = { name: "Reader", permissions: ["devices.read"] };
  const [first, again, second] = [
    await door.call("roles-add", { token: one.token, body, headers }),
    await door.call("roles-add", { token: one.token, body, headers }),
    await door.call("roles-add", { token: other.token, body, headers }),
  ];
  expect(again.body["roleId"]).toBe(first.body["roleId"]);
  expect(second.body["roleId"]).not.toBe(first.body["roleId"]);
});

test("giving what one does not hold is in the trail as refused", async () => {
  const tenantId = await door.tenant();
  const body = { name: "Clerk", permissions: ["access.read", "access.manage"] };
  const role = await door.call("roles-add", { token: adminToken, body });
  const clerk = await door.holder(String(role.body["roleId"]), { kind: "everything" });
  const principal = { kind: "user", homeTenantId: randomUUID(), id: clerk.oid };
  const scope = { kind: "tenants", tenantIds: [tenantId] };
  const given = await door.call("assignments-add", {
    token: clerk.token,
    body: { principal, roleId: "fullAdministrator", scope },
  });
  expect(given.status).toBe(403);
  expect(door.events.at(-1)).toMatchObject({ outcome: "refused", actor: { id: clerk.oid } });
});
