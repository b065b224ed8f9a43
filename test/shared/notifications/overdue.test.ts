/** Chunks of overdue rows: every one of them once, nobody disturbed, as few messages as planning sends. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overdueChunks } from "../../../shared/fanout/care/sweep.ts";
import { rowsPerChunk } from "../../../shared/fanout/engine/engine.ts";
import type { RowSummary } from "../../../shared/fanout/state/item-store.ts";
import { idOf } from "./support/arbitrary-delivery.ts";

const before = 1_000;
/** Lost, requeued a moment ago, on time, and at its end. */
const kinds = {
  lost: { live: 1, dueAt: 500, requeuedAt: 0 },
  requeued: { live: 1, dueAt: 500, requeuedAt: 1_500 },
  onTime: { live: 1, dueAt: 1_500, requeuedAt: 0 },
  ended: { live: 0, dueAt: 500, requeuedAt: 0 },
};
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];
const marksOf = (list: readonly { kind: Kind; waiting: number }[]): RowSummary[] =>
  list.map(({ kind, waiting }, nth) => ({
    ...kinds[kind],
    waiting: kind === "ended" ? 0 : waiting,
    lastTargetId: idOf(nth),
    failures: 0,
  }));

describe("chunks of overdue rows", () => {
  it("name every lost row once, and no row that somebody is at", () => {
    const row = fc.record({ kind: fc.constantFrom(...names), waiting: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 80 }), (list) => {
        const marks = marksOf(list);
        const chunks = overdueChunks(marks, before);
        const spans = chunks.map(({ from, to }) =>
          marks.filter(({ lastTargetId: id }) => from <= id && id <= to),
        );
        const live = spans.flat().filter((mark) => mark.live > 0);
        expect(live).toEqual(marks.filter((_, nth) => list[nth]?.kind === "lost"));
        expect(chunks.flatMap(({ rows }) => rows)).toEqual(live);
        for (const [nth, span] of spans.entries()) {
          expect(span.length).toBeLessThanOrEqual(rowsPerChunk);
          expect(chunks[nth]?.toSend).toBe(span.some(({ waiting }) => waiting > 0));
        }
      }),
    );
  });

  it("are as few as planning makes where everything is lost", () => {
    const marks = marksOf(Array.from({ length: 800 }, () => ({ kind: "lost", waiting: 1 })));
    expect(overdueChunks(marks, before)).toHaveLength(100);
  });
});
