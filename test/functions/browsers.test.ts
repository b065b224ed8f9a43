/** What every kind of answer tells a browser, over HTTP: whose pages may read it, and what they may do with it. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { type Answered, type RunningApp, type Sent, startApp } from "./support/running-app.ts";

const ours = "https://console.example";
const local = "http://localhost:5173";
const tenantId = randomUUID();

let app: RunningApp;
beforeAll(async () => {
  app = await startApp({ MUSTER_ALLOWED_ORIGINS: `${ours}, ${local}` });
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
  await app.call("POST", `${tenant}/sites/P01/lease`, { body: { relayId, seconds: 3600 } });
});
afterAll(() => app.stop());

const tenant = `/api/v1/tenants/${tenantId}`;
const role = { name: "Reader", permissions: ["devices.read"] };
const relayId = randomUUID();
const claim = { relayId, mark: 0, notificationId: "0".repeat(22), from: tenantId, to: tenantId };
const garbage = { "if-match": "garbage" };
/** Answers of every kind, each with its status. */
const kinds: readonly (readonly [string, number, string, string, Sent])[] = [
  ["a list", 200, "GET", "/api/v1/tenants", {}],
  ["a document for everybody", 200, "GET", "/api/v1/openapi.json", { anonymous: true }],
  ["nothing new", 304, "GET", "/api/v1/actions", { headers: { "if-none-match": "*" } }],
  ["CSV in pieces", 200, "GET", "/api/v1/audit", { headers: { accept: "text/csv" } }],
  ["something new", 201, "POST", "/api/v1/access/roles", { body: role }],
  ["nothing to say", 204, "POST", `${tenant}/sites/P01/claims`, { body: claim }],
  ["a body that is none", 400, "POST", "/api/v1/tenants", { raw: "{" }],
  ["nobody's call", 401, "GET", "/api/v1/tenants", { anonymous: true }],
  ["nobody's call to no path", 401, "GET", "/api/v9/nothing", { anonymous: true }],
  ["no such tenant", 404, "GET", `/api/v1/tenants/${randomUUID()}`, {}],
  ["no such path", 404, "GET", "/nothing", {}],
  ["a wrong method", 405, "DELETE", "/api/v1/health", {}],
  ["a wrong version", 412, "PATCH", tenant, { body: {}, headers: garbage }],
  ["a body too large", 413, "POST", "/api/v1/tenants", { raw: " ".repeat(1024 * 1024 + 1) }],
  [
    "another kind of body",
    415,
    "POST",
    "/api/v1/tenants",
    { raw: "x=1", headers: { "content-type": "text/plain" } },
  ],
];

/** What a page of some origin sends, and what its browser adds. */
const from = (origin: string | undefined): Record<string, string> =>
  origin === undefined ? {} : { origin };

describe.each(kinds)("%s", (_name, status, method, path, sent) => {
  const call = (headers: Record<string, string>): Promise<Answered> =>
    app.call(method, path, { ...sent, headers: { ...sent.headers, ...headers } });

  test("says what a browser may do with it, to whoever asks", async () => {
    const { headers, status: answered } = await call({});
    expect(answered).toBe(status);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      vary: "Origin",
      "x-request-id": expect.stringMatching(/./),
    });
    expect(headers.has("access-control-allow-origin")).toBe(false);
  });

  test.each([ours, local])("may be read by a page of %s", async (origin) => {
    const { headers } = await call(from(origin));
    expect(headers.get("access-control-allow-origin")).toBe(origin);
    expect(headers.get("vary")).toBe("Origin");
    const exposed = headers.get("access-control-expose-headers")?.toLowerCase().split(", ");
    expect(exposed).toEqual(
      expect.arrayContaining(["etag", "location", "retry-after", "x-request-id"]),
    );
    // A page sends its own token; with cookies it could be made to send somebody else's.
    expect(headers.has("access-control-allow-credentials")).toBe(false);
  });

  test.each([
    undefined,
    "null",
    "https://evil.example",
    "https://console.example.evil.example",
    "https://console.example:8443",
    "http://console.example",
    "http://localhost",
    `${ours}, https://evil.example`,
  ])("may not be read by a page of %s", async (origin) => {
    const { headers, status: answered } = await call(from(origin));
    expect(answered).toBe(status);
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(headers.get("vary")).toBe("Origin");
  });

  test("leaves the demand for https to host.json: the host drops it from a function's answer", async () => {
    const secure = await call({ "x-forwarded-proto": "https" });
    expect(secure.status).toBe(status);
    expect(secure.headers.get("strict-transport-security")).toBeNull();
    const { extensions } = JSON.parse(
      readFileSync(new URL("../../host.json", import.meta.url), "utf8"),
    ) as { extensions: { http: unknown } };
    expect(extensions.http).toMatchObject({ hsts: { isEnabled: true, maxAge: "365" } });
  });
});

const ask = (path: string, origin: string | undefined): Promise<Answered> =>
  app.call("OPTIONS", path, {
    anonymous: true,
    headers: {
      ...from(origin),
      "access-control-request-method": "PATCH",
      "access-control-request-headers": "authorization,content-type,if-match",
    },
  });
const told = ({ status, headers, body }: Answered) => ({
  status,
  body,
  headers: Object.fromEntries(
    [...headers].filter(
      ([name]) => !/^(x-request-id|x-ms-invocation-id|date|connection|keep-alive)$/.test(name),
    ),
  ),
});
const trail = async () => (await app.call("GET", "/api/v1/audit?top=1")).body;
const valueOf = (body: unknown): unknown => (body as { readonly value: unknown }).value;

describe("a preflight", () => {
  const paths = [...new Set(operations.map(({ path }) => `/${path.replaceAll(/[{}]/g, "")}`))];

  test.each(paths)("for %s is answered without a token, like one for no path", async (path) => {
    const answer = await ask(path, ours);
    expect(answer).toMatchObject({ status: 204, body: "" });
    const { headers } = answer;
    expect(headers.get("access-control-allow-origin")).toBe(ours);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
      expect(headers.get("access-control-allow-methods")).toContain(method);
    const allowed = headers.get("access-control-allow-headers")?.toLowerCase().split(", ");
    for (const name of [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-match",
      "if-none-match",
    ])
      expect(allowed).toContain(name);
    expect(headers.get("access-control-max-age")).toBe("600");
    expect(headers.get("content-security-policy")).toContain("'none'");
    expect(told(answer)).toEqual(told(await ask("/api/v9/nothing", ours)));
  });

  test.each([undefined, "null", "https://evil.example", "*"])(
    "of a page of %s is told nothing",
    async (origin) => {
      const answer = await ask("/api/v1/tenants", origin);
      expect(answer).toMatchObject({ status: 204, body: "" });
      const names = [...answer.headers.keys()];
      expect(names.filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(answer.headers.get("vary")).toBe("Origin");
    },
  );

  test("leaves no trace in the trail, and stands in nobody's way", async () => {
    const before = await trail();
    await Promise.all(paths.map((path) => ask(path, "https://evil.example")));
    // The token of the next page is sealed anew each time.
    expect(valueOf(await trail())).toEqual(valueOf(before));
  });
});

test("without the setting no page may call", async () => {
  const other = await startApp();
  try {
    const headers = { origin: ours, "access-control-request-method": "GET" };
    const answer = await other.call("OPTIONS", "/api/v1/tenants", { anonymous: true, headers });
    const names = [...answer.headers.keys()];
    expect(answer.status).toBe(204);
    expect(names.filter((name) => name.startsWith("access-control"))).toEqual([]);
  } finally {
    await other.stop();
  }
});
