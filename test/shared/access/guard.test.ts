import { describe, expect, test } from "vitest";
import { accountOf, authenticate, authorize } from "../../../shared/access/guard.ts";
import {
  auditEventOf,
  clientAddress,
  isAudited,
  limitAnonymousEvents,
} from "../../../shared/access/request-audit.ts";
import type { Assignment } from "../../../shared/access/roles/assignments.ts";
import { snapshotOf } from "../../../shared/access/roles/snapshot.ts";
import { rateLimiter } from "../../../shared/access/sign-in/rate-limit.ts";
import type { TokenVerdict } from "../../../shared/access/sign-in/tokens.ts";
import { assign, caller, collections, everything, tenants } from "./standing.ts";
import { noon } from "./tables.ts";

const rate = { burst: 3, perSecond: 1 };
const both = { read: rate, write: rate };

const limiterOf = () =>
  rateLimiter(
    { now: () => noon },
    { address: both, caller: both, tenant: both, anonymous: both, allAnonymous: both },
  );
const deps = (assignments: Assignment[], verdict: TokenVerdict = { kind: "caller", caller }) => ({
  checkToken: async () => verdict,
  snapshots: { read: async () => snapshotOf([], assignments), invalidate: () => undefined },
  limiter: limiterOf(),
  anonymousEvents: limitAnonymousEvents(limiterOf()),
  isTenant: async (tenantId: string) => tenantId.startsWith("t"),
});
type Deps = ReturnType<typeof deps>;

const knock = (to: Deps, address = "192.0.2.1") =>
  authenticate(to, { authorization: "Bearer x", address, rate: "read" });

async function ask(to: Deps, operation: string, tenantId?: string) {
  const who = await knock(to);
  return who.kind === "refused"
    ? who
    : authorize(to, who, { operation, target: { tenantId }, rate: "read" });
}

describe("tenants", () => {
  test("one that is not registered is refused like one that is out of reach, word for word", async () => {
    const given = [assign("fullAdministrator", tenants("t1", "gone"))];
    const answers = await Promise.all(
      ["t2", "never", "gone"].map((tenantId) => ask(deps(given), "devices-list", tenantId)),
    );
    const failures = answers.map((answer) => (answer.kind === "refused" ? answer.failure : answer));
    expect(failures[0]).toMatchObject({ code: "forbidden" });
    expect(failures).toEqual(Array.from(failures, () => failures[0]));
  });

  test("are all known to who holds the permission everywhere: the handler says that there is none", async () => {
    const given = [assign("fullAdministrator", everything)];
    expect((await ask(deps(given), "devices-list", "never")).kind).toBe("authorized");
  });

  test("in reach are authorized, with the limits to keep", async () => {
    const given = [assign("fullAdministrator", collections(["t1", "c1"]))];
    expect(await ask(deps(given), "devices-list", "t1")).toMatchObject({
      authorization: { limits: { collectionIds: ["c1"] } },
    });
  });
});

test("an operation that is not listed is refused to everybody", async () => {
  const answer = await ask(deps([assign("fullAdministrator", everything)]), "brand-new", "t1");
  expect(answer).toMatchObject({
    kind: "refused",
    step: "unlisted",
    failure: { code: "forbidden" },
  });
});

test("a refused token is refused before anything is read", async () => {
  const to = { ...deps([], { kind: "refused", step: "signature" }) };
  const unread = {
    ...to,
    snapshots: { ...to.snapshots, read: () => Promise.reject(new Error("read")) },
  };
  expect(await knock(unread)).toMatchObject({
    step: "signature",
    failure: { code: "unauthenticated" },
    audited: true,
  });
});

test.each([
  [
    "wrong tokens from one address",
    { kind: "refused", step: "malformed" } as const,
    "rate-address",
  ],
  ["right ones of one caller", { kind: "caller", caller } as const, "rate-caller"],
])("too many requests with %s wait", async (_name, verdict, step) => {
  const to = deps([], verdict);
  // A caller is one caller from wherever they come.
  const addresses = step === "rate-caller" ? ["a", "b", "c", "d"] : ["a", "a", "a", "a"];
  const answers = [];
  for (const address of addresses) answers.push(await knock(to, address));
  expect(answers.at(-1)).toMatchObject({
    step,
    audited: false,
    failure: { code: "too-many-requests", retryAfterSeconds: 1 },
  });
});

test("addresses of one IPv6 network are one address: whoever has one has all", async () => {
  const to = deps([], { kind: "refused", step: "malformed" });
  const answers = [];
  for (const host of ["1", "2", "3", "4"])
    answers.push(await knock(to, `2001:db8:0:7:${host}::${host}`));
  expect(answers.at(-1)).toMatchObject({ step: "rate-address" });
  expect(await knock(to, "2001:db8:0:8::1")).toMatchObject({ step: "malformed" });
});

describe("the audit event of a request", () => {
  test.each([
    ["GET", "allowed", false],
    ["GET", "refused", true],
    ["POST", "allowed", true],
    ["DELETE", "failed", true],
  ] as const)("%s that was %s: %s", (method, outcome, expected) => {
    expect(isAudited({ note: {}, method, outcome })).toBe(expected);
  });

  const ended = {
    eventId: "e1",
    at: noon,
    caller: undefined,
    ip: undefined,
    operation: "devices-list",
    method: "GET",
    tenantId: undefined,
    outcome: "refused",
    step: "signature",
    requestId: "r1",
    note: {},
  } as const;

  test("of a stranger names nobody", () => {
    expect(auditEventOf(ended)).toEqual({
      eventId: "e1",
      at: "2026-08-10T12:00:00.000Z",
      actor: { kind: "anonymous", id: "" },
      operation: "devices-list",
      outcome: "refused",
      step: "signature",
      requestId: "r1",
    });
  });

  test("of a caller names them, and what their handler noted", () => {
    const note = { object: "role/1", before: null, after: { name: "x" } };
    expect(auditEventOf({ ...ended, caller, tenantId: "t1", note })).toMatchObject({
      actor: { kind: "user", id: "u1", homeTenantId: "home" },
      tenantId: "t1",
      ...note,
    });
  });

  test.each([
    [null, undefined],
    ["", undefined],
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:50123", "192.0.2.1"],
    ["10.0.0.1, 192.0.2.1:50123", "192.0.2.1"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["192.0.2.1, <script>", undefined],
  ])("the address in %j is %j", (header, expected) => {
    expect(clientAddress(header)).toBe(expected);
  });
});

test("a user and an app with one id, and one id in two directories, have accounts of their own", () => {
  const accounts = [caller, { ...caller, kind: "app" as const }, { ...caller, tid: "other" }].map(
    accountOf,
  );
  expect(new Set(accounts).size).toBe(3);
});
