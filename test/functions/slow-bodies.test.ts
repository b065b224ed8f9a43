/**
 * Bodies that come a byte at a time: each is ended in its time, and nobody else waits for that. And large ones, whose
 * callers hear what is wrong, although the host sends all of a body before it listens for an answer.
 */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { anyIds } from "./access/changes.ts";
import { adminToken, type RunningApp, type Sent, startApp } from "./support/running-app.ts";

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

/** What the app said of the refused requests of an operation, in its log. */
const refusals = (name: string): readonly string[] =>
  app.logged().filter((line) => line.includes("request.refuse") && line.includes(`"${name}"`));

test("a body that trickles is ended for every operation that takes one, and everybody else is served meanwhile", async () => {
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
  // The host still sends, and so hears nothing of the 408.
  expect(new Set(ended.map(({ status }) => status))).toEqual(new Set([500]));
  for (const { name } of ended) expect(refusals(name).join()).toContain("body-too-slow");
  for (const { seconds } of ended) expect(seconds).toBeGreaterThan(29);
  for (const { seconds } of ended) expect(seconds).toBeLessThan(40);
  expect(new Set(served)).toEqual(new Set([200]));
  expect(served.length).toBeGreaterThan(30);
  expect(Math.max(...waits)).toBeLessThan(5_000);
}, 60_000);

test("a stranger's body, and one that no operation takes, are not waited for long", async () => {
  const [stranger, unwanted, nowhere] = await Promise.all([
    trickle("POST", "/api/v1/tenants", { authorization: "Bearer guess" }),
    trickle("POST", `/api/v1/tenants/${tenantId}/devices/refresh`, admin),
    trickle("POST", "/api/v1/nothing", admin),
  ]);
  expect([stranger.status, unwanted.status, nowhere.status]).toEqual([500, 500, 500]);
  for (const { seconds } of [stranger, unwanted, nowhere]) expect(seconds).toBeLessThan(10);
});

test("a body that says how long it is, and trickles, is ended by the host before the app hears of it", async () => {
  const ended = await trickle("POST", "/api/v1/tenants", { ...admin, "content-length": "1000" });
  expect(ended.status).toBe(408);
  expect(ended.seconds).toBeLessThan(15);
});

const mebibyte = 1024 * 1024;

/** So many MiB, with their length or in pieces. */
function filling(size: number, inPieces: boolean, pauseMs = 0): Sent["raw"] {
  // JSON whose one text is long: the host looks at it before the app does.
  if (!inPieces) return JSON.stringify({ displayName: "x".repeat(size * mebibyte) });
  let left = size * 4;
  return new ReadableStream({
    async pull(controller) {
      if (left === 0) return controller.close();
      left -= 1;
      await sleep(pauseMs);
      controller.enqueue(Buffer.alloc(mebibyte / 4, 0x20));
    },
  });
}

const post = (path: string, raw: Sent["raw"], sent: Sent = {}) =>
  app.call("POST", path, { ...sent, ...(raw === undefined ? {} : { raw }) });
const tenants = "/api/v1/tenants";
const csv = { headers: { "content-type": "text/csv" } };

test.each([6, 20, 99])(
  "%i MiB are too large for JSON and for a file, in pieces too, and whoever sends them hears it",
  async (size) => {
    const registrations = `${tenants}/${tenantId}/registrations`;
    const large = { status: 413, body: { code: "body-too-large" } };
    for (const inPieces of size < 50 ? [false, true] : [true])
      expect(await post(tenants, filling(size, inPieces))).toMatchObject(large);
    for (const inPieces of size < 50 ? [false, true] : [false])
      expect(await post(registrations, filling(size, inPieces), csv)).toMatchObject(large);
  },
);

test.each([
  ["with its length", 20, false],
  ["in pieces", 9, true],
])("a stranger's body %s, of %i MiB, gets its 401", async (_, size, inPieces) => {
  const refused = { status: 401, body: { code: "unauthenticated" } };
  expect(await post(tenants, filling(size, inPieces), { anonymous: true })).toMatchObject(refused);
});

test("a body that is too large and comes slowly gets its 413", async () => {
  const answer = await post(tenants, filling(6, true, 250));
  expect(answer).toMatchObject({ status: 413, body: { code: "body-too-large" } });
});

test("a body in pieces beyond what the host takes is ended by the host", async () => {
  const { status, body } = await post(tenants, filling(140, true));
  expect([status, body]).toEqual([500, ""]);
});
