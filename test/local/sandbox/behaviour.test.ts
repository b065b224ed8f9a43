/** Which settings are taken, and whose settings apply. */
import { describe, expect, it } from "vitest";
import { behaviourBook, calm, readBehaviourChange } from "../../../local/sandbox/behaviour.ts";

describe("a setting", () => {
  it.for([
    [{ offlineRate: 0.2 }, { offlineRate: 0.2 }],
    [{ rejectBulk: true }, { rejectBulk: 400 }],
    [{ rejectBulk: 501 }, { rejectBulk: 501 }],
    [{ actMs: 5 }, { actMs: [5, 5] }],
    [{ reportMs: [1, 9] }, { reportMs: [1, 9] }],
    [
      { throttle: { limit: 3, windowSeconds: 20, retryAfter: false } },
      { throttle: { limit: 3, windowSeconds: 20, retryAfter: null } },
    ],
  ])("%j is taken as %j", ([body, set]) => {
    expect(readBehaviourChange(body as Record<string, unknown>)).toEqual({
      kind: "change",
      set,
      reset: [],
    });
  });

  it.for([
    { offlneRate: 0.2 },
    { offlineRate: 1.1 },
    { failRate: -0.1 },
    { errorRate: "0.5" },
    { actMs: [9, 1] },
    { latencyMs: -1 },
    { seed: 0.5 },
    { rejectBulk: 404 },
    { throttle: { limit: 3 } },
    { throttle: { limit: 3, windowSeconds: 20, retryafter: 1 } },
  ])("%j is refused", (body) => {
    expect(readBehaviourChange(body).kind).toBe("wrong");
  });
});

describe("the book", () => {
  it("puts a tenant's settings over everybody's, and everybody's over calm", () => {
    const book = behaviourBook();
    book.change(undefined, readBehaviourChange({ offlineRate: 0.1, failRate: 0.1 }));
    book.change("a", readBehaviourChange({ failRate: 0.5 }));
    expect(book.of("a")).toEqual({ ...calm, offlineRate: 0.1, failRate: 0.5 });
    expect(book.of("b")).toEqual({ ...calm, offlineRate: 0.1, failRate: 0.1 });
  });

  it("null takes back one setting and leaves the others", () => {
    const book = behaviourBook();
    book.change("a", readBehaviourChange({ offlineRate: 0.1, failRate: 0.1 }));
    book.change("a", readBehaviourChange({ failRate: null }));
    expect(book.of("a")).toEqual({ ...calm, offlineRate: 0.1 });
  });

  it("calming down takes back everything", () => {
    const book = behaviourBook();
    book.change(undefined, readBehaviourChange({ offlineRate: 0.1 }));
    book.change("a", readBehaviourChange({ failRate: 0.1 }));
    book.calmDown();
    expect(book.of("a")).toEqual(calm);
  });
});
