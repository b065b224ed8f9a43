/** Packing deliveries into rows, and counting them. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addCounts,
  apply,
  type Counts,
  countOf,
  emptyCounts,
  liveOf,
  liveStates,
  maxInRow,
  maxSendable,
  pack,
  toRows,
  unpack,
} from "../../../shared/fanout/state/item.ts";
import { checkEntity, maxPropertyChars } from "../../../shared/storage/calls.ts";
import { arbitraryDelivery, events, idOf, states, waiting } from "./support/arbitrary-delivery.ts";

const sum = (counts: Counts): number =>
  Object.values(counts).reduce((left, right) => left + right, 0);

describe("packing", () => {
  it("gives back what was packed, in pieces that fit a property", () => {
    fc.assert(
      fc.property(fc.array(arbitraryDelivery, { maxLength: 60 }), (deliveries) => {
        const texts = pack(deliveries);
        expect(unpack(texts)).toEqual(deliveries);
        for (const text of texts) expect(text.length).toBeLessThanOrEqual(maxPropertyChars);
      }),
      { numRuns: 60 },
    );
  });

  it("fits the longest names and reasons of a full row into an entity", () => {
    const longest = Array.from({ length: maxInRow }, (_, nth) =>
      waiting(nth, {
        state: "notSupported",
        name: "\u0001".repeat(256),
        code: "approximate-not-allowed",
        detail: "é".repeat(160),
        claim: "c".repeat(22),
        at: 1_800_000_000_000,
        claimedAt: 1_800_000_000_000,
      }),
    );
    const texts = pack(longest);
    expect(texts.length).toBeGreaterThan(5);
    expect(unpack(texts)).toEqual(longest);
    const columns = Object.fromEntries(texts.map((text, at) => [`d${at}`, text]));
    expect(() => checkEntity("Items", columns)).not.toThrow();
  });

  it("keeps an empty row empty, and refuses a state that nobody knows", () => {
    expect(unpack(pack([]))).toEqual([]);
    expect(() => unpack(['[["id","name","x",0,0,0]]'])).toThrow('unknown state "x"');
  });
});

describe("rows", () => {
  it("hold every delivery once, in order, at most 100 to be sent and 250 in all", () => {
    const lists = fc.array(fc.constantFrom(...states), { maxLength: 1500 });
    fc.assert(
      fc.property(lists, (list) => {
        const deliveries = list.map((state, nth) => waiting(nth, { state }));
        const rows = toRows(deliveries, 9);
        expect(rows.flatMap((row) => row.items)).toEqual(deliveries);
        for (const row of rows) {
          expect(row.items.length).toBeGreaterThan(0);
          expect(row.items.length).toBeLessThanOrEqual(maxInRow);
          expect(liveOf(row.items)).toBeLessThanOrEqual(maxSendable);
          expect(row.lastTargetId).toBe(row.items.at(-1)?.targetId);
          expect(row.dueAt).toBe(9);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("are full before the next one begins", () => {
    const sendable = Array.from({ length: 1000 }, (_, nth) => waiting(nth));
    expect(toRows(sendable, 0)).toHaveLength(10);
    const settled = sendable.map((delivery) => ({ ...delivery, state: "notSupported" as const }));
    expect(toRows(settled, 0)).toHaveLength(4);
    expect(toRows([], 0)).toEqual([]);
  });
});

describe("counts", () => {
  it("add up to the total whatever happens to whom in which order", () => {
    const happenings = fc.array(fc.record({ nth: fc.nat(39), event: fc.constantFrom(...events) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(happenings, (list) => {
        let deliveries = Array.from({ length: 40 }, (_, nth) => waiting(nth));
        for (const [at, { nth, event }] of list.entries()) {
          deliveries = deliveries.map((each) =>
            each.targetId === idOf(nth) ? apply(each, event, at) : each,
          );
          const counts = countOf(deliveries);
          expect(sum(counts)).toBe(40);
          const settled = deliveries.filter(({ state }) => !liveStates.has(state)).length;
          expect(counts.waiting + counts.sent).toBe(40 - settled);
        }
      }),
    );
  });

  it("of rows add up to the counts of all", () => {
    fc.assert(
      fc.property(fc.array(arbitraryDelivery), fc.array(arbitraryDelivery), (left, right) => {
        const added = addCounts(countOf(left), countOf(right));
        expect(added).toEqual(countOf([...left, ...right]));
      }),
    );
    expect(sum(emptyCounts())).toBe(0);
  });
});
