/** A notification of 1,000 devices, from the request to the last answer of Graph, as one trace in a file; and without telemetry, nothing of it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminToken, type RunningApp, startApp } from "../../functions/support/running-app.ts";

const tenantId = "5b1c0f5e-9a57-4f8e-8a54-0d6a3c1e5c58";
const folder = mkdtempSync(join(tmpdir(), "muster-trace-"));
const file = join(folder, "telemetry.jsonl");

const asked = "POST /api/v1/tenants/{tenantId}/notifications";

type Line = {
  readonly span?: string;
  readonly metric?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly value?: number | { readonly count: number };
};
const lines = (): Line[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

let app: RunningApp;
let notificationId: string;

beforeAll(async () => {
  // Long after what is sent a second later: whichever is due first goes on with a chunk, and both are to be seen.
  app = await startApp({ MUSTER_TELEMETRY: `file:${file}`, MUSTER_CONFIRM_AFTER_SECONDS: "6" });
  await app.makeFleet(tenantId, 1000);
  // Three calls at once, and the others a second apart: the request does not carry all of it.
  const pace = { deviceActions: 24, deviceReads: "unlimited" };
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso", pace } });
  const refreshed = await app.call("POST", `/api/v1/tenants/${tenantId}/devices/refresh`);
  await until(async () => {
    const { body } = await app.call("GET", refreshed.headers.get("location") ?? "");
    return (body as { state: string }).state === "completed";
  });
  const body = { action: "restart", target: { kind: "tenant" }, expiresAfter: "PT10M" };
  const sent = await app.call("POST", `/api/v1/tenants/${tenantId}/notifications`, { body });
  const path = sent.headers.get("location") ?? "";
  notificationId = path.slice(path.lastIndexOf("/") + 1);
  await until(async () => {
    const { body: shown } = await app.call("GET", path);
    const { waiting, done } = (shown as { counts: { waiting: number; done: number } }).counts;
    return waiting === 0 && done > 0;
  });
  // What is kept of metrics goes out at the end.
  await app.stop();
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function until(is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200 && !(await is()); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 200));
}

test("every hop is in one trace", () => {
  const spans = lines().filter(({ span }) => span !== undefined);
  const root = spans.find(({ span }) => span === asked);
  const mine = spans.filter(({ traceId }) => traceId === root?.traceId);
  const byId = new Map(mine.map((line) => [line.spanId, line]));
  const hops = new Set(
    mine.map(({ span, parentSpanId }) => `${byId.get(parentSpanId)?.span} > ${span}`),
  );
  // The request's own parent is the host's.
  expect(mine.filter(({ parentSpanId }) => !byId.has(parentSpanId))).toEqual([root]);
  const steps = [
    `undefined > ${asked}`,
    `${asked} > queue.send fanout-plan`,
    `${asked} > graph.POST`,
    "fanout-dispatch > graph.POST",
    "fanout-read-back > graph.GET",
  ];
  expect([...hops]).toEqual(expect.arrayContaining(steps));
  for (const queue of ["fanout-dispatch", "fanout-read-back"])
    expect(mine.map(({ span }) => span)).toEqual(
      expect.arrayContaining([`queue.send ${queue}`, queue]),
    );
  expect(root?.attributes).toMatchObject({
    "muster.tenantId": tenantId,
    "http.response.status_code": 202,
  });
  const readings = mine.filter(({ span }) => span === "fanout-read-back");
  for (const { attributes } of readings)
    expect(attributes).toMatchObject({
      "muster.jobId": notificationId,
      "muster.kind": "notification",
    });
});

test("metrics count items, calls and waits, and a line of the log names its trace", () => {
  const last = new Map(
    lines().flatMap(({ metric, attributes, value }) =>
      metric === undefined ? [] : [[`${metric} ${Object.values(attributes).join(" ")}`, value]],
    ),
  );
  const sent = last.get("muster.items notification sent");
  expect(sent).toBeGreaterThan(400);
  expect(last.get("muster.items notification claimed")).toBe(sent);
  expect(last.get("muster.graph.requests POST ok")).toBe(5);
  expect(last.get("muster.queue.age fanout-read-back")).toMatchObject({
    count: expect.any(Number),
  });
  expect(last.get("muster.storage.requests table.insert Jobs")).toBeGreaterThan(0);
  const logged = app
    .logged()
    .flatMap((line) => /"event":"notification\.[^}]*"trace":"\w{32}"/.exec(line) ?? []);
  expect(logged.length).toBeGreaterThan(0);
});

test("nothing of what was asked is told: no bodies, names or tokens", () => {
  const text = readFileSync(file, "utf8");
  for (const said of ["Contoso", "PT10M", adminToken, "restart"]) expect(text).not.toContain(said);
  const names = new Set(lines().flatMap(({ attributes }) => Object.keys(attributes)));
  const known =
    /^(muster\.|faas\.|http\.response\.|error\.type$|kind$|state$|code$|queue$|operation$|method$|outcome$|workload$)/;
  expect([...names].filter((name) => !known.test(name))).toEqual([]);
});
