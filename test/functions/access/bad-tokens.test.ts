/** Forged, expired and misplaced tokens at the running app: each is refused, and says why in log and trail alone. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type AttackApp, type Raw, startAttackApp } from "./attack/app.ts";
import { badTokens, type Forge } from "./attack/bad-tokens.ts";
import { nowhere } from "./attack/inhabited.ts";
import { eventOf, expectRefused, from } from "./attack/refused.ts";
import { adminToken } from "./door.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let app: AttackApp;
let forge: Forge;
/** The attacker's own server, for keys that nobody should fetch. */
let evil: Server;
let fetched = 0;
beforeAll(async () => {
  app = await startAttackApp();
  evil = createServer((_request, response) => {
    fetched += 1;
    response.end("{}");
  });
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
  forge = {
    app,
    stranger: await generateKeyPair("RS256", { extractable: true }),
    curve: await app.directory.addKey("curve", "ES256"),
    evil: `http://127.0.0.1:${(evil.address() as AddressInfo).port}`,
  };
});
afterAll(async () => {
  evil.close();
  await app.stop();
});

describe("a bad token opens nothing, says nothing, and stands in log and trail", () => {
  test.each(badTokens)("$name: $step", async ({ step, make }) => {
    const token = await make(forge);
    const before = await app.stored();
    for (const sent of [
      { method: "GET", path: "/api/v1/me" },
      {
        method: "POST",
        path: "/api/v1/tenants",
        body: { tenantId: nowhere()["tenantId"], displayName: "X" },
      },
    ])
      await expectRefused(app, await app.call({ ...sent, ...from(token) }), step);
    expect(await app.stored()).toEqual(before);
    expect(app.lines.filter((line) => token.length > 20 && line.includes(token))).toEqual([]);
  });

  test("no address of the attacker's was ever asked for a key", () => {
    expect(badTokens.length).toBeGreaterThan(80);
    expect(fetched).toBe(0);
  });
});

describe("what is no token in the Authorization header is no token at all", () => {
  const elsewhere: readonly (readonly [string, string, (token: string) => Raw])[] = [
    ["in the query", "missing", (token) => ({ path: `/api/v1/me?access_token=${token}` })],
    ["as ?code=", "missing", (token) => ({ path: `/api/v1/me?code=${token}` })],
    [
      "in a cookie",
      "missing",
      (token) => ({ path: "/api/v1/me", headers: [["cookie", `token=${token}`]] }),
    ],
    [
      "in the body",
      "missing",
      (token) => ({ method: "POST", path: "/api/v1/tenants", body: { access_token: token } }),
    ],
    [
      "in a header of the platform's sign-in",
      "missing",
      (token) => ({
        path: "/api/v1/me",
        headers: [
          ["x-ms-token-aad-access-token", token],
          ["x-ms-client-principal", Buffer.from('{"auth_typ":"aad"}').toString("base64")],
        ],
      }),
    ],
    [
      "in a function's key",
      "missing",
      (token) => ({ path: "/api/v1/me", headers: [["x-functions-key", token]] }),
    ],
    ["nowhere", "missing", () => ({ path: "/api/v1/me" })],
    [
      "under another scheme",
      "scheme",
      (token) => ({ path: "/api/v1/me", headers: [["authorization", `Token ${token}`]] }),
    ],
    [
      "under no scheme",
      "scheme",
      (token) => ({ path: "/api/v1/me", headers: [["authorization", token]] }),
    ],
    [
      "as a user's password",
      "scheme",
      (token) => ({
        path: "/api/v1/me",
        headers: [["authorization", `Basic ${Buffer.from(`user:${token}`).toString("base64")}`]],
      }),
    ],
    [
      "after a scheme alone",
      "scheme",
      (token) => ({
        path: "/api/v1/me",
        headers: [
          ["authorization", "Bearer"],
          ["bearer", token],
        ],
      }),
    ],
  ];
  test.each(elsewhere)("%s", async (_name, step, make) => {
    for (const token of [adminToken, await app.person({})]) {
      const sent = make(token);
      const answer = await app.call({
        ...sent,
        headers: [...(sent.headers ?? []), ...(from().headers ?? [])],
      });
      await expectRefused(app, answer, step);
      expect(app.lines.filter((line) => line.includes(token))).toEqual([]);
      expect(JSON.stringify(await eventOf(app, answer))).not.toContain(token);
    }
  });

  test("two Authorization headers are none, whichever comes first", async () => {
    const good = await app.person({});
    for (const tokens of [
      [good, "garbage"],
      ["garbage", good],
      [good, adminToken],
      [good, good],
    ]) {
      const headers = tokens.map((token) => ["authorization", `Bearer ${token}`] as const);
      const answer = await app.call({
        path: "/api/v1/me",
        headers: [...headers, ...(from().headers ?? [])],
      });
      await expectRefused(app, answer, "scheme");
    }
  });
});

test("the scheme is taken in any case, as its standard says", async () => {
  const token = await app.person({});
  for (const scheme of ["bearer", "BEARER"]) {
    const headers = [["authorization", `${scheme} ${token}`]] as const;
    expect((await app.call({ path: "/api/v1/me", headers })).status).toBe(200);
  }
});
