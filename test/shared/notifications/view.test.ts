/** How a notification appears: shares, expected end, retries. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { countedStates, emptyCounts } from "../../../shared/fanout/state/item.ts";
import { sumOf } from "../../../shared/fanout/state/job.ts";
import { beforePlanning } from "../../../shared/fanout/state/rollout.ts";
import { NotificationView } from "../../../shared/notifications/contract.ts";
import {
  deliveryView,
  notificationView,
} from "../../../shared/notifications/read-notifications.ts";
import { running, waiting } from "./support/arbitrary-delivery.ts";

const counts = (some: Partial<ReturnType<typeof emptyCounts>>) => ({ ...emptyCounts(), ...some });
const progress = { ...beforePlanning, done: true };

describe("progress", () => {
  test.each([
    [{ done: 1, sent: 2 }, 33.3],
    [{ done: 999, sent: 1 }, 99.9],
    [{ done: 9_999, sent: 1 }, 99.9],
    [{ done: 3 }, 100],
    [{ offline: 1, expired: 1, cancelled: 1, unknown: 1, failed: 1, notSupported: 1 }, 100],
    [{ notSupported: 90, waiting: 10 }, 0],
    [{ notSupported: 90, sent: 5, done: 5 }, 50],
    [{ notSupported: 90 }, 100],
    [{ waiting: 1, sent: 1 }, 0],
    [{}, 100],
  ])("of %o is %d percent", (some, percent) => {
    const view = notificationView(running(), counts(some), progress, 0);
    expect(view.progress.percent).toBe(percent);
    expect(view.counts["total"]).toBe(Object.values(some).reduce((sum, each) => sum + each, 0));
  });

  it("is a share of the expected number while devices are still being planned", () => {
    const planning = running({ state: "planning", expected: 40 });
    const begun = notificationView(planning, counts({}), undefined, 0);
    expect(begun.progress).toEqual({ planned: false, percent: 0 });
    expect(begun.counts).toMatchObject({ total: 40, waiting: 40 });
    const halfway = { ...progress, done: false };
    const some = notificationView(planning, counts({ notSupported: 20, done: 5 }), halfway, 0);
    expect(some.progress).toEqual({ planned: false, percent: 25 });
    expect(some.counts).toMatchObject({ total: 40, notSupported: 20, done: 5, waiting: 15 });
    const planned = notificationView(planning, counts({ notSupported: 5 }), progress, 0);
    expect(planned.progress).toEqual({ planned: true, percent: 100 });
    expect(planned.counts).toMatchObject({ total: 5, waiting: 0 });
  });

  it("never shows fewer devices than were found, though fewer were expected", () => {
    const planning = running({ state: "planning", expected: 3 });
    const view = notificationView(planning, counts({ sent: 4, done: 1 }), undefined, 0);
    expect(view.counts).toMatchObject({ total: 5, waiting: 0 });
  });

  it("ends when the last answer is read, while planning, sending and confirming, and not when it is over", () => {
    const cost = { items: 1, requests: 1, reads: 1, chunkRequests: 1, chunkReads: 1 };
    const later = { ...progress, cost, lastAt: 60_000 };
    const rates = { send: undefined, read: undefined };
    const outlook = { rates, confirmAfterMs: 30_000, firstReadAt: 0, lastReadAt: 0 };
    const end = (some: object, now: number, state: object = {}, plan: object = {}) =>
      notificationView(running(state), counts(some), { ...later, ...plan }, now, outlook).progress
        .expectedEnd;
    const planning = { state: "planning", expected: 1 };
    expect(end({ waiting: 1 }, 10_000, planning, { done: false })).toBe("1970-01-01T00:01:30.000Z");
    expect(end({ waiting: 1 }, 10_000)).toBe("1970-01-01T00:01:30.000Z");
    expect(end({ waiting: 1 }, 65_000)).toBe("1970-01-01T00:01:35.000Z");
    expect(end({ sent: 1 }, 65_000)).toBe("1970-01-01T00:01:30.000Z");
    expect(end({ done: 1 }, 65_000)).toBeUndefined();
    expect(end({ sent: 1 }, 65_000, { state: "ended" })).toBeUndefined();
  });
});

const wordOf = (some: object, more: object = {}) =>
  notificationView(running({ state: "ended", ...more }), counts(some), progress, 0);

describe("the word for a notification", () => {
  test.each([
    [{ done: 3 }, "completed"],
    [{ done: 3, notSupported: 2 }, "completed"],
    [{ done: 3, failed: 1 }, "partlyCompleted"],
    [{ done: 1, offline: 2 }, "partlyCompleted"],
    [{ done: 1, unknown: 2 }, "partlyCompleted"],
    [{ failed: 3 }, "failed"],
    [{ offline: 3, notSupported: 1 }, "failed"],
    [{ expired: 3 }, "failed"],
    [{ failed: 2, unknown: 1 }, "unknown"],
    [{ notSupported: 3 }, "nothingToSend"],
    [{}, "nothingToSend"],
  ])("that ended with %o is %s", (some, word) => {
    expect(wordOf(some)).toMatchObject({ state: word, final: true });
  });

  test.each([
    ["stopped some", { done: 3, cancelled: 1 }, {}, "cancelled"],
    ["stopped all before they were planned", {}, { cutShort: true }, "cancelled"],
    ["left some unplanned", { done: 3 }, { cutShort: true }, "cancelled"],
    ["came too late for any", { done: 3 }, {}, "completed"],
    ["came too late for any, of which some failed", { done: 3, failed: 1 }, {}, "partlyCompleted"],
  ])("whose cancellation %s follows the counts", (_, some, more, word) => {
    expect(wordOf(some, { state: "cancelled", ...more }).state).toBe(word);
  });

  test.each([
    [{}, "failed"],
    [{ cancelled: 2, failed: 1 }, "failed"],
    [{ cancelled: 2, done: 1 }, "partlyCompleted"],
    [{ done: 3 }, "partlyCompleted"],
    [{ unknown: 1 }, "unknown"],
  ])("that failed as a whole with %o is %s", (some, word) => {
    expect(wordOf(some, { state: "failed", cutShort: true }).state).toBe(word);
  });

  it("is completed for no counts in which a device was asked and none has done it", () => {
    const anyCounts = fc.record(
      Object.fromEntries(countedStates.map((state) => [state, fc.nat(3)])),
    );
    fc.assert(
      fc.property(anyCounts, fc.constantFrom("ended", "cancelled", "failed"), (some, state) => {
        const all = counts(some);
        const asked = sumOf(all) - all.notSupported;
        const { state: word, final } = wordOf(some, { state });
        const wrong =
          (word === "completed" && all.done !== asked) ||
          (asked > 0 && all.done === 0 && /completed/i.test(word));
        expect(wrong).toBe(false);
        expect(final).toBe(true);
      }),
    );
  });

  test.each(["pendingApproval", "planning", "running", "paused", "cancelling", "failing"] as const)(
    "is %s while it is so, and not final",
    (state) => {
      expect(wordOf({ failed: 1 }, { state })).toMatchObject({ state, final: false });
    },
  );
});

describe("the phase", () => {
  test.each([
    ["planning", { state: "planning" }, {}, { done: false }],
    ["sending", { state: "planning" }, { waiting: 1, sent: 1 }, {}],
    ["sending", { state: "running" }, { waiting: 1, done: 5 }, {}],
    ["confirming", { state: "running" }, { sent: 1, done: 5 }, {}],
    [undefined, { state: "paused" }, { waiting: 1, sent: 1 }, {}],
    ["confirming", { state: "paused" }, { sent: 1, done: 5 }, {}],
    ["confirming", { state: "cancelling" }, { waiting: 2, sent: 1 }, {}],
    ["confirming", { state: "failing" }, { sent: 1 }, {}],
    [undefined, { state: "pendingApproval" }, {}, {}],
    [undefined, { state: "ended" }, { done: 5 }, {}],
    [undefined, { state: "rejected" }, {}, {}],
  ] as const)("is %s for %o with %o", (phase, more, some, plan) => {
    const view = notificationView(running(more), counts(some), { ...progress, ...plan }, 0);
    expect(view.phase).toBe(phase);
  });
});

describe("a notification's view", () => {
  it("says who sent it", () => {
    const principal = { kind: "user", homeTenantId: "home", id: "me" } as const;
    const requestedBy = { principal, name: "me@contoso.example" };
    const view = notificationView(running({ requestedBy }), counts({ done: 1 }), progress, 0);
    expect(view.requestedBy).toEqual({ ...principal, name: "me@contoso.example" });
    expect(NotificationView.safeParse(view).success).toBe(true);
  });

  it("names parameters without their values, and fits its schema", () => {
    const script = running({ parameters: { remediationScriptId: "secret" }, note: "n" });
    const view = notificationView(script, counts({ done: 1 }), progress, 0);
    expect(view.parameters).toEqual(["remediationScriptId"]);
    expect(JSON.stringify(view)).not.toContain("secret");
    expect(NotificationView.safeParse(view).success).toBe(true);
  });

  it("says which notification it repeats", () => {
    const target = { kind: "retry", notificationId: "first", only: ["failed"] } as const;
    const view = notificationView(running({ target }), counts({}), progress, 0);
    expect(view.retryOf).toBe("first");
  });
});

describe("a delivery's view", () => {
  it("names the route, and shows a claim as waiting", () => {
    const claimed = waiting(1, { state: "claimed", route: 1, claim: "c", claimedAt: 5 });
    expect(deliveryView(claimed, "restart")).toEqual({
      deviceId: claimed.targetId,
      deviceName: "PC-1",
      state: "waiting",
      route: "intune",
      at: "1970-01-01T00:00:00.000Z",
      attempts: 0,
    });
    expect(deliveryView(waiting(1, { route: -1 }), "restart")).not.toHaveProperty("route");
  });
});
