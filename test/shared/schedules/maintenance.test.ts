/** Windows of tenants and collections: what may begin for whom, and when else. */
import { describe, expect, it } from "vitest";
import { collectionsOf, type Maintenance, nextGo } from "../../../shared/schedules/maintenance.ts";

const at = (iso: string) => Date.parse(iso);
const minuteMs = 60_000;
const opening = (time: string, timeZone = "UTC") => ({
  kind: "recurring" as const,
  rule: "FREQ=DAILY",
  start: `2026-01-01T${time}`,
  timeZone,
});
const window = (time: string, minutes: number, more: object = {}) => ({
  displayName: time,
  opens: opening(time),
  minutes,
  cutoffMs: 0,
  ...more,
});
const anything = { windows: [], longestRunMs: 0, cutoffMs: 0 };
const noon = at("2026-06-01T12:00Z");
const iso = (moment: number | undefined) => moment && new Date(moment).toISOString().slice(0, 16);

/** The tenant's nights; kiosks in two pieces that overlap, and never on the second of June. */
const own: Maintenance = {
  windows: [
    window("22:00", 480),
    window("01:00", 60, { collectionId: "kiosks" }),
    window("01:30", 60, { collectionId: "kiosks", cutoffMs: 30 * minuteMs }),
    window("12:00", 60, { collectionId: "lunch" }),
  ],
  exclusions: [
    {
      displayName: "Fair",
      collectionId: "kiosks",
      from: at("2026-06-02T00:00Z"),
      to: at("2026-06-03T00:00Z"),
    },
  ],
};

describe("what may begin for a device", () => {
  it("is anything at any time where nobody has windows", () => {
    expect(nextGo({ windows: [], exclusions: [] }, anything, ["kiosks"], noon)).toBe(noon);
  });

  it.each([
    ["the tenant's hold for devices of no collection", [], "2026-06-01T22:00"],
    ["a collection's exclusions are its own", ["others"], "2026-06-01T22:00"],
    ["those of a collection hold besides, and its exclusions", ["kiosks"], "2026-06-03T01:00"],
    ["nothing begins where two are never open at once", ["lunch"], undefined],
  ])("%s", (_, collections, expected) => {
    expect(iso(nextGo(own, anything, collections, noon))).toBe(expected);
  });

  it.each([
    ["fits into windows that overlap and so are one", 60, "2026-06-03T01:20"],
    ["does not fit any more: the next night", 80, "2026-06-04T01:00"],
    ["longer than both together: never", 91, undefined],
  ])("%s", (_, minutes, expected) => {
    const wanted = { ...anything, longestRunMs: minutes * minuteMs };
    expect(iso(nextGo(own, wanted, ["kiosks"], at("2026-06-03T01:20Z")))).toBe(expected);
  });

  it("does not begin within the longest cut-off of those that hold", () => {
    const late = at("2026-06-03T02:01Z");
    expect(iso(nextGo(own, anything, ["kiosks"], late))).toBe("2026-06-04T01:00");
    expect(nextGo(own, anything, [], late)).toBe(late);
  });

  it("needs the task's window as well", () => {
    const wanted = { ...anything, windows: [{ opens: opening("03:00"), minutes: 30 }] };
    expect(iso(nextGo(own, wanted, [], noon))).toBe("2026-06-02T03:00");
    expect(nextGo(own, wanted, ["kiosks"], noon)).toBeUndefined();
  });
});

it("names the collections whose membership matters", () => {
  expect(collectionsOf(own)).toEqual(["kiosks", "lunch"]);
});
