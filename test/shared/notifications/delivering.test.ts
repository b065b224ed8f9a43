/** Delivering without storage: what a pass does, and what outcomes mean. */

import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { endOf, maxAttempts } from "../../../shared/fanout/engine/change-rows.ts";
import { decidePass, transitionOf } from "../../../shared/fanout/engine/decide-pass.ts";
import { type Call, costOf, type Outcome } from "../../../shared/fanout/kind.ts";
import { apply, type Item, type Transition } from "../../../shared/fanout/state/item.ts";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphClient } from "../../../shared/graph/client.ts";
import type { ActionCall } from "../../../shared/notifications/kind.ts";
import { idOf, kind, kindOver, running, states, waiting } from "./support/arbitrary-delivery.ts";

/** Positions of the restart's routes. */
const [bySite, byIntune] = [0, 1];
const limits = { now: 50_000, claimMs: 10_000, budget: 1_000 };
const one = (more: Partial<Item>): Item => waiting(1, { route: byIntune, ...more });
const formOf = (call: Call | undefined) => (call as ActionCall | undefined)?.request.form;
const decide = (delivery: Item, notification = running(), more = {}) => {
  const pass = decidePass(kind, notification, [delivery], { ...limits, ...more });
  const settled = pass.settle.get(delivery.targetId);
  return {
    does: settled?.details?.code ?? (pass.readBack.length > 0 ? "look" : formOf(pass.calls[0])),
    again: pass.again,
  };
};

describe("a pass", () => {
  test.each<[string, Partial<Item>, object]>([
    ["sends what waits", {}, { does: "bulk" }],
    ["asks singly what bulk was refused for", { singly: true }, { does: "batch" }],
    ["leaves what is not yet due", { notBefore: 50_001 }, { again: 50_001 }],
    ["sends what is due", { notBefore: 50_000 }, { does: "bulk" }],
    ["leaves a fresh mark", { state: "claimed", claimedAt: 40_001 }, { again: 50_001 }],
    ["looks behind an old mark", { state: "claimed", claimedAt: 40_000 }, { does: "look" }],
    ["gives up at the limit", { attempts: maxAttempts }, { does: "too-many-attempts" }],
    ["tries up to the limit", { attempts: maxAttempts - 1 }, { does: "bulk" }],
    ["leaves what the relay carries", { route: bySite }, {}],
    ["leaves the relay's claims", { route: bySite, state: "claimed", claimedAt: 1 }, {}],
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
    expect(decide(one({ state: "claimed", claimedAt: 1 }), cancelling).does).toBe("look");
  });

  it("expires what waits at the notification's end and not before", () => {
    expect(decide(one({}), running({ expiresAt: 50_000 })).does).toBe("expired");
    expect(decide(one({}), running({ expiresAt: 50_001 })).does).toBe("bulk");
  });

  it("cancels what has left the target", () => {
    expect(decide(one({}), running(), { outOfScope: new Set([idOf(1)]) }).does).toBe("left-target");
  });

  it("never spends more than its budget, and says when something is left", () => {
    const lists = fc.array(fc.boolean(), { maxLength: 300 });
    fc.assert(
      fc.property(lists, fc.nat(60), (alone, budget) => {
        const deliveries = alone.map((each, nth) =>
          waiting(nth, { route: byIntune, ...(each ? { singly: true } : {}) }),
        );
        const pass = decidePass(kind, running(), deliveries, { ...limits, budget });
        const spent = pass.calls.reduce((sum, call) => sum + costOf(call), 0);
        expect(spent).toBeLessThanOrEqual(budget);
        const chosen = pass.calls.flatMap(({ targetIds }) => targetIds);
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
    ["its time", [kind, running(), one({ unclear: 1 }), 200_000], "its time ended"],
    [
      "a cancellation",
      [kind, running({ state: "cancelling" }), one({ unclear: 1 }), 0],
      "cancelled before it left",
    ],
    [
      "too many attempts",
      [kind, running(), one({ unclear: 1, attempts: maxAttempts }), 0],
      "gave up",
    ],
    ["leaving the target", [kind, running(), one({ unclear: 1 }), 0, true], "no longer finds"],
  ])("of what may have been done is unknown, also by %s", (_, given, why) => {
    const step = endOf(...given);
    expect(step).toMatchObject({ event: "lose", details: { code: "no-clear-answer" } });
    expect(step?.details?.detail).toContain(why);
  });

  it("by its time tells the latest reason", () => {
    const detail = endOf(kind, running(), one({ detail: "Graph was not available" }), 200_000)
      ?.details?.detail;
    expect(detail).toBe("its time ended before it left; the latest try: Graph was not available");
  });

  test.each<[string, Partial<Item>, string]>([
    ["its turn", {}, "it waited for its turn"],
    ["its relay", { route: bySite }, "no relay of its site asked for it"],
    ["nobody knows what", { attempts: 2 }, "tried twice or more, without a reason"],
  ])("by its time, before anybody had answered, says that it waited for %s", (_, more, why) => {
    const detail = endOf(kind, running(), one(more), 200_000)?.details?.detail;
    expect(detail).toContain("its time ended before it left");
    expect(detail).toContain(why);
  });

  it("by its time tells the latest reason, whatever claims and postponements came behind it", () => {
    let delivery = one({});
    const steps: readonly Transition[] = [
      { event: "claim", details: { claimedAt: 1 } },
      { event: "postpone", details: { code: "graph-busy", detail: "the database is gone" } },
      { event: "claim", details: { claimedAt: 2 } },
      { event: "postpone", details: { singly: true } },
    ];
    for (const { event, details } of steps) delivery = apply(delivery, event, 1, details);
    expect(endOf(kind, running(), delivery, 200_000)?.details?.detail).toContain(
      "the database is gone",
    );
  });

  it("names what went wrong at the last attempt", () => {
    const tired = one({ attempts: maxAttempts, detail: "Graph throttled the tenant" });
    expect(endOf(kind, running(), tired, 0)?.details?.detail).toContain(
      "Graph throttled the tenant",
    );
  });
});

/** What an answer means at 1,000 ms. */
const at = (outcome: Outcome, attempts = 1, random = 0) =>
  transitionOf(outcome, { ...one({}), attempts }, 1_000, random);

describe("an outcome", () => {
  test.each<[Outcome, object | undefined]>([
    [{ kind: "accepted" }, { event: "accept" }],
    [{ kind: "done" }, { event: "finish" }],
    [
      { kind: "declined", code: "c", detail: "d" },
      { event: "decline", details: { code: "c", detail: "d" } },
    ],
    [
      { kind: "failed", code: "c", detail: "d" },
      { event: "fail", details: { code: "c", detail: "d" } },
    ],
    [
      { kind: "singly", code: "bulk-refused", why: "bulk was refused" },
      {
        event: "postpone",
        details: { singly: true, code: "bulk-refused", detail: "bulk was refused" },
      },
    ],
    [
      { kind: "unclear", why: "cut" },
      { event: "doubt", details: { code: "no-clear-answer", detail: "cut" } },
    ],
    [
      { kind: "unclear", why: "cut", atMost: 50 },
      { event: "doubt", details: { code: "too-much-at-once", detail: "cut", atMost: 50 } },
    ],
    [
      { kind: "later", throttled: true, afterMs: 7_000, code: "graph-busy", why: "w" },
      { event: "postpone", details: { notBefore: 8_000, code: "graph-busy", detail: "w" } },
    ],
  ])("%o means %o", (outcome, step) => {
    expect(at(outcome)).toEqual(step);
  });

  it("without a time is asked for again after a back-off that grows to a quarter of an hour", () => {
    const busy: Outcome = { kind: "later", throttled: false, code: "graph-busy", why: "w" };
    const waits = [1, 2, 3, 20].map(
      (tries) => (at(busy, tries, 1)?.details?.notBefore ?? 0) - 1_000,
    );
    expect(waits).toEqual([5_000, 10_000, 20_000, 900_000]);
    expect(at(busy, 1, 0)?.details?.notBefore).toBe(3_500);
  });
});

/** What becomes of a waiting delivery when Graph answers its call so. */
async function answered(answer: GraphAnswer) {
  const graph = { ask: () => Promise.resolve(answer) } as unknown as GraphClient;
  const own = kindOver({ graph });
  const [call] = own.calls(running(), [one({})]);
  if (call === undefined) throw new Error("no call");
  const outcome = (await own.execute(running(), call, () => true)).get(idOf(1));
  return outcome && at(outcome);
}

describe("Graph's answer", () => {
  test.each<[string, GraphAnswer, object]>([
    [
      "refuses bulk",
      { kind: "refused", reason: "forbidden", code: "c", message: "m" },
      { event: "postpone", details: { singly: true, code: "bulk-refused" } },
    ],
    [
      "is busy",
      { kind: "busy", why: "w", retryAfterMs: 7_000 },
      {
        event: "postpone",
        details: { notBefore: 8_000, code: "graph-busy", detail: "Graph was not available: w" },
      },
    ],
  ])("that %s names its reason", async (_, answer, transition) => {
    expect(await answered(answer)).toMatchObject(transition);
  });
});
