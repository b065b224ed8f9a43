/** When a notification is over: what is said before and on the way, held against what happens. */

import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { findAction } from "../../../shared/devices/actions/catalogue.ts";
import { addCost, chunkCost, timeLeft } from "../../../shared/fanout/engine/engine.ts";
import { nextRoundAt } from "../../../shared/fanout/engine/read-back.ts";
import { emptyCounts } from "../../../shared/fanout/state/item.ts";
import {
  beforePlanning,
  type Cost,
  noCost,
  type PlanProgress,
} from "../../../shared/fanout/state/rollout.ts";
import {
  defer,
  freshThrottle,
  rateOf,
  reserve,
  type ThrottleState,
  whenDue,
} from "../../../shared/graph/throttle.ts";
import { expectedEndOf } from "../../../shared/notifications/read-notifications.ts";
import { kind, running, waiting } from "./support/arbitrary-delivery.ts";

type Outlook = Parameters<typeof expectedEndOf>[3];

const never = { expiresAt: Number.POSITIVE_INFINITY };
const onePerSecond: Parameters<typeof timeLeft>[1] = {
  send: { intervalMs: 1_000, burst: 1 },
  read: { intervalMs: 1_000, burst: 1 },
};

const action = (id: string) => {
  const found = findAction(id);
  if (found === undefined) throw new Error(`no action ${id}`);
  return found;
};
const listOf = (devices: number, more: object = {}) =>
  Array.from({ length: devices }, (_, nth) => waiting(nth, more));

const routeOf = (id: string, route: string) =>
  action(id).routes.findIndex((each) => each.id === route);

describe("what devices cost", () => {
  it("is a share of a page of audits to read where those tell, and a read for each device else", () => {
    const bulk = chunkCost(kind, running(), listOf(500, { route: routeOf("restart", "intune") }));
    expect(bulk).toMatchObject({ items: 500, requests: 5, reads: 0.5 });
    const id = "downloadComputerPolicy";
    const passedOn = action(id).routes.findIndex((each) => each.call && !each.bulkAction);
    const single = chunkCost(kind, running({ actionId: id }), listOf(500, { route: passedOn }));
    expect(single).toMatchObject({ items: 500, requests: 500, reads: 500 });
  });

  it("is nothing of Graph's where the relay carries it", () => {
    const id = "downloadComputerPolicy";
    const route = routeOf(id, "adminService");
    expect(chunkCost(kind, running({ actionId: id }), listOf(500, { route }))).toEqual(noCost);
  });
});

const someCost = fc
  .record({ items: fc.nat(5_000), sends: fc.nat(5_000), reads: fc.nat(5_000) })
  .map(
    ({ items, sends, reads }): Cost => ({
      items,
      requests: Math.min(sends, items),
      reads: Math.min(reads, items),
      chunkRequests: Math.min(sends, items),
      chunkReads: Math.min(reads, items),
    }),
  );
const someRate = fc.option(
  fc.integer({ min: 4, max: 5_000 }).map((requests) => rateOf("deviceReads", requests)),
  { nil: undefined },
);
const someRates = fc.record({ send: someRate, read: someRate });
const someAhead = fc.record({
  queuedMs: fc.nat(100_000),
  readsQueuedMs: fc.nat(100_000),
  readBackAfterMs: fc.nat(100_000),
});

describe("the time that is left", () => {
  it("is never less with more devices, nor with a longer queue or wait", () => {
    fc.assert(
      fc.property(
        someCost,
        someCost,
        someRates,
        someAhead,
        someAhead,
        (cost, more, rates, ...two) => {
          const [ahead, longer] = two;
          const whole = addCost(cost, more);
          const later = {
            queuedMs: ahead.queuedMs + longer.queuedMs,
            readsQueuedMs: ahead.readsQueuedMs + longer.readsQueuedMs,
            readBackAfterMs: ahead.readBackAfterMs + longer.readBackAfterMs,
          };
          const before = timeLeft(cost, rates, ahead);
          for (const after of [timeLeft(whole, rates, ahead), timeLeft(cost, rates, later)]) {
            expect(after.sendingMs).toBeGreaterThanOrEqual(before.sendingMs - 1e-6);
            expect(after.sendingMs + after.confirmingMs).toBeGreaterThanOrEqual(
              before.sendingMs + before.confirmingMs - 1e-6,
            );
          }
        },
      ),
    );
  });

  it("of confirmation is the wait for the first look at least", () => {
    expect.hasAssertions();
    const some = someCost.filter(({ items }) => items > 0);
    fc.assert(
      fc.property(some, someRates, someAhead, (cost, rates, ahead) => {
        const { confirmingMs } = timeLeft(cost, rates, ahead);
        expect(confirmingMs).toBeGreaterThanOrEqual(ahead.readBackAfterMs - 1e-6);
      }),
    );
  });
});

/** A hundred devices with a request and a read each, a second apart; the last turn ends at 100 s. */
const cost: Cost = { items: 100, requests: 100, reads: 100, chunkRequests: 10, chunkReads: 10 };
const plan: PlanProgress = { ...beforePlanning, done: true, lastAt: 100_000, cost };
const seen: Outlook = {
  rates: { ...onePerSecond, read: undefined },
  confirmAfterMs: 30_000,
  firstReadAt: 0,
  lastReadAt: 0,
};
type Told = readonly [
  title: string,
  plan: Partial<PlanProgress>,
  counts: object,
  outlook: Partial<Outlook>,
  now: number,
  end: number | undefined,
];
const sends = (more: Partial<ThrottleState>) => ({ sends: { ...freshThrottle, ...more } });

describe("the expected end", () => {
  test.each<Told>([
    ["is the first look after the last request", {}, { waiting: 100 }, {}, 0, 129_000],
    ["moves with all reservations", {}, { waiting: 9 }, sends({ shiftMs: 30_000 }), 0, 159_000],
    [
      "does not move by what was moved before",
      { shiftMs: 30_000 },
      { waiting: 9 },
      sends({ shiftMs: 30_000 }),
      0,
      129_000,
    ],
    ["is not past while somebody waits", {}, { waiting: 50, done: 50 }, {}, 170_000, 249_000],
    [
      "is not before Graph's door opens",
      {},
      { waiting: 50, done: 50 },
      sends({ closedUntil: 180_000 }),
      170_000,
      259_000,
    ],
    [
      "is the last of the next looks when all is sent",
      {},
      { sent: 5 },
      { firstReadAt: 110_000, lastReadAt: 140_000 },
      105_000,
      140_000,
    ],
    [
      "is now where a look is overdue",
      {},
      { sent: 5 },
      { lastReadAt: 1, firstReadAt: 1 },
      7e5,
      7e5,
    ],
    [
      "covers the reads that are left at the pace of reads",
      {},
      { sent: 50, done: 50 },
      { rates: onePerSecond, firstReadAt: 110_000, lastReadAt: 110_000 },
      110_000,
      159_000,
    ],
    [
      "counts what is not planned yet like the rest",
      { done: false },
      { waiting: 100 },
      {},
      0,
      229_000,
    ],
    ["is not told before anything is planned", { done: false, cost: noCost }, {}, {}, 0, undefined],
    [
      "is not told of what relays carry",
      { cost: noCost, carried: 100 },
      { waiting: 100 },
      {},
      0,
      undefined,
    ],
    [
      "is not told where all that is left may be a relay's",
      { carried: 10 },
      { sent: 10, done: 100 },
      {},
      110_000,
      undefined,
    ],
    [
      "is that of Graph's part where some of the rest is surely Graph's",
      { carried: 10 },
      { sent: 11, done: 99 },
      {},
      110_000,
      130_000,
    ],
  ])("%s", (_, more, some, outlook, now, end) => {
    const counts = { ...emptyCounts(), ...some };
    const given = { ...never, expected: 200 };
    expect(expectedEndOf({ ...plan, ...more }, given, counts, { ...seen, ...outlook }, now)).toBe(
      end,
    );
  });

  it("is no later than the notification's own end", () => {
    const counts = { ...emptyCounts(), waiting: 100 };
    expect(expectedEndOf(plan, { expiresAt: 60_000 }, counts, seen, 0)).toBe(60_000);
  });
});

type Case = {
  readonly devices: number;
  /** Devices to a request. */
  readonly perRequest: number;
  /** Whether each device is read by itself. */
  readonly single: boolean;
  readonly sends?: number | "unlimited";
  readonly reads?: number | "unlimited";
  /** From a chunk's last request until its devices have answered. */
  readonly answerMs?: number;
  readonly doorEvery?: number;
  readonly doorMs?: number;
};
type Said = { readonly at: number; readonly end: number | undefined };
const began = 1_000_000;
const confirmAfterMs = 30_000;
const perChunk = 800;

/** A chunk of the simulation. */
type Chunk = {
  readonly devices: number;
  readonly requests: number;
  readonly turn: number;
  /** Devices that were sent to, and when all were. */
  sent: number;
  sentAt?: number;
  due: number;
  /** Devices whose answers were read. */
  done: number;
};

/** A run with the app's own pace and rounds; queues, storage and Graph take no time. */
function simulate(given: Case): {
  said: Said[];
  before: number;
  end: number;
  /** When the last round was put off. */
  lastRoundFrom: number;
} {
  const { devices, perRequest, single, answerMs = 0, doorEvery = 0, doorMs = 0 } = given;
  const rates = {
    send: rateOf("deviceActions", given.sends),
    read: rateOf("deviceReads", given.reads),
  };
  let sendState: ThrottleState = freshThrottle;
  let readState: ThrottleState = freshThrottle;
  let whole = noCost;
  const chunks: Chunk[] = [];
  for (let from = 0; from < devices; from += perChunk) {
    const count = Math.min(perChunk, devices - from);
    const requests = Math.ceil(count / perRequest);
    const reads = single ? count : count / 1000;
    const costs = { items: count, requests, reads };
    whole = addCost(whole, { ...costs, chunkRequests: requests, chunkReads: reads });
    const place = rates.send && reserve(sendState, requests, began, rates.send);
    if (place) sendState = place.state;
    chunks.push({
      devices: count,
      turn: place?.startAt ?? began,
      requests,
      sent: 0,
      due: 0,
      done: 0,
    });
  }
  const progress: PlanProgress = {
    ...beforePlanning,
    done: true,
    lastAt: rates.send ? sendState.nextFree : began,
    cost: whole,
  };
  const first = timeLeft(whole, rates, {
    queuedMs: 0,
    readsQueuedMs: 0,
    readBackAfterMs: confirmAfterMs,
  });
  const said: Said[] = [];
  const say = (at: number): void => {
    const open = chunks.filter((chunk) => chunk.sentAt !== undefined && chunk.done < chunk.devices);
    const sent = chunks.reduce((sum, chunk) => sum + chunk.sent, 0);
    const done = chunks.reduce((sum, chunk) => sum + chunk.done, 0);
    const counts = {
      ...emptyCounts(),
      waiting: sumOf(chunks) - sent,
      sent: sent - done,
      done,
    };
    const dues = open.map(({ due }) => due);
    const outlook: Outlook = {
      rates,
      sends: sendState,
      reads: readState,
      confirmAfterMs,
      firstReadAt: dues.length > 0 ? Math.min(...dues) : 0,
      lastReadAt: Math.max(0, ...dues),
    };
    if (counts.waiting + counts.sent > 0)
      said.push({ at, end: expectedEndOf(progress, never, counts, outlook, at) });
  };
  type Event = { at: number; run: () => void };
  const events: Event[] = [];
  const put = (at: number, run: () => void): void => {
    let place = events.length;
    while (place > 0 && (events[place - 1]?.at ?? 0) > at) place -= 1;
    events.splice(place, 0, { at, run });
  };
  let now = began;
  let lastRoundFrom = began;
  const hasAnswered = (chunk: Chunk) => now >= (chunk.sentAt ?? 0) + answerMs;
  const endRound = (chunk: Chunk, round: number): void => {
    if (!single && hasAnswered(chunk)) chunk.done = chunk.devices;
    if (chunk.done === chunk.devices) return;
    lastRoundFrom = now;
    chunk.due = nextRoundAt(round, { now, expiresAt: Number.MAX_VALUE, firstMs: confirmAfterMs });
    put(chunk.due, () => look(chunk, round + 1, chunk.devices - chunk.done));
  };
  const look = (chunk: Chunk, round: number, rest: number): void => {
    if (!single) return endRound(chunk, round);
    const some = Math.min(rest, rates.read?.burst ?? rest);
    const place = rates.read && reserve(readState, some, now, rates.read);
    if (place) readState = place.state;
    put(place?.startAt ?? now, () => {
      if (hasAnswered(chunk)) chunk.done += some;
      if (rest > some) look(chunk, round, rest - some);
      else endRound(chunk, round);
    });
  };
  const send = (chunk: Chunk, rest: number, at: number, shift: number): void => {
    const turn = whenDue({ at, shiftMs: shift }, sendState.shiftMs, now) ?? now;
    if (turn > now) return put(turn, () => send(chunk, rest, at, shift));
    const burst = rates.send?.burst ?? rest;
    chunk.sent = Math.min(chunk.devices, chunk.sent + Math.min(rest, burst) * perRequest);
    if (rest > burst)
      return put(now + burst * (rates.send?.intervalMs ?? 0), () =>
        send(chunk, rest - burst, now, sendState.shiftMs),
      );
    chunk.sentAt = now;
    chunk.due = now + confirmAfterMs;
    put(chunk.due, () => look(chunk, 0, chunk.devices));
    const nth = chunks.indexOf(chunk) + 1;
    if (doorEvery > 0 && nth % doorEvery === 0) sendState = defer(sendState, now + doorMs, now);
  };
  for (const chunk of chunks) put(chunk.turn, () => send(chunk, chunk.requests, chunk.turn, 0));
  for (let step = 0; events.length > 0; step += 1) {
    const event = events.shift();
    now = Math.max(now, event?.at ?? now);
    event?.run();
    if (step % Math.ceil(chunks.length / 10) === 0 || events.length < 5) say(now);
  }
  return { said, before: began + first.sendingMs + first.confirmingMs, end: now, lastRoundFrom };
}

const sumOf = (chunks: readonly Chunk[]): number =>
  chunks.reduce((sum, each) => sum + each.devices, 0);

const bulk = { perRequest: 100, single: false };
const batch = { perRequest: 1, single: true };

describe("in a run", () => {
  const sizes = [1, 800, 5_000, 100_000];
  const paces = [
    {},
    { sends: 50, reads: 300 },
    { sends: "unlimited", reads: 2_000 },
    { sends: 200, reads: "unlimited" },
  ] as const;
  const cases = sizes.flatMap((devices) =>
    paces.flatMap((pace) => [
      { devices, ...bulk, ...pace },
      { devices, ...batch, ...pace },
      // Refused bulk, told by audits; bulk, told by nobody.
      { devices, perRequest: 1, single: false, ...pace },
      { devices, perRequest: 100, single: true, ...pace },
    ]),
  );
  it.each<Case>(cases)(
    "of %o, what is said before and on the way is within 20 %% of what happens",
    (given) => {
      const { said, before, end } = simulate(given);
      expect(Math.abs(before - end) / (end - began), `${before} before, ${end}`).toBeLessThan(0.2);
      expect(said.length).toBeGreaterThan(0);
      for (const each of said) {
        const off = Math.abs((each.end ?? 0) - end) / (end - began);
        expect(off, `said at ${each.at}: ${each.end}, happened ${end}`).toBeLessThan(0.2);
      }
    },
  );

  it.each<Case>([
    { devices: 100_000, ...bulk, doorEvery: 30, doorMs: 10_000 },
    { devices: 100_000, ...batch, doorEvery: 20, doorMs: 60_000 },
  ])("of %o with a door that closes, too", (given) => {
    const { said, end } = simulate(given);
    for (const each of said) {
      const off = Math.abs((each.end ?? 0) - end) / (end - began);
      expect(off, `said at ${each.at}: ${each.end}, happened ${end}`).toBeLessThan(0.2);
    }
  });

  it.each<Case>([
    { devices: 800, ...bulk, answerMs: 100_000 },
    { devices: 20_000, ...bulk, answerMs: 100_000 },
    { devices: 800, ...batch, answerMs: 400_000 },
  ])(
    "of %o whose devices answer late, it is the next round, and within 20 %% in the last one",
    (given) => {
      const { said, end, lastRoundFrom } = simulate(given);
      for (const each of said) expect(each.end ?? 0).toBeLessThanOrEqual(end * 1.2);
      const last = said.filter(({ at }) => at >= lastRoundFrom);
      expect(last.length).toBeGreaterThan(0);
      for (const each of last)
        expect(Math.abs((each.end ?? 0) - end) / (end - began)).toBeLessThan(0.2);
    },
  );
});
