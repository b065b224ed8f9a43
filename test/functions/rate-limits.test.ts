/** Limits for callers, tenants and addresses, at an app that runs with the rates that it ships with. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultRates } from "../../shared/access/guard.ts";
import { audience, delegated, home, sign, startDirectory } from "../shared/access/entra.ts";
import { timesNow } from "./access/door.ts";
import { type Answered, type RunningApp, startApp } from "./support/running-app.ts";

/** A hundredth of the table: two reads of a caller at once, one write of a tenant. */
const factor = 0.01;
const group = randomUUID();

let app: RunningApp;
let directory: Awaited<ReturnType<typeof startDirectory>>;
let key: Awaited<ReturnType<typeof directory.addKey>>;
beforeAll(async () => {
  directory = await startDirectory();
  key = await directory.addKey("one");
  app = await startApp({
    MUSTER_REQUEST_RATE_FACTOR: String(factor),
    MUSTER_AUTHORITY_URL: directory.authorityUrl,
    MUSTER_HOME_TENANT_IDS: home,
    MUSTER_AUDIENCES: audience,
  });
  // One assignment for everybody: whoever sets this up is limited as well.
  const principal = { kind: "group", homeTenantId: home, id: group };
  const body = { principal, roleId: "fullAdministrator", scope: { kind: "everything" } };
  await app.call("POST", "/api/v1/access/assignments", { body });
});
afterAll(async () => {
  await app.stop();
  await directory.stop();
});

let addresses = 0;
/** An address that nobody has called from yet. */
const fresh = (): string => {
  addresses += 1;
  return `203.0.113.${addresses}`;
};

/** Somebody new, in the group. */
async function somebody() {
  const claims = { ...delegated(directory.issuer), ...timesNow(), oid: randomUUID() };
  const token = await sign({ ...claims, groups: [group] }, key, "one");
  return (method: string, path: string, body?: unknown, address = fresh()): Promise<Answered> =>
    app.call(method, path, {
      anonymous: true,
      headers: { authorization: `Bearer ${token}`, "x-forwarded-for": address },
      ...(body === undefined ? {} : { body }),
    });
}

type Rate = { readonly burst: number; readonly perSecond: number };

/** What an account has been let through, and since when it has been asked. */
type Asked = { passed: number; readonly since: number };
const anew = (): Asked => ({ passed: 0, since: performance.now() });

/**
 * Asks, as many at once as there may be and one more, until somebody is limited: a slow machine takes so long that what
 * was used up has come back. However long it takes, no more pass than the rate has left, and each with that status.
 */
async function askUntilLimited(
  asked: Asked,
  { burst, perSecond }: Rate,
  status: number,
  ask: () => Promise<Answered>,
): Promise<Answered> {
  const most = Math.max(1, burst * factor);
  const atOnce = asked.passed === 0 ? Math.floor(most) + 1 : 1;
  for (;;) {
    const answers = await Promise.all(Array.from({ length: atOnce }, ask));
    const passed = answers.filter((answer) => answer.status !== 429);
    asked.passed += passed.length;
    const seconds = (performance.now() - asked.since) / 1000;
    expect(passed.filter((answer) => answer.status !== status)).toEqual([]);
    expect(asked.passed).toBeGreaterThanOrEqual(Math.floor(most));
    expect(asked.passed).toBeLessThanOrEqual(most + seconds * perSecond * factor);
    const limited = answers.find((answer) => answer.status === 429);
    if (limited !== undefined) return limited;
  }
}

const statuses = (answers: readonly Answered[]) => answers.map(({ status }) => status);
/** What a limited caller is told, and for how long. */
const secondsOf = (answer: Answered, account: string): number => {
  expect(answer.body).toMatchObject({
    code: "too-many-requests",
    detail: expect.stringContaining(`for this ${account}`),
  });
  const seconds = answer.headers.get("retry-after") ?? "";
  expect(seconds).toMatch(/^[1-9]\d*$/);
  return Number(seconds);
};

test("a caller's reads are limited, whatever address they come from, and go on when it says so", async () => {
  const call = await somebody();
  const { read } = defaultRates.caller;
  const seconds = secondsOf(
    await askUntilLimited(anew(), read, 200, () => call("GET", "/api/v1/me")),
    "caller",
  );
  expect(seconds).toBeLessThanOrEqual(1 / (read.perSecond * factor) + 1);
  // Somebody else is not, and neither are the same caller's writes.
  expect((await (await somebody())("GET", "/api/v1/me")).status).toBe(200);
  expect((await call("POST", "/api/v1/tenants", {})).status).toBe(400);
  await sleep(seconds * 1000);
  expect((await call("GET", "/api/v1/me")).status).toBe(200);
});

test("a caller's writes are limited, also those that fail", async () => {
  const call = await somebody();
  const write = (): Promise<Answered> => call("POST", "/api/v1/tenants", {});
  const limited = await askUntilLimited(anew(), defaultRates.caller.write, 400, write);
  expect(secondsOf(limited, "caller")).toBeGreaterThan(0);
});

test("a tenant's writes are limited, by however many callers, and another tenant's are not", async () => {
  const [one, other] = [randomUUID(), randomUUID()];
  for (const tenantId of [one, other]) {
    const added = await (await somebody())("POST", "/api/v1/tenants", {
      tenantId,
      displayName: "Contoso",
    });
    expect(added.status).toBe(201);
  }
  const rename = async (tenantId: string) =>
    (await somebody())("PATCH", `/api/v1/tenants/${tenantId}`, { displayName: "Fabrikam" });
  const { write } = defaultRates.tenant;
  const seconds = secondsOf(await askUntilLimited(anew(), write, 200, () => rename(one)), "tenant");
  expect(seconds).toBeLessThanOrEqual(1 / (write.perSecond * factor) + 1);
  expect((await rename(other)).status).toBe(200);
  // Reads are on an account of their own.
  expect((await (await somebody())("GET", `/api/v1/tenants/${one}`)).status).toBe(200);
  await sleep(seconds * 1000);
  expect((await rename(one)).status).toBe(200);
});

test("who is not signed in is limited by address, before any token is looked at", async () => {
  const address = fresh();
  let guesses = 0;
  const knock = (): Promise<Answered> =>
    app.call("GET", "/api/v1/me", {
      anonymous: true,
      headers: {
        authorization: `Bearer guess-${(guesses += 1)}`,
        "x-forwarded-for": `${fresh()}, ${address}`,
      },
    });
  const { read } = defaultRates.address;
  const asked = anew();
  secondsOf(await askUntilLimited(asked, read, 401, knock), "address");
  // A right token does not help from there, and does from elsewhere.
  const there = async () => (await somebody())("GET", "/api/v1/me", undefined, address);
  secondsOf(await askUntilLimited(asked, read, 200, there), "address");
  expect((await (await somebody())("GET", "/api/v1/me")).status).toBe(200);
});

test.each([
  ["/api/v1/health", 200],
  ["/api/v1/openapi.json", 200],
  ["/api/v1/callbacks/sign-in?state=guess&code=x", 404],
  ["/api/v1/callbacks/consent?state=guess&tenant=x", 404],
])(
  "%s is open to everybody, and counted by address like everything before a sign-in",
  async (path, status) => {
    const [address, elsewhere] = [fresh(), fresh()];
    const ask = (from: string): Promise<Answered> =>
      app.call("GET", path, { anonymous: true, headers: { "x-forwarded-for": from } });
    const { read } = defaultRates.address;
    const asked = anew();
    secondsOf(await askUntilLimited(asked, read, status, () => ask(address)), "address");
    const there = async () => (await somebody())("GET", "/api/v1/me", undefined, address);
    const seconds = secondsOf(await askUntilLimited(asked, read, 200, there), "address");
    expect((await ask(elsewhere)).status).toBe(status);
    await sleep(seconds * 1000);
    expect((await ask(address)).status).toBe(status);
  },
);

test("the platform's probes, which bring no address, are answered while strangers hide theirs", async () => {
  const hidden = await Promise.all(
    Array.from({ length: 10 }, () =>
      app.call("GET", "/api/v1/health?headers=x", {
        anonymous: true,
        headers: { "x-forwarded-for": fresh() },
      }),
    ),
  );
  expect(new Set(statuses(hidden))).toEqual(new Set([400, 429]));
  const probe = await app.call("GET", "/api/v1/health", { anonymous: true });
  expect(probe.status).toBe(200);
});

test("requests over the limit are in the log, and not in the trail", async () => {
  expect(app.logged().join("\n")).toContain('"step":"rate-caller"');
  expect(app.logged().join("\n")).toContain('"step":"rate-tenant"');
  expect(app.logged().join("\n")).toContain('"step":"rate-address"');
  const { body } = await (await somebody())("GET", "/api/v1/audit?trails=all&top=1000");
  expect(JSON.stringify(body)).not.toContain("rate-");
});
