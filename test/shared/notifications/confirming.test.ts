/** What can be seen of a device, in time and too late: behind marks, and as the end of what was sent. */

import { describe, expect, it, test } from "vitest";
import { reportOf } from "../../../shared/devices/actions/asked-devices.ts";
import type { ReadBack } from "../../../shared/devices/actions/read-back.ts";
import {
  afterDoubt,
  afterReport,
  latenessAt,
  nextRoundAt,
} from "../../../shared/fanout/engine/read-back.ts";
import { apply, type Item } from "../../../shared/fanout/state/item.ts";
import { actionOf } from "../../../shared/notifications/kind.ts";
import { idOf, kind, running, waiting } from "./support/arbitrary-delivery.ts";

type ReadTime = Parameters<typeof afterDoubt>[3];

type Lateness = ReturnType<typeof latenessAt>;

const restart = running();
/** What a look at its device means for a delivery of which nobody knows whether it left. */
const afterLook = (job: typeof restart, item: Item, look: ReadBack | undefined, time: ReadTime) =>
  afterDoubt(kind.mayRepeat(job, item), item, reportOf(actionOf(job), item, look), time);
/** What it means for one that Graph has taken. */
const afterReading = (item: Item, look: ReadBack | undefined, lateness: Lateness) =>
  afterReport(kind, reportOf(actionOf(restart), item, look), lateness);
const one = (more: Partial<Item>): Item => waiting(1, { route: 1, ...more });

const seen = (actionState: string, more: object = {}): ReadBack => ({
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
const refused: ReadBack = { kind: "refused", detail: "no" };

/** What a look behind a mark of 20,000 ms means. */
function after(look: ReadBack | undefined, lateness: Lateness = "early"): string | undefined {
  const marked = one({ state: "claimed", claimedAt: 20_000 });
  const time = { now: 30_000, lateness, claimMs: 10_000 };
  const step = afterLook(restart, marked, look, time);
  return step && [step.event, step.details?.code].filter(Boolean).join(" ");
}

describe("a look behind a mark that nobody came back from", () => {
  test.each<[string, ReadBack | undefined, string | undefined, string | undefined]>([
    ["counts as sent what Graph has", seen("pending"), "accept", "accept"],
    ["counts as sent what is done already", seen("done"), "accept", "accept"],
    ["counts as sent what failed already", seen("failed"), "accept", "accept"],
    [
      "knows nothing of a device that is gone",
      { kind: "gone" },
      "lose no-clear-answer",
      "lose no-clear-answer",
    ],
    [
      "tells nothing when Graph is busy, till it is hopeless",
      { kind: "later" },
      "doubt",
      "lose no-clear-answer",
    ],
    [
      "tells nothing when Graph refuses, till it is hopeless",
      refused,
      "doubt",
      "lose no-clear-answer",
    ],
    [
      "tells nothing when it is missing, till it is hopeless",
      undefined,
      "doubt",
      "lose no-clear-answer",
    ],
  ])("%s", (_, look, inTime, tooLate) => {
    expect(after(look)).toBe(inTime);
    expect(after(look, "last")).toBe(inTime);
    expect(after(look, "hopeless")).toBe(tooLate);
  });

  const markedAt = 20_000;
  const claimMs = 10_000;
  const early = { lateness: "early", claimMs } as const;

  it("never sends a restart again for want of a trace: it looks for five claims' time, then a person decides", () => {
    const marked = one({ state: "claimed", claimedAt: markedAt, detail: "HTTP 504" });
    for (const ms of [10_000, 30_000, 49_999]) {
      const now = markedAt + ms;
      const step = afterLook(restart, marked, nothing, { ...early, now });
      const details = { notBefore: now + claimMs, detail: "HTTP 504" };
      expect(step).toEqual({ event: "doubt", details });
    }
    const step = afterLook(restart, marked, nothing, { ...early, now: markedAt + 50_000 });
    const detail =
      "asked once without a clear answer (HTTP 504); no trace of it was found, and it must not be done twice";
    expect(step).toEqual({ event: "lose", details: { code: "no-clear-answer", detail } });
  });

  it("takes a restart from five seconds before the mark for somebody else's", () => {
    const marked = one({ state: "claimed", claimedAt: 25_000 });
    const now = 40_000;
    expect(afterLook(restart, marked, seen("done"), { ...early, now })?.event).toBe("doubt");
  });

  it("sends what is harmless twice again, three times in all, and says how often and why", () => {
    const scan = running({ actionId: "endpointProtectionQuickScan" });
    let delivery = waiting(1, { route: 1 });
    for (const tries of [1, 2, 3]) {
      delivery = apply(delivery, "claim", markedAt, { claimedAt: markedAt });
      delivery = apply(delivery, "doubt", markedAt, { detail: "HTTP 504" });
      const step = afterLook(scan, delivery, nothing, { ...early, now: 30_000 });
      expect(step.event).toBe(tries < 3 ? "postpone" : "lose");
      delivery = apply(delivery, step.event, 30_000, step.details);
    }
    expect(delivery).toMatchObject({
      state: "unknown",
      detail: "asked 3 times without a clear answer (HTTP 504); no trace of it was found",
    });
  });
});

const synced = (at: number) => ({ lastSyncDateTime: new Date(at).toISOString() });

describe("a report", () => {
  const sent = one({ state: "sent", at: 21_000, claimedAt: 20_000 });
  const step = (look: ReadBack | undefined, lateness: Lateness) => {
    const found = afterReading(sent, look, lateness);
    return found && [found.event, found.details?.code].filter(Boolean).join(" ");
  };

  test.each<[string, ReadBack | undefined, string | undefined, string | undefined]>([
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
    // Whatever ends a delivery but being done says why.
    const ended = afterReading(sent, look, "last");
    expect(last === "finish" || ended?.details?.detail !== undefined).toBe(true);
  });

  test.each<[string, ReadBack]>([
    ["refused", { kind: "refused", detail: "Forbidden: no such role" }],
    ["busy", { kind: "later", why: "Forbidden: no such role" }],
  ])("that cannot be read in the end because it is %s says what was in the way", (_, look) => {
    expect(afterReading(sent, look, "hopeless")?.details?.detail).toBe(
      "could not be read back: Forbidden: no such role",
    );
  });

  test.each<[string, ReadBack | undefined]>([
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
