/** Who speaks for a site: the decision as a table, and the hold on real storage. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newClaimId, operationMarkOf } from "../../../shared/notifications/relay/claim.ts";
import {
  claimUnderLease,
  decideLease,
  isLeaseholder,
  leaseSite,
  type RelayLease,
} from "../../../shared/notifications/relay/lease.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

const now = 1_000_000;
const forMs = 60_000;
const ask = (current: RelayLease | undefined, relayId: string, at: number) =>
  decideLease(current, { relayId, forMs, now: at });

function given(decision: ReturnType<typeof decideLease>): RelayLease {
  if (decision.kind !== "given") throw new Error("the site is taken");
  return decision.lease;
}

describe("a site", () => {
  const first = given(ask(undefined, "a", now));

  test("that nobody has goes to whoever asks, for longer than was promised", () => {
    expect(first).toMatchObject({ relayId: "a", term: 1, seenAt: now });
    expect(first.until - now).toBeGreaterThan(forMs);
  });

  test.each([
    ["right away", now + 1],
    ["when the promised time is just over", now + forMs],
    ["at the last moment", first.until - 1],
  ])("is refused to another relay %s", (_, at) => {
    expect(ask(first, "b", at)).toEqual({ kind: "taken", freeAt: first.until });
  });

  test("of a silent relay goes to another one, in a new term", () => {
    expect(given(ask(first, "b", first.until))).toMatchObject({ relayId: "b", term: 2 });
  });

  test("stays in its term while its relay comes back, however late", () => {
    expect(given(ask(first, "a", now + 30_000)).term).toBe(1);
    expect(given(ask(first, "a", first.until + 3_600_000)).term).toBe(1);
  });

  test("is held by its relay alone, and only for its time", () => {
    expect([isLeaseholder(first, "a", now), isLeaseholder(first, "b", now)]).toEqual([true, false]);
    expect(isLeaseholder(first, "a", first.until)).toBe(false);
    expect(isLeaseholder(undefined, "a", now)).toBe(false);
  });
});

test.each([0, 1, 16_777_300, 0xffffffff])(
  "a claim's id carries the operation number %i",
  (mark) => {
    const id = newClaimId(now, mark);
    expect(id).toMatch(/^[0-9a-z]{23,29}$/);
    expect(operationMarkOf(id)).toBe(mark);
  },
);

/** A site of a tenant that nobody else knows. */
const site = () => ({ tenantId: randomUUID(), siteCode: "P01" });

describe("on storage", () => {
  let rig: NotifyRig;
  beforeAll(async () => {
    rig = await startNotifyRig();
  });
  afterAll(() => rig.stop());
  const hold = (of: ReturnType<typeof site>, relayId: string, laterMs = 0) => {
    const clock = { now: () => Date.now() + laterMs };
    return leaseSite({ ...rig.services, clock }, of, { relayId, seconds: 60 });
  };

  test("of many relays that ask at once exactly one gets the site", async () => {
    const of = site();
    const answers = await Promise.all(Array.from({ length: 6 }, () => hold(of, randomUUID())));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    const codes = answers.flatMap((answer) => (answer.ok ? [] : [answer.failure.code]));
    expect(codes).toEqual(Array.from({ length: 5 }, () => "conflict"));
  });

  test("a relay that goes on is not told as news, one that takes over is", async () => {
    const of = site();
    const [a, b] = [randomUUID(), randomUUID()];
    expect(await hold(of, a)).toMatchObject({ value: { moved: true, view: { term: 1 } } });
    expect(await hold(of, a)).toMatchObject({ value: { moved: false, view: { term: 1 } } });
    expect(await hold(of, b)).toMatchObject({ ok: false, failure: { code: "conflict" } });
    const silence = { value: { moved: true, view: { term: 2 } } };
    expect(await hold(of, b, 71_000)).toMatchObject(silence);
    expect((await rig.services.leases.seen(of.tenantId)).size).toBe(1);
  });

  test("only the relay that has the site can claim", async () => {
    const of = site();
    const [a, b] = [randomUUID(), randomUUID()];
    const rows = { notificationId: "0".repeat(22), from: a, to: b, mark: 0 };
    const claim = (relayId: string) =>
      claimUnderLease(rig.services.notify, rig.services.leases, of, { ...rows, relayId });
    expect(await claim(a)).toMatchObject({ ok: false, failure: { code: "conflict" } });
    await hold(of, a);
    expect(await claim(a)).toEqual({ ok: true });
    expect(await claim(b)).toMatchObject({ ok: false, failure: { code: "conflict" } });
  });
});
