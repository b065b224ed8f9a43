/** Bodies that come a byte at a time: each is ended in its time, and nobody else waits for that. */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { anyIds } from "./access/changes.ts";
import { adminToken, type RunningApp, startApp } from "./support/running-app.ts";

const tenantId = randomUUID();
const pathOf = (path: string): string =>
  `/${path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === "tenantId" ? tenantId : (anyIds.get(name) ?? "x"),
  )}`;
const takeBodies = operations.filter(({ body }) => body !== undefined);

let app: RunningApp;
beforeAll(async () => {
  app = await startApp();
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
});
afterAll(() => app.stop());

type Ended = { readonly status: number; readonly code: unknown; readonly seconds: number };

/** Sends a body that never ends, a byte a second, until there is an answer. */
function trickle(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Ended> {
  const began = performance.now();
  const answered = Promise.withResolvers<Ended>();
  const sent = request(`${app.url}${path}`, {
    method,
    agent: false,
    headers: { "content-type": "application/json", ...headers },
  });
  const timer = setInterval(() => sent.write(" "), 1_000);
  const finish = async (answer: IncomingMessage): Promise<void> => {
    clearInterval(timer);
    const seconds = (performance.now() - began) / 1_000;
    const text = Buffer.concat(await Array.fromAsync(answer)).toString("utf8");
    const { code } = (text.startsWith("{") ? JSON.parse(text) : {}) as { code?: unknown };
    sent.destroy();
    answered.resolve({ status: answer.statusCode ?? 0, code, seconds });
  };
  sent.on("response", (answer) => void finish(answer).catch(answered.reject));
  sent.on("error", answered.reject);
  sent.write("{");
  return answered.promise.finally(() => clearInterval(timer));
}

const admin = { authorization: `Bearer ${adminToken}` };

test("a body that trickles ends with 408 for every operation that takes one, and everybody else is served meanwhile", async () => {
  expect(takeBodies.length).toBeGreaterThan(15);
  const over = new AbortController();
  const slow = Promise.all(
    takeBodies.map(async ({ name, method, path }) => ({
      name,
      ...(await trickle(method, pathOf(path), admin)),
    })),
  ).finally(() => {
    over.abort();
  });
  const served: number[] = [];
  const waits: number[] = [];
  while (!over.signal.aborted) {
    const began = performance.now();
    const answers = await Promise.all([
      app.call("GET", "/api/v1/health", { anonymous: true }),
      app.call("GET", `/api/v1/tenants/${tenantId}`),
      app.call("PATCH", `/api/v1/tenants/${tenantId}`, { body: { displayName: "Fabrikam" } }),
    ]);
    waits.push(performance.now() - began);
    served.push(...answers.map(({ status }) => status));
    await sleep(250);
  }
  const ended = await slow;
  expect(ended.map(({ name, status, code }) => [name, status, code])).toEqual(
    takeBodies.map(({ name }) => [name, 408, "body-too-slow"]),
  );
  for (const { seconds } of ended) expect(seconds).toBeGreaterThan(29);
  for (const { seconds } of ended) expect(seconds).toBeLessThan(40);
  expect(new Set(served)).toEqual(new Set([200]));
  expect(served.length).toBeGreaterThan(30);
  expect(Math.max(...waits)).toBeLessThan(5_000);
}, 60_000);

test("a stranger's body, and one that no operation takes, are not waited for at all", async () => {
  const [stranger, unwanted, nowhere] = await Promise.all([
    trickle("POST", "/api/v1/tenants", { authorization: "Bearer guess" }),
    trickle("POST", `/api/v1/tenants/${tenantId}/devices/refresh`, admin),
    trickle("POST", "/api/v1/nothing", admin),
  ]);
  expect([stranger.status, nowhere.status]).toEqual([401, 404]);
  expect(unwanted.status).toBe(202);
  for (const { seconds } of [stranger, unwanted, nowhere]) expect(seconds).toBeLessThan(6);
});

test("a body that says how long it is, and trickles, is ended by the host before the app hears of it", async () => {
  const ended = await trickle("POST", "/api/v1/tenants", { ...admin, "content-length": "1000" });
  expect(ended.status).toBe(408);
  expect(ended.seconds).toBeLessThan(15);
});
