/** How a notification appears: shares, expected end, retries. */
import { describe, expect, it, test } from "vitest";
import {
  deliveryView,
  notificationView,
} from "../../../shared/notifications/read-notifications.ts";
import { NotificationView } from "../../../shared/notifications/state/contract.ts";
import { emptyCounts } from "../../../shared/notifications/state/delivery-row.ts";
import { beforePlanning } from "../../../shared/notifications/state/plan-progress.ts";
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
    [{ waiting: 1, sent: 1 }, 0],
    [{}, 100],
  ])("of %o is %d percent", (some, percent) => {
    const view = notificationView(running(), counts(some), progress, 0);
    expect(view.progress.percent).toBe(percent);
    expect(view.counts["total"]).toBe(Object.values(some).reduce((sum, each) => sum + each, 0));
  });

  it("is nothing while devices are still being counted", () => {
    const planning = running({ state: "planning" });
    const view = notificationView(planning, counts({ notSupported: 5 }), undefined, 0);
    expect(view.progress).toEqual({ planned: false, percent: 0 });
    const planned = notificationView(planning, counts({ notSupported: 5 }), progress, 0);
    expect(planned.progress).toEqual({ planned: true, percent: 100 });
  });

  it("ends when the last turn ends, not in the past, and only while somebody waits", () => {
    const later = { ...progress, lastTurn: 60_000 };
    const end = (some: object, now: number, more: object = {}) =>
      notificationView(running(), counts(some), { ...later, ...more }, now).progress.expectedEnd;
    expect(end({ waiting: 1 }, 10_000, { done: false })).toBeUndefined();
    expect(end({ waiting: 1 }, 10_000)).toBe("1970-01-01T00:01:00.000Z");
    expect(end({ waiting: 1 }, 90_000)).toBe("1970-01-01T00:01:30.000Z");
    expect(end({ sent: 1 }, 10_000)).toBeUndefined();
  });
});

describe("a notification's view", () => {
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
    const claimed = waiting(1, { state: "claimed", route: 1, claim: "c", markedAt: 5 });
    expect(deliveryView(claimed, "restart")).toEqual({
      deviceId: claimed.deviceId,
      deviceName: "PC-1",
      state: "waiting",
      route: "intune",
      at: "1970-01-01T00:00:00.000Z",
      attempts: 0,
    });
    expect(deliveryView(waiting(1, { route: -1 }), "restart")).not.toHaveProperty("route");
  });
});
