/** When the last device is reached: what is said on the way, held against what happens. */
import { describe, expect, it, test } from "vitest";
import {
  defer,
  freshThrottle,
  reserve,
  type ThrottleState,
  whenDue,
} from "../../../shared/graph/throttle.ts";
import { rateOf } from "../../../shared/graph/workloads.ts";
import { expectedEndOf } from "../../../shared/notifications/read-notifications.ts";
import { beforePlanning } from "../../../shared/notifications/state/plan-progress.ts";

/** A hundred devices whose requests take 10 s, the last of them at 60 s. */
const plan = { ...beforePlanning, done: true, lastTurn: 60_000, devices: 100, takesMs: 10_000 };

describe("the expected end", () => {
  test.each<[string, object, number, Partial<ThrottleState> | undefined, number, number]>([
    ["is the end of the last turn", {}, 100, {}, 1_000, 60_000],
    ["moves with all reservations", {}, 100, { shiftMs: 30_000 }, 1_000, 90_000],
    [
      "does not move by what was moved before",
      { shiftMs: 30_000 },
      9,
      { shiftMs: 30_000 },
      0,
      60_000,
    ],
    ["is not past while somebody waits", {}, 50, {}, 70_000, 75_000],
    ["is not before Graph's door opens", {}, 50, { closedUntil: 80_000 }, 70_000, 85_000],
    ["is now where nothing limits", { takesMs: 0, lastTurn: 5_000 }, 50, undefined, 9_000, 9_000],
    ["is not a door's where only relays carry", { takesMs: 0 }, 5, { closedUntil: 1e9 }, 0, 60_000],
    ["is told of nobody as now", { devices: 0, takesMs: 0, lastTurn: 0 }, 0, {}, 9_000, 9_000],
  ])("%s", (_, more, waiting, pace, now, end) => {
    const state = pace && { ...freshThrottle, ...pace };
    expect(expectedEndOf({ ...plan, ...more }, waiting, state, now)).toBe(end);
  });
});

/** What was said when, and when it really ended. */
type Run = { readonly said: { readonly at: number; readonly end: number }[]; readonly end: number };

/**
 * 100,000 devices in units of eight requests at the default pace, `perRequest` of them to a request. Now and then
 * Graph closes its door, as `makeWay` writes it down: for as long as it asked, and as asking again takes.
 */
function simulate(perRequest: number, doorEvery: number, doorMs: number): Run {
  const pace = rateOf("deviceActions")!;
  const requests = 100_000 / perRequest;
  const perUnit = 8;
  let state: ThrottleState = freshThrottle;
  const began = 1_000_000;
  const reserved = reserve(state, requests, began, pace);
  state = reserved.state;
  const takesMs = requests * pace.intervalMs;
  const progress = { ...plan, lastTurn: reserved.startAt + takesMs, devices: 100_000, takesMs };
  const said: Run["said"] = [];
  let now = began;
  for (let sent = 0; sent < requests; sent += perUnit) {
    const turn = { at: reserved.startAt + sent * pace.intervalMs, shiftMs: 0 };
    now = Math.max(now, whenDue(turn, state.shiftMs, now) ?? now);
    if ((sent / perUnit) % doorEvery === doorEvery - 1) {
      state = defer(state, now + doorMs + perUnit * pace.intervalMs, now);
      now = state.closedUntil - perUnit * pace.intervalMs;
      const waiting = (requests - sent) * perRequest;
      said.push({ at: now, end: expectedEndOf(progress, waiting, state, now) });
    }
  }
  return { said, end: now + perUnit * pace.intervalMs };
}

describe("in a run of 100,000 devices with a door that closes", () => {
  it.each([
    ["by bulk, twice", 100, 50, 10_000],
    ["by bulk, every thirty units", 100, 30, 5_000],
    ["by $batch, every thousand units", 1, 1_000, 60_000],
    ["by $batch, every hundred units", 1, 100, 15_000],
  ])("%s, what is said after a shift is to come, and within 20 %% of what happens", (...given) => {
    const [, perRequest, doorEvery, doorMs] = given;
    const { said, end } = simulate(perRequest, doorEvery, doorMs);
    expect(said.length).toBeGreaterThanOrEqual(2);
    const began = 1_000_000;
    for (const each of said) {
      expect(each.end).toBeGreaterThan(each.at);
      const off = Math.abs(each.end - end) / (end - began);
      expect(off, `said at ${each.at}: ${each.end}, happened ${end}`).toBeLessThan(0.2);
    }
  });
});
