/** The lifecycle of a delivery, walked state by state and event by event. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  apply,
  applyAll,
  countedStates,
  type ItemEvent,
  type ItemState,
  lifecycle,
  liveStates,
  maxDetailChars,
  shownState,
} from "../../../shared/fanout/state/item.ts";
import { isOpen, jobLifecycle, move } from "../../../shared/fanout/state/job.ts";
import { events, idOf, kind, running, states, waiting } from "./support/arbitrary-delivery.ts";

/** What can happen to a delivery: it has one step, and no next one. */
// A notification has no next step, and its kind never finds that Graph let go of it undone.
const happenings = events.filter((event) => event !== "advance" && event !== "repeat");
const cases = states.flatMap((state) => events.map((event) => ({ state, event })));

describe("a delivery", () => {
  it.each(cases)("in state $state moves by $event as the table says", ({ state, event }) => {
    const before = waiting(1, { state, attempts: 2, claimedAt: 5, claim: "c", singly: true });
    const after = apply(before, event, 77, { code: "why" });
    const to = lifecycle[state][event];
    const attempts = event === "claim" ? 3 : 2;
    const moved = { ...before, state: to, at: 77, attempts, code: "why" };
    // The next step begins as the first one did.
    const onward = waiting(1, { step: 1, at: 77 });
    const reached = event === "advance" ? onward : moved;
    expect(after).toEqual(to === undefined ? before : reached);
  });

  it("forgets the reason and the waiting time of the state before", () => {
    const before = waiting(1, { state: "claimed", code: "old", detail: "old", notBefore: 9 });
    expect(apply(before, "accept", 1)).not.toHaveProperty("code");
    expect(apply(before, "accept", 1)).not.toHaveProperty("detail");
    expect(apply(before, "accept", 1)).not.toHaveProperty("notBefore");
  });

  it("cuts a long reason", () => {
    const long = "x".repeat(1000);
    expect(apply(waiting(), "fail", 1, { detail: long }).detail).toHaveLength(maxDetailChars);
  });

  it("keeps of a long reason its end, and of a wrapped one the words", () => {
    const long = `${"x".repeat(1000)} the disk is full`;
    expect(apply(waiting(), "fail", 1, { detail: long }).detail).toMatch(/the disk is full$/);
    const wrapped = JSON.stringify({
      error: { message: JSON.stringify({ Message: "no\u0000room" }) },
    });
    const detail = `Graph said ${wrapped}`;
    expect(apply(waiting(), "fail", 1, { detail }).detail).toBe("Graph said no room");
  });

  it.each(["claim", "doubt", "postpone"] as const)(
    "that is on its way still keeps the latest reason over a %s that brings none",
    (event) => {
      const before = waiting(1, { state: "claimed", code: "graph-busy", detail: "no room" });
      expect(apply(before, event, 1)).toMatchObject({ code: "graph-busy", detail: "no room" });
      expect(apply(before, event, 1, { code: "new" })).not.toHaveProperty("detail");
    },
  );

  it("that is live has an event that ends it, and one that is not has none that revives it", () => {
    for (const state of states) {
      const next: readonly ItemState[] = Object.values(lifecycle[state]);
      const isLive = liveStates.has(state);
      const right = isLive
        ? next.some((to) => !liveStates.has(to))
        : next.every((to) => !liveStates.has(to));
      expect({ state, right }).toEqual({ state, right: true });
    }
  });

  it("comes from waiting to every state", () => {
    const reached = new Set<ItemState>(["waiting"]);
    for (const state of reached) for (const to of Object.values(lifecycle[state])) reached.add(to);
    expect([...reached].toSorted()).toEqual(states.toSorted());
  });

  it("is never sent again once Graph has taken it: it has no next step", () => {
    const reached = new Set<ItemState>(["sent"]);
    for (const state of reached) {
      for (const event of happenings) {
        const to = lifecycle[state][event];
        if (to !== undefined) reached.add(to);
      }
    }
    expect(reached).not.toContain("waiting");
    expect(reached).not.toContain("claimed");
    const lastStep = kind.lastStep(running());
    for (const event of happenings) {
      const sent = waiting(1, { state: "sent" });
      const [after] = applyAll([sent], new Map([[idOf(1), { event }]]), 1, lastStep);
      expect({ event, state: after?.state }).toEqual({
        event,
        state: lifecycle.sent[event] ?? "sent",
      });
    }
  });

  it("shows a claim as waiting, and everything else as it is", () => {
    expect(states.map(shownState).filter((state) => !countedStates.includes(state))).toEqual([]);
    expect(shownState("claimed")).toBe("waiting");
    expect(countedStates.map(shownState)).toEqual(countedStates);
  });
});

describe("reports of a delivery that Graph took", () => {
  const truths = { finish: "done", fail: "failed", decline: "notSupported" } as const;
  const assumptions: ItemEvent[] = ["expire", "silence", "lose"];
  const noise: ItemEvent[] = ["claim", "postpone", "accept"];

  test.each(Object.entries(truths))(
    "end with %s in any order, early, late, repeated",
    (truth, end) => {
      const others = fc.array(fc.constantFrom(...assumptions, ...noise, truth as ItemEvent));
      const anyOrder = others.chain((list) =>
        fc.shuffledSubarray([...list, truth as ItemEvent], { minLength: list.length + 1 }),
      );
      fc.assert(
        fc.property(anyOrder, (order) => {
          const sent = waiting(0, { state: "sent" });
          const after = order.reduce((delivery, event, at) => apply(delivery, event, at), sent);
          expect(after.state).toBe(end);
        }),
      );
    },
  );

  it("settle on the first assumption while the device says nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...assumptions), { minLength: 1 }), (order) => {
        const sent = waiting(0, { state: "sent" });
        const after = order.reduce((delivery, event, at) => apply(delivery, event, at), sent);
        expect(after).toEqual(apply(sent, order[0] as ItemEvent, 0));
      }),
    );
  });
});

describe("a notification", () => {
  const all = Object.keys(jobLifecycle) as (keyof typeof jobLifecycle)[];
  const moves = [
    "approve",
    "reject",
    "planned",
    "pause",
    "resume",
    "finish",
    "cancel",
    "abandon",
  ] as const;

  it.each(all.flatMap((state) => moves.map((event) => ({ state, event }))))(
    "that is $state moves by $event as the table says",
    ({ state, event }) => {
      const to = jobLifecycle[state][event];
      const moved = move(running({ state }), event, { finishedAt: 3 });
      // What is stopped while it is planned is marked: its counts are not about all of its devices.
      const cut = state === "planning" && (event === "cancel" || event === "abandon");
      const mark: { readonly cutShort?: true } = cut ? { cutShort: true } : {};
      const after = { state: to ?? state, finishedAt: 3, ...mark };
      expect(moved).toEqual(to === undefined ? undefined : running(after));
    },
  );

  it("is open exactly while something can still happen to it", () => {
    expect(all.filter((state) => isOpen(running({ state })))).toEqual([
      "pendingApproval",
      "planning",
      "running",
      "paused",
      "cancelling",
      "failing",
    ]);
  });
});
