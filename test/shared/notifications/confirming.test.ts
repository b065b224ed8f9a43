/** What can be seen of a device, in time and too late: behind marks, and as the end of what was sent. */
import { describe, expect, it, test } from "vitest";
import type { Action } from "../../../shared/devices/actions/action.ts";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import type { Look } from "../../../shared/devices/actions/read-back.ts";
import {
  type Lateness,
  latenessAt,
  nextRoundAt,
  stepAfterLook,
  stepAfterReport,
} from "../../../shared/notifications/passes/decide-pass.ts";
import type { Delivery } from "../../../shared/notifications/state/delivery.ts";
import { idOf, waiting } from "./support/arbitrary-delivery.ts";

const restart = findAction("restart") as Action;
const one = (more: Partial<Delivery>): Delivery => waiting(1, { route: 1, ...more });

const seen = (actionState: string, more: object = {}): Look => ({
  kind: "seen",
  device: {
    id: idOf(1),
    lastSyncDateTime: null,
    deviceActionResults: [
      { actionName: "rebootNow", actionState, startDateTime: new Date(20_000).toISOString() },
    ],
    ...more,
  },
});
const nothing = seen("", { deviceActionResults: [] });
const refused: Look = { kind: "refused", detail: "no" };

/** What a look behind a mark of 20,000 ms means. */
function after(look: Look | undefined, lateness: Lateness = "early"): string | undefined {
  const marked = one({ state: "claimed", markedAt: 20_000 });
  const step = stepAfterLook(restart, marked, look, lateness);
  return step && [step.event, step.details?.code].filter(Boolean).join(" ");
}

describe("a look behind a mark that nobody came back from", () => {
  test.each<[string, Look | undefined, string | undefined, string | undefined]>([
    ["sends again what Graph surely has not", nothing, "postpone", "postpone"],
    ["counts as sent what Graph has", seen("pending"), "accept", "accept"],
    ["counts as sent what is done already", seen("done"), "accept", "accept"],
    ["counts as sent what failed already", seen("failed"), "accept", "accept"],
    [
      "takes a device that is gone as failed",
      { kind: "gone" },
      "fail device-not-found",
      "fail device-not-found",
    ],
    [
      "tells nothing when Graph is busy, till it is hopeless",
      { kind: "later" },
      undefined,
      "lose no-answer",
    ],
    ["tells nothing when Graph refuses, till it is hopeless", refused, undefined, "lose no-answer"],
    [
      "tells nothing when it is missing, till it is hopeless",
      undefined,
      undefined,
      "lose no-answer",
    ],
  ])("%s", (_, look, inTime, tooLate) => {
    expect(after(look)).toBe(inTime);
    expect(after(look, "last")).toBe(inTime);
    expect(after(look, "hopeless")).toBe(tooLate);
  });

  it("takes a result from before the mark for somebody else's", () => {
    const marked = one({ state: "claimed", markedAt: 60_000 });
    expect(stepAfterLook(restart, marked, seen("done"), "early")).toEqual({ event: "postpone" });
  });
});

const synced = (at: number) => ({ lastSyncDateTime: new Date(at).toISOString() });

describe("a report", () => {
  const sent = one({ state: "sent", at: 21_000, markedAt: 20_000 });
  const step = (look: Look | undefined, lateness: Lateness) => {
    const found = stepAfterReport(restart, sent, look, lateness);
    return found && [found.event, found.details?.code].filter(Boolean).join(" ");
  };

  test.each<[string, Look | undefined, string | undefined, string | undefined]>([
    ["of success", seen("done"), "finish", "finish"],
    ["of failure", seen("failed"), "fail device-reported-failure", "fail device-reported-failure"],
    [
      "of no support",
      seen("notSupported"),
      "decline not-supported-by-device",
      "decline not-supported-by-device",
    ],
    [
      "of a cancellation elsewhere",
      seen("canceled"),
      "cancel cancelled-elsewhere",
      "cancel cancelled-elsewhere",
    ],
    ["that is pending, device not seen", seen("pending"), undefined, "silence device-offline"],
    [
      "that is pending, device seen before",
      seen("pending", synced(20_999)),
      undefined,
      "silence device-offline",
    ],
    [
      "that is pending, device seen since",
      seen("pending", synced(21_000)),
      undefined,
      "expire no-result-in-time",
    ],
    ["without any result", nothing, undefined, "lose no-result"],
    ["of a device that left", { kind: "gone" }, "lose device-gone", "lose device-gone"],
  ])("%s", (_, look, early, last) => {
    expect(step(look, "early")).toBe(early);
    expect(step(look, "last")).toBe(last);
    expect(step(look, "hopeless")).toBe(last);
  });

  test.each<[string, Look | undefined]>([
    ["refused", refused],
    ["busy", { kind: "later" }],
    ["missing", undefined],
  ])("that is %s is waited for until it is hopeless", (_, look) => {
    expect([step(look, "early"), step(look, "last")]).toEqual([undefined, undefined]);
    expect(step(look, "hopeless")).toBe("lose no-answer");
  });
});

describe("rounds", () => {
  it("grow further apart, meet the notification's end exactly, and go on shortly after it", () => {
    const firstMs = 30_000;
    const expiresAt = 4_000_000;
    const at = (round: number, now: number) => nextRoundAt(round, { now, expiresAt, firstMs });
    expect([0, 1, 2, 3].map((round) => at(round, 0))).toEqual([30_000, 60_000, 120_000, 240_000]);
    expect(at(50, 0)).toBe(900_000);
    expect(at(2_000, 0)).toBe(900_000);
    expect(at(5, 3_999_000)).toBe(expiresAt);
    expect(at(5, expiresAt)).toBe(expiresAt + 15_000);
  });

  it("are early, last, then hopeless", () => {
    const at = [99_999, 100_000, 699_999, 700_000].map((now) => latenessAt(now, 100_000));
    expect(at).toEqual(["early", "last", "last", "hopeless"]);
  });
});
