/** Delivering without storage: what a pass does, and what outcomes mean. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { Action } from "../../../shared/devices/actions/action.ts";
import { costOf } from "../../../shared/devices/actions/calls.ts";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import type { SendOutcome } from "../../../shared/devices/actions/send.ts";
import {
  decidePass,
  endOf,
  maxAttempts,
  stepOf,
} from "../../../shared/notifications/passes/decide-pass.ts";
import { apply, type Delivery, type Step } from "../../../shared/notifications/state/delivery.ts";
import { idOf, running, states, waiting } from "./support/arbitrary-delivery.ts";

const restart = findAction("restart") as Action;
/** Positions of the restart's routes. */
const [bySite, byIntune] = [0, 1];
const limits = { now: 50_000, claimMs: 10_000, budget: 1_000 };
const one = (more: Partial<Delivery>): Delivery => waiting(1, { route: byIntune, ...more });
const decide = (delivery: Delivery, notification = running(), more = {}) => {
  const pass = decidePass(restart, notification, [delivery], { ...limits, ...more });
  const settled = pass.settle.get(delivery.deviceId);
  return {
    does: settled?.details?.code ?? (pass.look.length > 0 ? "look" : pass.calls[0]?.form),
    again: pass.again,
  };
};

describe("a pass", () => {
  test.each<[string, Partial<Delivery>, object]>([
    ["sends what waits", {}, { does: "bulk" }],
    ["asks alone what bulk was refused for", { alone: true }, { does: "batch" }],
    ["leaves what is not yet due", { notBefore: 50_001 }, { again: 50_001 }],
    ["sends what is due", { notBefore: 50_000 }, { does: "bulk" }],
    ["leaves a fresh mark", { state: "claimed", markedAt: 40_001 }, { again: 50_001 }],
    ["looks behind an old mark", { state: "claimed", markedAt: 40_000 }, { does: "look" }],
    ["gives up at the limit", { attempts: maxAttempts }, { does: "too-many-attempts" }],
    ["tries up to the limit", { attempts: maxAttempts - 1 }, { does: "bulk" }],
    ["leaves what the relay carries", { route: bySite }, {}],
    ["leaves the relay's claims", { route: bySite, state: "claimed", markedAt: 1 }, {}],
  ])("%s", (_, more, expected) => {
    expect(decide(one(more))).toEqual({ does: undefined, again: undefined, ...expected });
  });

  test.each(states.filter((state) => state !== "waiting" && state !== "claimed"))(
    "leaves what is %s",
    (state) => {
      expect(decide(one({ state }))).toEqual({ does: undefined, again: undefined });
    },
  );

  it("cancels what waits of a cancelled notification, and still looks behind old marks", () => {
    const cancelling = running({ state: "cancelling" });
    expect(decide(one({}), cancelling).does).toBe("cancelled");
    expect(decide(one({ notBefore: 90_000 }), cancelling).does).toBe("cancelled");
    expect(decide(one({ state: "claimed", markedAt: 1 }), cancelling).does).toBe("look");
  });

  it("expires what waits at the notification's end and not before", () => {
    expect(decide(one({}), running({ expiresAt: 50_000 })).does).toBe("expired");
    expect(decide(one({}), running({ expiresAt: 50_001 })).does).toBe("bulk");
  });

  it("cancels what has left the target", () => {
    expect(decide(one({}), running(), { leavers: new Set([idOf(1)]) }).does).toBe("left-target");
  });

  it("never spends more than its budget, and says when something is left", () => {
    const lists = fc.array(fc.boolean(), { maxLength: 300 });
    fc.assert(
      fc.property(lists, fc.nat(60), (alone, budget) => {
        const deliveries = alone.map((each, nth) =>
          waiting(nth, { route: byIntune, ...(each ? { alone: true } : {}) }),
        );
        const pass = decidePass(restart, running(), deliveries, { ...limits, budget });
        const spent = pass.calls.reduce((sum, call) => sum + costOf(call), 0);
        expect(spent).toBeLessThanOrEqual(budget);
        const chosen = pass.calls.flatMap(({ deviceIds }) => deviceIds);
        expect(new Set(chosen).size).toBe(chosen.length);
        const left = deliveries.length - chosen.length;
        expect(pass.again).toBe(left > 0 ? limits.now : undefined);
        expect(left === 0 || spent === budget).toBe(true);
      }),
    );
  });
});

describe("an ending", () => {
  test.each<[string, Parameters<typeof endOf>, string]>([
    ["its time", [running(), one({ unclear: 1 }), 200_000], "its time ended"],
    [
      "a cancellation",
      [running({ state: "cancelling" }), one({ unclear: 1 }), 0],
      "cancelled before it left",
    ],
    ["too many attempts", [running(), one({ unclear: 1, attempts: maxAttempts }), 0], "gave up"],
    ["leaving the target", [running(), one({ unclear: 1 }), 0, true], "no longer finds"],
  ])("of what may have been done is unknown, also by %s", (_, given, why) => {
    const step = endOf(...given);
    expect(step).toMatchObject({ event: "lose", details: { code: "no-clear-answer" } });
    expect(step?.details?.detail).toContain(why);
  });

  it("by its time tells the latest reason", () => {
    const detail = endOf(running(), one({ detail: "Graph was not available" }), 200_000)?.details
      ?.detail;
    expect(detail).toBe("its time ended before it left; the latest try: Graph was not available");
  });

  test.each<[string, Partial<Delivery>, string]>([
    ["its turn", {}, "it waited for its turn"],
    ["its relay", { route: bySite }, "no relay of its site asked for it"],
    ["nobody knows what", { attempts: 2 }, "tried twice or more, without a reason"],
  ])("by its time, before anybody had answered, says that it waited for %s", (_, more, why) => {
    const detail = endOf(running(), one(more), 200_000)?.details?.detail;
    expect(detail).toContain("its time ended before it left");
    expect(detail).toContain(why);
  });

  it("by its time tells the latest reason, whatever claims and postponements came behind it", () => {
    let delivery = one({});
    const steps: readonly Step[] = [
      { event: "claim", details: { markedAt: 1 } },
      { event: "postpone", details: { code: "graph-busy", detail: "the database is gone" } },
      { event: "claim", details: { markedAt: 2 } },
      { event: "postpone", details: { alone: true } },
    ];
    for (const { event, details } of steps) delivery = apply(delivery, event, 1, details);
    expect(endOf(running(), delivery, 200_000)?.details?.detail).toContain("the database is gone");
  });

  it("names what went wrong at the last attempt", () => {
    const tired = one({ attempts: maxAttempts, detail: "Graph throttled the tenant" });
    expect(endOf(running(), tired, 0)?.details?.detail).toContain("Graph throttled the tenant");
  });
});

/** What an answer means at 1,000 ms. */
const at = (outcome: SendOutcome, attempts = 1, random = 0) =>
  stepOf(outcome, { ...one({}), attempts }, 1_000, random);

describe("Graph's answer", () => {
  test.each<[SendOutcome, object | undefined]>([
    [{ kind: "accepted" }, { event: "accept" }],
    [
      { kind: "declined", code: "c", detail: "d" },
      { event: "decline", details: { code: "c", detail: "d" } },
    ],
    [
      { kind: "failed", code: "c", detail: "d" },
      { event: "fail", details: { code: "c", detail: "d" } },
    ],
    [
      { kind: "alone", why: "bulk was refused" },
      {
        event: "postpone",
        details: { alone: true, code: "bulk-refused", detail: "bulk was refused" },
      },
    ],
    [
      { kind: "unclear", why: "cut" },
      { event: "doubt", details: { code: "no-clear-answer", detail: "cut" } },
    ],
    [
      { kind: "later", throttled: true, afterMs: 7_000, why: "w" },
      { event: "postpone", details: { notBefore: 8_000, code: "graph-busy", detail: "w" } },
    ],
  ])("%o means %o", (outcome, step) => {
    expect(at(outcome)).toEqual(step);
  });

  it("without a time is asked for again after a back-off that grows to a quarter of an hour", () => {
    const busy: SendOutcome = { kind: "later", throttled: false, why: "w" };
    const waits = [1, 2, 3, 20].map(
      (tries) => (at(busy, tries, 1)?.details?.notBefore ?? 0) - 1_000,
    );
    expect(waits).toEqual([5_000, 10_000, 20_000, 900_000]);
    expect(at(busy, 1, 0)?.details?.notBefore).toBe(3_500);
  });
});
