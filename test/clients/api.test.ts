import { globSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type Api, apiAt, type CallName, type Refused } from "../../clients/api.ts";
import { operations } from "../../functions/functions.ts";
import { openApiDocument } from "../../shared/http/operation.ts";

type Answer = {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
};
type Asked = Pick<IncomingMessage, "method" | "url" | "headers"> & { readonly body: string };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server of our own that answers one after the other, and the client of it. */
async function serving(...answers: readonly Answer[]) {
  const asked: Asked[] = [];
  const waited: number[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method, url, headers } = request;
    const parts: Buffer[] = await request.toArray();
    asked.push({ method, url, headers, body: Buffer.concat(parts).toString() });
    const { status = 200, headers: own = {}, body } = answers[asked.length - 1] ?? {};
    response.writeHead(status, { "content-type": "application/json", ...own });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const wait = (seconds: number) => Promise.resolve(void waited.push(seconds));
  const api = apiAt({ baseUrl, token: () => Promise.resolve("a-token"), wait });
  return { api, baseUrl, asked, waited };
}

const nobody = () => Promise.resolve(undefined);
const linked = (nextLink: string) => ({ body: { value: [], nextLink } });
const params = { tenantId: "a tenant/1" };
const refusal = (code: string, headers: Record<string, string> = {}): Answer => ({
  status: 403,
  headers: { "content-type": "application/problem+json", ...headers },
  body: { code, status: 403, detail: "" },
});
const later = (code: string): Answer => refusal(code, { "retry-after": "3" });
const send = (api: Api, more: { readonly idempotencyKey?: string } = {}) =>
  api.call("POST /api/v1/tenants/{tenantId}/notifications", {
    params,
    query: { dryRun: undefined },
    body: { action: "syncDevice", target: { kind: "tenant" } },
    ...more,
  });

test("a call is sent as its name, parameters, body and key say, with the caller's token", async () => {
  const made = {
    status: 202,
    headers: { location: "/x", "retry-after": "2", etag: '"e"' },
    body: {},
  };
  const { api, asked } = await serving(made);
  const answer = await send(api, { idempotencyKey: "once" });
  expect(answer).toEqual({
    ok: true,
    status: 202,
    body: {},
    location: "/x",
    retryAfterSeconds: 2,
    etag: '"e"',
  });
  expect(asked).toMatchObject([
    {
      method: "POST",
      url: "/api/v1/tenants/a%20tenant%2F1/notifications",
      headers: {
        authorization: "Bearer a-token",
        "content-type": "application/json",
        "idempotency-key": "once",
      },
      body: '{"action":"syncDevice","target":{"kind":"tenant"}}',
    },
  ]);
});

test("a problem document is a value, and so is an answer that is none of Muster's", async () => {
  const page = { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad gateway" };
  const { api } = await serving(refusal("forbidden"), page, { body: "{" });
  const problems = [];
  for (const _ of "123") problems.push((await api.call("GET /api/v1/me")) as Refused);
  expect(problems.map(({ ok, problem }) => [ok, problem.code, problem.status])).toEqual([
    [false, "forbidden", 403],
    [false, "not-understood", 502],
    [false, "not-understood", 200],
  ]);
});

test("who is not reached is told apart from who refuses; who stops waiting gets what they threw", async () => {
  const api = apiAt({ baseUrl: "http://127.0.0.1:1", token: nobody });
  expect(await api.call("GET /api/v1/me")).toMatchObject({
    ok: false,
    problem: { code: "not-reached" },
  });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(api.call("GET /api/v1/me", { signal })).rejects.toThrow("enough");
});

test("a call that was told to come later waits so long; one that may be done twice does not", async () => {
  const { api, asked, waited } = await serving(
    later("graph-unavailable"),
    later("graph-unavailable"),
    { body: {} },
  );
  expect(await send(api, { idempotencyKey: "once" })).toMatchObject({ ok: true });
  expect({ waited, times: asked.length }).toEqual({ waited: [3, 3], times: 3 });
  const unsure = await serving(later("graph-unavailable"));
  expect(await send(unsure.api)).toMatchObject({ ok: false, retryAfterSeconds: 3 });
  expect(unsure.waited).toEqual([]);
  const refused = await serving(later("too-many-requests"), { body: {} });
  expect(await send(refused.api)).toMatchObject({ ok: true });
  const never = await serving(...Array.from({ length: 9 }, () => later("too-many-requests")));
  expect(await send(never.api)).toMatchObject({ ok: false });
  expect(never.asked).toHaveLength(5);
});

test("what has not changed is the very answer that was known", async () => {
  const { api, asked } = await serving(
    { headers: { etag: '"1"' }, body: { value: [] } },
    { status: 304 },
  );
  const known = await api.call("GET /api/v1/tenants");
  expect(known.ok).toBe(true);
  expect(await api.reread("GET /api/v1/tenants", known.ok ? known : undefined)).toBe(known);
  expect(asked.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, '"1"']);
});

test("a list is read page by page until there is no next one, and no token goes elsewhere", async () => {
  const { api, asked } = await serving(
    linked("/api/v1/tenants?pageToken=2"),
    linked("https://elsewhere.example/api/v1/tenants"),
  );
  const codes = [];
  for await (const page of api.pages("GET /api/v1/tenants", { query: { top: 5 } }))
    codes.push(page.ok ? page.status : page.problem.code);
  expect(codes).toEqual([200, 200, "not-understood"]);
  expect(asked.map(({ url }) => url)).toEqual([
    "/api/v1/tenants?top=5",
    "/api/v1/tenants?pageToken=2",
  ]);
});

test("every call that a client names is in the API document", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { paths } = openApiDocument(operations, "0") as { readonly paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const named = globSync("{clients,console}/**/*.{ts,tsx}", { cwd: root }).flatMap((path) =>
    Array.from(
      readFileSync(`${root}/${path}`, "utf8").matchAll(
        /"((?:GET|POST|PUT|PATCH|DELETE) \/[^"]+)"/g,
      ),
      ([, name]) => name,
    ),
  );
  expect(described).toEqual(expect.arrayContaining(named));
  const listed: readonly CallName[] = ["GET /api/v1/me"];
  expect(described).toEqual(expect.arrayContaining([...listed]));
});

test("a name that is no call, a parameter that it does not take and a wrong word do not compile", async () => {
  const { api } = await serving();
  // @ts-expect-error -- no such path
  await api.call("GET /api/v1/nothing");
  // @ts-expect-error -- its parameters are missing
  await api.call("GET /api/v1/tenants/{tenantId}");
  // @ts-expect-error -- it reads, and knows no keys
  await api.call("GET /api/v1/me", { idempotencyKey: "once" });
  const name = "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries";
  const ids = { tenantId: "a", notificationId: "b" };
  // @ts-expect-error -- no such state
  await api.call(name, { params: ids, query: { state: "faild" } });
  const answer = await api.call(name, { params: ids, query: { state: "failed", top: 5 } });
  expect(answer.ok).toBe(true);
});
