/** What a device's action results say about something that we asked of it. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DeviceResults, seenSince, verdictOf } from "../../../shared/devices/actions/read-back.ts";

const mark = Date.parse("2026-01-01T12:00:00Z");
const iso = (offsetMs: number): string => new Date(mark + offsetMs).toISOString();
const result = (offsetMs: number, actionState: string, actionName = "rebootNow") => ({
  actionName,
  actionState,
  startDateTime: iso(offsetMs),
});
const verdict = (...deviceActionResults: object[]) =>
  verdictOf(DeviceResults.parse({ id: "D", deviceActionResults }), ["rebootNow"], mark);

describe("the verdict", () => {
  test.each([
    ["none", "pending"],
    ["pending", "pending"],
    ["active", "pending"],
    ["done", "done"],
    ["failed", "failed"],
    ["notSupported", "notSupported"],
    ["canceled", "cancelled"],
    ["unknownFutureValue", "pending"],
  ])("of the state %s is %s", (state, expected) => {
    expect(verdict(result(1, state))).toBe(expected);
  });

  it("is none without a result of the name since the mark, ten seconds of skew forgiven", () => {
    expect(verdict()).toBe("none");
    expect(verdict(result(1, "done", "syncDevice"))).toBe("none");
    expect(verdict(result(-10_001, "done"))).toBe("none");
    expect(verdict(result(-10_000, "done"))).toBe("done");
    expect(verdict({ actionName: "rebootNow", actionState: "done" })).toBe("none");
    expect(verdict({ actionName: "rebootNow", actionState: "done", startDateTime: "soon" })).toBe(
      "none",
    );
  });

  it("knows the name in any case", () => {
    expect(verdict(result(1, "done", "RebootNow"))).toBe("done");
  });

  it("is that of the newest result, in whatever order they stand", () => {
    const results = [result(1, "failed"), result(9_000, "done"), result(500, "pending")];
    const older = result(-60_000, "failed");
    const other = result(20_000, "failed", "syncDevice");
    fc.assert(
      fc.property(fc.shuffledSubarray([...results, older, other], { minLength: 5 }), (order) => {
        expect(verdict(...order)).toBe("done");
      }),
    );
  });

  it("reads results of derived types, and none at all", () => {
    const scan = { ...result(1, "done"), "@odata.type": "#microsoft.graph.x", scanType: "quick" };
    expect(verdict(scan)).toBe("done");
    const empty = DeviceResults.parse({ id: "D", deviceActionResults: null });
    expect(verdictOf(empty, ["rebootNow"], mark)).toBe("none");
    expect(verdictOf(DeviceResults.parse({ id: "D" }), ["rebootNow"], mark)).toBe("none");
    expect(empty.id).toBe("d");
  });
});

describe("a device", () => {
  test.each([
    [null, false],
    ["", false],
    ["0001-01-01T00:00:00Z", false],
    [iso(-1), false],
    [iso(0), true],
  ])("that synced at %s was seen since: %s", (lastSyncDateTime, seen) => {
    expect(seenSince(DeviceResults.parse({ id: "d", lastSyncDateTime }), mark)).toBe(seen);
  });
});
