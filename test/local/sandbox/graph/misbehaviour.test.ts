/** Misbehaviour on demand, and what it leaves in the ledger. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

const list = "/v1.0/deviceManagement/managedDevices";
let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

/** A tenant that misbehaves in some way, and how to sync its devices one by one. */
async function misbehaving(settings: Record<string, unknown>) {
  const tenant = await sandbox.tenant({ ...onlyIntuneWindows, devices: 60 });
  const ids = (await tenant.devices(60)).map(({ id }) => id);
  await tenant.behave(settings);
  return { tenant, ids };
}

const sync = (tenant: TestTenant, id: string | undefined) =>
  tenant.graph("POST", `${list}/${id}/syncDevice`);

async function total(tenant: TestTenant): Promise<number> {
  const { body } = await sandbox.control("GET", `/ledger/summary?tenantId=${tenant.id}`);
  return body["total"] as number;
}

describe("throttling", () => {
  it("answers 429 past the limit, for this tenant alone", async () => {
    const { tenant, ids } = await misbehaving({
      throttle: { limit: 3, windowSeconds: 600, retryAfter: 9 },
    });
    const other = await misbehaving({});
    const statuses: number[] = [];
    for (const id of ids.slice(0, 5)) statuses.push((await sync(tenant, id)).status);
    expect(statuses).toEqual([204, 204, 204, 429, 429]);
    const refused = await sync(tenant, ids[0]);
    expect(refused.headers.get("retry-after")).toBe("9");
    expect(await total(tenant)).toBe(3);
    expect((await sync(other.tenant, other.ids[0])).status).toBe(204);
  });

  it("can leave out how long to wait", async () => {
    const { tenant, ids } = await misbehaving({
      throttle: { limit: 0, windowSeconds: 1, retryAfter: false },
    });
    const refused = await sync(tenant, ids[0]);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, null]);
  });

  it("counts a bulk action as one request", async () => {
    const { tenant, ids } = await misbehaving({ throttle: { limit: 2, windowSeconds: 600 } });
    const body = { actionName: "syncDevice", deviceIds: ids };
    const bulk = () =>
      tenant.graph("POST", "/beta/deviceManagement/managedDevices/executeAction", body);
    expect([(await bulk()).status, (await bulk()).status, (await bulk()).status]).toEqual([
      200, 200, 429,
    ]);
  });

  it("lets requests through again in the next window", async () => {
    const { tenant, ids } = await misbehaving({ throttle: { limit: 1, windowSeconds: 0.05 } });
    await sync(tenant, ids[0]);
    await expect.poll(async () => (await sync(tenant, ids[1])).status, { interval: 60 }).toBe(204);
  });

  it("at random names a time to wait in about half of the answers", async () => {
    const { tenant, ids } = await misbehaving({ throttleRate: 0.8, seed: 5 });
    const answers = await Promise.all(ids.map((id) => sync(tenant, id)));
    const refused = answers.filter(({ status }) => status === 429);
    const waiting = refused.filter(({ headers }) => headers.get("retry-after") !== null);
    expect(refused.length).toBeGreaterThan(35);
    expect(waiting.length).toBeGreaterThan(10);
    expect(waiting.length).toBeLessThan(refused.length - 10);
    expect(await total(tenant)).toBe(60 - refused.length);
  });
});

describe("broken connections", () => {
  it("come before the effect in half of the cases, and after it in the others", async () => {
    const { tenant, ids } = await misbehaving({ cutRate: 1, seed: 2 });
    const outcomes = await Promise.allSettled(ids.map((id) => sync(tenant, id)));
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    const effects = await total(tenant);
    expect(effects).toBeGreaterThan(15);
    expect(effects).toBeLessThan(45);
  });

  it("repeat with their seed", async () => {
    const { tenant, ids } = await misbehaving({ cutRate: 0.5, seed: 8 });
    const run = async (): Promise<string> => {
      await tenant.behave({ seed: 8 });
      let outcome = "";
      for (const id of ids.slice(0, 25))
        outcome += await sync(tenant, id).then(
          () => "+",
          () => "-",
        );
      return outcome;
    };
    const first = await run();
    expect(await run()).toBe(first);
    expect(first).toContain("+");
    expect(first).toContain("-");
  });
});

describe("slowness", () => {
  it("takes the effect at once and answers late", async () => {
    const { tenant, ids } = await misbehaving({ slowRate: 1, slowMs: 400 });
    let answered = false;
    const answer = sync(tenant, ids[0]).finally(() => {
      answered = true;
    });
    await expect.poll(() => total(tenant), { interval: 10 }).toBe(1);
    expect(answered).toBe(false);
    await answer;
  });

  it("of every answer is at least the latency", async () => {
    const { tenant, ids } = await misbehaving({ latencyMs: 80 });
    const started = performance.now();
    await sync(tenant, ids[0]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(79);
  });
});

it.for([
  [true, 400],
  [403, 403],
  [501, 501],
] as const)("bulk actions can be refused: %s", async ([rejectBulk, status]) => {
  const { tenant, ids } = await misbehaving({ rejectBulk });
  const body = { actionName: "syncDevice", deviceIds: ids };
  const answer = await tenant.graph(
    "POST",
    "/beta/deviceManagement/managedDevices/executeAction",
    body,
  );
  expect(answer.status).toBe(status);
  expect((await sync(tenant, ids[0])).status).toBe(204);
  expect(await total(tenant)).toBe(1);
});

it("a 503 has no effect", async () => {
  const { tenant, ids } = await misbehaving({ errorRate: 1 });
  expect((await sync(tenant, ids[0])).status).toBe(503);
  expect(await total(tenant)).toBe(0);
});
