/**
 * Requests whose query or body take the names that the host's trigger metadata has for headers, query and path
 * values: for every operation of the API document. Nothing of them may stand for what was really sent.
 */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { newestFirstId } from "../../shared/kernel/values.ts";
import { type Found, known, tenantId } from "./support/examples.ts";
import { type Answered, type RunningApp, startApp } from "./support/running-app.ts";
import { queries } from "./support/sync-bodies.ts";

const otherTenant = "99999999-9a57-4f8e-8a54-0d6a3c1e5b01";
const admin = `Bearer ${"test-".repeat(8)}`;
/** Values of the right form; whether there is such a thing does not matter here. */
const found: Found = new Map(
  Object.entries({
    ...known,
    notificationId: newestFirstId(Date.UTC(2026, 0, 1)),
    refreshId: newestFirstId(Date.UTC(2026, 0, 1)),
    listPart: "1",
    registrationId: newestFirstId(Date.UTC(2026, 0, 1)),
    reportId: newestFirstId(Date.UTC(2026, 0, 1)),
    roleId: newestFirstId(Date.UTC(2026, 0, 1)),
  }),
);
const fill = (path: string, values: Found = found): string =>
  `/${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values.get(name) ?? tenantId)}`;
const takesBody = (method: string): boolean => method !== "GET" && method !== "DELETE";

let app: RunningApp;
beforeAll(async () => {
  app = await startApp();
  const body = { tenantId, displayName: "Contoso" };
  await app.call("POST", "/api/v1/tenants", { body });
});
afterAll(() => app.stop());

const codeOf = ({ body }: Answered): unknown => (body as { code?: unknown }).code;
const pointersOf = ({ body }: Answered): string[] =>
  ((body as { errors?: { pointer: string }[] }).errors ?? []).map(({ pointer }) => pointer);

const all = operations.map((operation) => ({ ...operation, id: operation.name }));
/** A run takes one in so many. */
const some = <T>(cases: readonly T[]): T[] =>
  cases.filter((_, index) => index % inject("oneCaseIn") === 0);
const guarded = some(all.filter(({ anonymous }) => anonymous !== true));
const named = some(all.filter(({ path }) => path.includes("{")));

test.each(guarded)("$id takes no headers from a body", async ({ method, path }) => {
  for (const name of ["Headers", "headers", "HEADERS"]) {
    const body = { [name]: { authorization: admin, Authorization: admin } };
    const sent = takesBody(method) ? { body, anonymous: true } : { anonymous: true };
    const answer = await app.call(method, fill(path), sent);
    expect([answer.status, codeOf(answer)]).toEqual([401, "unauthenticated"]);
  }
});

test.each(guarded)("$id loses no headers to a query", async ({ method, path }) => {
  const body = takesBody(method) ? {} : undefined;
  for (const name of ["headers", "Headers", "Query", "$request", "req"]) {
    const answer = await app.call(method, `${fill(path)}?${name}=x`, { body });
    expect([answer.status, codeOf(answer)]).toEqual([400, "invalid-request"]);
    expect(pointersOf(answer)).toContain(`/query/${name}`);
  }
});

test.each(named)("$id takes path values from the path alone", async ({ id, method, path }) => {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? "");
  for (const spelling of [names, names.map((name) => name.toUpperCase())]) {
    const query = spelling.map((name) => `${name}=${otherTenant}`).join("&");
    const asked = await app.call(method, `${fill(path)}${queries[id] ?? "?"}&${query}`, {
      body: takesBody(method) ? {} : undefined,
    });
    // The names are unknown to the query; the path's own values are found all the same.
    expect(pointersOf(asked).toSorted()).toEqual(
      spelling.map((name) => `/query/${name}`).toSorted(),
    );
    if (!takesBody(method)) continue;
    const body = Object.fromEntries(spelling.map((name) => [name, otherTenant]));
    const answer = await app.call(method, fill(path), { body });
    expect(pointersOf(answer).filter((pointer) => pointer.startsWith("/path"))).toEqual([]);
    expect(JSON.stringify(answer.body)).not.toContain(`Tenant ${otherTenant}`);
  }
});

test("a body that names path values changes nothing for another tenant", async () => {
  const body = { tenantId: otherTenant, TENANTID: otherTenant, displayName: "Changed" };
  const answer = await app.call("PATCH", `/api/v1/tenants/${tenantId}`, { body });
  expect(pointersOf(answer).toSorted()).toEqual(["/TENANTID", "/tenantId"]);
  const { body: after } = await app.call("GET", `/api/v1/tenants/${tenantId}`);
  expect(after).toMatchObject({ tenantId, displayName: "Contoso" });
});

test("fixed parts of a path may be of either case, as the host has it", async () => {
  const { status, body } = await app.call("GET", `/API/v1/Tenants/${tenantId}/`);
  expect([status, (body as { tenantId: string }).tenantId]).toEqual([200, tenantId]);
});

/** What the audit trail says of the caller's address, after one call with this body. */
async function auditedAddress(raw: string | Buffer, path = "/api/v1/tenants"): Promise<unknown> {
  const headers = { "x-forwarded-for": "203.0.113.7" };
  await app.call("POST", path, { raw: raw as string, headers });
  const { body } = await app.call("GET", "/api/v1/audit?top=1");
  return (body as { value: { ip?: string }[] }).value[0]?.ip;
}

const forged = '{"x-forwarded-for":"198.51.100.9"}';

test.each([
  ["a name in upper case", `{"HEADERS":${forged}}`],
  ["an escaped name", `{"\\u0048eaders":${forged}}`],
  ["a comment that the host skips", `{/**/"headers":${forged}}`],
  ["a name without quotes", `{headers:${forged}}`],
  ["a byte order mark", `\u{feff}{"Headers":${forged}}`],
  ["UTF-16", Buffer.from(`\u{feff}{"Headers":${forged}}`, "utf16le")],
])("%s in a body forges no address in the audit trail", async (_, raw) => {
  expect(await auditedAddress(raw)).toBeUndefined();
});

test.each(["headers", "Headers", "HEADERS"])("a query named %s forges no address", async (name) => {
  const path = `/api/v1/tenants?${name}=${encodeURIComponent(forged)}`;
  expect(await auditedAddress("{}", path)).not.toBe("198.51.100.9");
});

test("a body that a GET brings, and that no function is given, forges no address", async () => {
  const body = `{"Headers":${forged}}`;
  const sent = request(`${app.url}/api/v1/tenants`, {
    headers: { "content-length": body.length, "x-forwarded-for": "203.0.113.7" },
  });
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(401);
  const { body: trail } = await app.call("GET", "/api/v1/audit?top=1");
  const [event] = (trail as { value: { ip?: string; operation?: string }[] }).value;
  expect(event?.operation).toBe("tenants-list");
  expect(event?.ip).not.toBe("198.51.100.9");
});

test("an address that nothing can have replaced is in the audit trail", async () => {
  expect(
    await auditedAddress(JSON.stringify({ tenantId: "no", displayName: "headers \\ of state" })),
  ).toBe("203.0.113.7");
});
