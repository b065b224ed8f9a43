/** When a tenant's night is: against an oracle that walks minute by minute through a zone's clock. Pure. */
import { assert, constantFrom, integer, property, tuple } from "fast-check";
import { describe, expect, inject, it } from "vitest";
import { isTimeZone } from "../../../../shared/schedules/times/zone.ts";
import { nextNightly } from "../../../../shared/sync/run/nightly.ts";

const minute = 60_000;
const nightly = (at: string, timeZone: string) =>
  ({ enabled: true, at, timeZone, mode: "plan" }) as const;

/** What a clock on the wall shows there, as `YYYY-MM-DD HH:MM`. */
function wallClock(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "short",
  });
  const shown = new Map<number, string>();
  return (at) => {
    const text = shown.get(at) ?? format.format(at);
    shown.set(at, text);
    return text;
  };
}

/**
 * Walks on until the wall shows the time for the first time on a day, or jumps over it. A time that comes twice on a
 * day counts once.
 */
function oracle(at: string, wall: (at: number) => string, now: number): number {
  const first = (Math.floor(now / minute) - 26 * 60) * minute;
  const seen = new Set<string>();
  let before = wall(first - minute);
  for (let moment = first; ; moment += minute) {
    const here = wall(moment);
    for (const day of new Set([before.slice(0, 10), here.slice(0, 10)])) {
      const wanted = `${day} ${at}`;
      if (seen.has(day) || !(before < wanted && wanted <= here)) continue;
      seen.add(day);
      if (moment > now) return moment;
    }
    before = here;
  }
}

// Half an hour, an hour, an hour at midnight, a day that was left out, no change at all, far east and far west.
const zones = [
  "UTC",
  "Europe/Paris",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Asia/Beirut",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
];
const times = ["00:00", "00:30", "01:30", "02:00", "02:15", "02:30", "03:00", "03:45", "23:59"];

/** Moments in 2026 at which a zone's clock changes, found by looking. */
function changesOf(timeZone: string): number[] {
  const wall = wallClock(timeZone);
  const ahead = (at: number): number => Date.parse(`${wall(at).replace(" ", "T")}Z`) - at;
  const found: number[] = [];
  for (let hour = Date.UTC(2026, 0, 1); hour < Date.UTC(2027, 0, 1); hour += 60 * minute)
    if (ahead(hour) !== ahead(hour + 60 * minute)) found.push(hour);
  return found;
}

describe("the next night", () => {
  it.each(zones.filter((_, index) => index % inject("oneCaseIn") === 0))(
    "is the minute at which a wall clock shows it, around every change of %s",
    (zone) => {
      const wall = wallClock(zone);
      const moments = [Date.UTC(2026, 5, 15, 12), ...changesOf(zone)];
      for (const moment of moments)
        for (const at of times)
          for (const shift of [-26, -3, -1, 0, 1, 3].map((hours) => hours * 60 * minute + 17_000)) {
            const now = moment + shift;
            const found = nextNightly(nightly(at, zone), now);
            const words = `${at} after ${new Date(now).toISOString()}`;
            expect(found && new Date(found).toISOString(), words).toBe(
              new Date(oracle(at, wall, now)).toISOString(),
            );
          }
    },
  );

  it("lies after now, within two days, and is the same one until it has come", () => {
    const anyTime = tuple(
      constantFrom(...zones),
      constantFrom(...times),
      integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2030, 0, 1) }),
    );
    assert(
      property(anyTime, ([zone, at, now]) => {
        const next = nextNightly(nightly(at, zone), now) as number;
        expect(next).toBeGreaterThan(now);
        expect(next - now).toBeLessThanOrEqual(50 * 60 * minute);
        expect(nextNightly(nightly(at, zone), next - 1)).toBe(next);
        expect(nextNightly(nightly(at, zone), next)).toBeGreaterThan(next);
      }),
    );
  });

  it("is none where nothing is wanted", () => {
    expect(nextNightly({ ...nightly("02:00", "UTC"), enabled: false }, 0)).toBeUndefined();
  });

  it("is asked only in zones that this machine knows", () => {
    expect(["Europe/Paris", "UTC", "Mars/Olympus", ""].map(isTimeZone)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
