/** Requests that nobody should send, at the running app: each is refused in the app's own words and changes nothing. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  badRequests,
  base,
  problem,
  sending,
  tenantId,
  toDevices,
} from "./support/bad-requests.ts";
import { type Answered, type RunningApp, type Sent, startApp } from "./support/running-app.ts";

let app: RunningApp;
/** A device that exists. */
let deviceId: string;
beforeAll(async () => {
  app = await startApp();
  await app.makeFleet(tenantId, 5);
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
  await app.call("POST", `${base}/devices/refresh`);
  // The last thing that a refresh writes is that it is over: from then on nothing moves.
  while (!(await lastRefresh()).includes("completed")) await sleep(50);
  const { body } = await app.call("GET", `${base}/devices?top=1`);
  deviceId = (body as { value: { deviceId: string }[] }).value[0]?.deviceId ?? "";
});
afterAll(() => app.stop());

const lastRefresh = async (): Promise<string> =>
  JSON.stringify((await app.call("GET", `${base}/refreshes`)).body);

/** Sends it, and answers the problem; what is stored must be as it was before. */
async function refusedAs(method: string, path: string, sent: Sent): Promise<Answered> {
  const before = await app.rows();
  const answer = await app.call(method, path, sent);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(await app.rows()).toEqual(before);
  return answer;
}
test.each(badRequests)(
  "%s is refused, and nothing is written",
  async (_name, method, path, sent, wanted) => {
    expect(await refusedAs(method, path, sent)).toMatchObject(wanted);
  },
);

test("more than 1 MiB in pieces without a length is refused, and nothing is written", async () => {
  const raw = inPieces();
  expect(await refusedAs("POST", sending, { raw })).toMatchObject(problem(413, "body-too-large"));
});

test.each([
  ["because of its length", sending, () => ({ raw: " ".repeat(5_000_000) }), 413],
  ["in pieces", sending, () => ({ raw: inPieces() }), 413],
  ["without a token", sending, () => ({ raw: " ".repeat(5_000_000), anonymous: true }), 401],
  ["for a path that is none", "/api/v1/nothing", () => ({ raw: " ".repeat(5_000_000) }), 404],
] as const)(
  "a large body that is refused %s stands in nobody's way",
  async (_name, path, sent, status) => {
    for (let round = 0; round < 8; round += 1) {
      expect((await app.call("POST", path, sent())).status).toBe(status);
      // On a connection of its own, and on those that are kept.
      const others = [{ connection: "close" }, {}, {}].map((headers) =>
        fetch(`${app.url}/api/v1/health`, { headers, signal: AbortSignal.timeout(4_000) }),
      );
      expect((await Promise.all(others)).map((answer) => answer.status)).toEqual([200, 200, 200]);
    }
  },
);

test("a refused key is free for the corrected request", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const first = await refusedAs("POST", sending, { body: toDevices([randomUUID()]), headers });
  expect(first.status).toBe(404);
  const body = toDevices([deviceId]);
  const second = await app.call("POST", sending, { body, headers });
  const third = await app.call("POST", sending, { body, headers });
  expect([second.status, third.status]).toEqual([202, 202]);
  expect(third.headers.get("location")).toBe(second.headers.get("location"));
  expect(third.headers.get("idempotency-replayed")).toBe("true");
});

test("a tenant that is added twice with one key, at once, is added once and answered alike", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const body = { tenantId: randomUUID(), displayName: "Twice" };
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => app.call("POST", "/api/v1/tenants", { body, headers })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
});

/** A body of a little over 1 MiB that does not say how long it is. */
function inPieces(): ReadableStream<Uint8Array> {
  const piece = new TextEncoder().encode(" ".repeat(64 * 1024));
  let pieces = 0;
  return new ReadableStream({
    pull(controller) {
      pieces += 1;
      if (pieces > 17) controller.close();
      else controller.enqueue(piece);
    },
  });
}
