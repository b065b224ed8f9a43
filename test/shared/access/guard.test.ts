import { array, assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { auditEventOf, clientAddress, isAudited } from "../../../shared/access/audit/trail.ts";
import {
  accountOf,
  fullBucket,
  Guard,
  limitAnonymousEvents,
  networkOf,
  rateLimiter,
  take,
} from "../../../shared/access/guard.ts";
import type { Assignment } from "../../../shared/access/roles/decide.ts";
import { snapshotOf } from "../../../shared/access/roles/granted.ts";
import type { TokenVerdict } from "../../../shared/access/sign-in/tokens.ts";
import { assign, caller, collections, everything, tenants } from "./standing.ts";
import { noon } from "./tables.ts";

const rate = { burst: 3, perSecond: 1 };
const both = { read: rate, write: rate };

const limiterOf = () =>
  rateLimiter({ now: () => noon }, 1, {
    address: both,
    caller: both,
    tenant: both,
    anonymous: both,
    allAnonymous: both,
  });
const partsOf = (
  assignments: Assignment[],
  verdict: TokenVerdict = { kind: "caller", caller },
) => ({
  checkToken: async () => verdict,
  snapshots: { read: async () => snapshotOf([], assignments), invalidate: () => undefined },
  limiter: limiterOf(),
  isTenant: async (tenantId: string) => tenantId.startsWith("t"),
});
const guard = (...given: Parameters<typeof partsOf>) => new Guard(partsOf(...given));

const fail = () => Promise.reject(new Error("read"));
const knock = (to: Guard, address = "192.0.2.1") =>
  to.authenticate("Bearer x", { address, rate: "read" });

async function ask(to: Guard, operation: string, tenantId?: string) {
  const who = await knock(to);
  return who.kind === "refused"
    ? who
    : to.authorize(who.standing, { operation, target: { tenantId }, rate: "read" });
}

describe("tenants", () => {
  test("one that is not registered is refused like one that is out of reach, word for word", async () => {
    const given = [assign("fullAdministrator", tenants("t1", "gone"))];
    const answers = await Promise.all(
      ["t2", "never", "gone"].map((tenantId) => ask(guard(given), "devices-list", tenantId)),
    );
    const failures = answers.map((answer) => (answer.kind === "refused" ? answer.failure : answer));
    expect(failures[0]).toMatchObject({ code: "forbidden" });
    expect(failures).toEqual(Array.from(failures, () => failures[0]));
  });

  test("are all known to who holds the permission everywhere: the handler says that there is none", async () => {
    const given = [assign("fullAdministrator", everything)];
    expect((await ask(guard(given), "devices-list", "never")).kind).toBe("authorized");
  });

  test("in reach are authorized, with the limits to keep", async () => {
    const given = [assign("fullAdministrator", collections(["t1", "c1"]))];
    expect(await ask(guard(given), "devices-list", "t1")).toMatchObject({
      authorization: { limits: { collectionIds: ["c1"] } },
    });
  });
});

test("an operation that is not listed is refused to everybody", async () => {
  const answer = await ask(guard([assign("fullAdministrator", everything)]), "brand-new", "t1");
  expect(answer).toMatchObject({
    kind: "refused",
    step: "unlisted",
    failure: { code: "forbidden" },
  });
});

test("a refused token is refused before anything is read", async () => {
  const parts = partsOf([], { kind: "refused", step: "signature" });
  const unread = new Guard({ ...parts, snapshots: { ...parts.snapshots, read: fail } });
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
  const to = guard([], verdict);
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
  const to = guard([], { kind: "refused", step: "malformed" });
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

const five = { burst: 5, perSecond: 2 };

test("a burst passes, the next request waits as long as it is told, and then passes", () => {
  let bucket = fullBucket(five, noon);
  for (let n = 0; n < 5; n += 1) bucket = take(bucket, five, noon).bucket;
  const refused = take(bucket, five, noon);
  expect(refused).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
  expect(take(refused.bucket, five, noon + 1000).allowed).toBe(true);
});

test("a clock that jumps back gives nothing away and takes nothing", () => {
  const bucket = { left: 2, at: noon };
  expect(take(bucket, five, noon - 3_600_000)).toMatchObject({ bucket: { left: 1, at: noon } });
});

test("whatever the times, no more pass than the burst and what has flowed in since", () => {
  assert(
    property(array(integer({ min: 0, max: 3000 }), { maxLength: 60 }), (gaps) => {
      let now = noon;
      let bucket = fullBucket(five, now);
      let passed = 0;
      for (const gap of gaps) {
        now += gap;
        const taken = take(bucket, five, now);
        bucket = taken.bucket;
        if (taken.allowed) passed += 1;
      }
      expect(passed).toBeLessThanOrEqual(
        five.burst + ((now - noon) / 1000) * five.perSecond + 1e-6,
      );
    }),
  );
});

test("who waits the told time is never refused again", () => {
  assert(
    property(integer({ min: 0, max: 499 }), integer({ min: 1, max: 50 }), (left, perSecond) => {
      const slow = { burst: 5, perSecond: perSecond / 10 };
      const refused = take({ left: left / 500, at: noon }, slow, noon);
      const seconds = refused.allowed ? 0 : refused.retryAfterSeconds;
      expect(take(refused.bucket, slow, noon + seconds * 1000).allowed).toBe(true);
    }),
  );
});

test("accounts and kinds are counted apart", () => {
  const table = { read: five, write: { burst: 1, perSecond: 1 } };
  const limiter = rateLimiter({ now: () => noon }, 1, {
    caller: table,
    tenant: table,
    address: table,
    anonymous: table,
    allAnonymous: table,
  });
  expect(limiter.count("caller", "ana", "write").ok).toBe(true);
  expect(limiter.count("caller", "ana", "write")).toMatchObject({
    ok: false,
    failure: { code: "too-many-requests", retryAfterSeconds: 1 },
  });
  expect(limiter.count("caller", "ana", "read").ok).toBe(true);
  expect(limiter.count("caller", "bo", "write").ok).toBe(true);
  expect(limiter.count("tenant", "ana", "write").ok).toBe(true);
});

const dayMs = 24 * 3600 * 1000;

test("one place that keeps on asking has few events, and the next one says how many there were not", () => {
  let now = noon;
  const events = limitAnonymousEvents(rateLimiter({ now: () => now }));
  const answers = Array.from({ length: 1000 }, () => events.ask("192.0.2.1"));
  expect(answers.filter(({ audited }) => audited)).toHaveLength(60);
  expect(events.ask("198.51.100.1")).toEqual({ audited: true, unrecorded: 940 });
  now += 5000;
  expect(events.ask("192.0.2.1")).toEqual({ audited: true, unrecorded: 0 });
  expect(events.ask("192.0.2.1")).toEqual({ audited: false, unrecorded: 0 });
  expect(events.ask("198.51.100.1")).toEqual({ audited: true, unrecorded: 1 });
});

test("a day of refused calls from everywhere leaves a bounded number of events, and none uncounted", () => {
  let now = noon;
  const events = limitAnonymousEvents(rateLimiter({ now: () => now }));
  let [written, counted, sent] = [0, 0, 0];
  for (; now < noon + dayMs; now += 500) {
    const { audited, unrecorded } = events.ask(`192.0.${sent % 256}.${(sent >> 8) % 256}`);
    sent += 1;
    if (audited) [written, counted] = [written + 1, counted + unrecorded];
  }
  expect(written).toBeLessThanOrEqual(600 + dayMs / 1000);
  // The last ones are told by the next event.
  now += 1000;
  expect(written + counted + events.ask("203.0.113.1").unrecorded).toBe(sent);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["unknown", "unknown"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
  ["2001:0db8:0000:0001::", "2001:db8:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
])("%s calls from %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
