import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyAll,
  asideOf,
  begunOf,
  countOf,
  type Item,
  type ItemEvent,
  lifecycle,
  pack,
  type Transition,
  unpack,
} from "../../../shared/fanout/state/item.ts";
import { bucketOf, bucketsFor, buckets as names } from "../../../shared/provisioning/run.ts";

const devices = ["a", "b", "c", "d"] as const;
const lastStep = 2;
const events = [
  ...new Set(Object.values(lifecycle).flatMap((moves) => Object.keys(moves) as ItemEvent[])),
];

const details = fc.record(
  {
    code: fc.constantFrom("offline", "window", "failed"),
    notBefore: fc.integer({ min: 1, max: 1_000 }),
    claimedAt: fc.integer({ min: 1, max: 1_000 }),
  },
  { requiredKeys: [] },
);
/** Whatever may happen to a device, in any order; only who is held can be aside. */
const happening = fc.record({
  targetId: fc.constantFrom(...devices),
  event: fc.constantFrom(...events),
  details,
  aside: fc.constantFrom("away" as const, "back" as const, undefined),
});

const first = (targetId: string, step: number): Item => ({
  targetId,
  name: targetId,
  state: "waiting",
  route: 0,
  at: 0,
  attempts: 0,
  ...(step === 0 ? {} : { step }),
});

test("buckets add up to all devices, and say of each where it lies, after whatever happens in any order", () => {
  const begun = fc.array(fc.nat(lastStep), {
    minLength: devices.length,
    maxLength: devices.length,
  });
  fc.assert(
    fc.property(begun, fc.array(happening, { maxLength: 60 }), fc.nat(50), (steps, story, rest) => {
      let items = devices.map((id, at) => first(id, steps[at] ?? 0));
      for (const [now, { targetId, event, details: told, aside }] of story.entries()) {
        const held = event === "hold" && aside !== undefined ? { ...told, aside } : told;
        const transition: Transition = { event, details: held };
        items = applyAll(items, new Map([[targetId, transition]]), now + 1, lastStep);
        const stored = unpack(pack(items));
        expect(stored).toEqual(items);
        const standing = { counts: countOf(stored), begun: begunOf(stored) };
        const shown = bucketsFor(standing, rest);
        const lying = Object.fromEntries(
          names.map((name) => [name, stored.filter((item) => bucketOf(item) === name).length]),
        );
        expect(shown).toEqual({ ...lying, pending: (lying["pending"] ?? 0) + rest });
        // Who waits aside waits: it is in no other bucket than whoever waits beside it.
        expect(asideOf(stored).aside).toBeLessThanOrEqual(standing.counts.waiting);
      }
    }),
  );
});
