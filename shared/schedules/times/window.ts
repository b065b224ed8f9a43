/**
 * Maintenance windows: when work may begin. A window opens by a rule on the clock of a place and stays open for some
 * minutes of elapsed time; windows of one kind add up where they overlap, the task's and each collection's must all be
 * open at once, and exclusions take away. Work that has begun is not stopped at a window's end: so it begins only when
 * the longest time that it may take still fits, and not within the cut-off before the end.
 */
import type { Instant } from "../../kernel/clock.ts";
import { type Excluded, occurrencesAfter, type Recurring } from "./recurrence.ts";

/** From, and up to but not with. */
export type Span = { readonly from: Instant; readonly to: Instant };

/** One rule of opening. */
export type Window = {
  readonly opens: Recurring;
  /** How long it stays open, in minutes of elapsed time. */
  readonly minutes: number;
};

/** The windows that hold for something, by who says so: one open window of each is needed. Nobody: always open. */
export type EffectiveWindow = {
  readonly groups: readonly (readonly Window[])[];
  /** When nothing begins, whatever is open. */
  readonly exclusions?: readonly Span[];
  readonly calendar?: Excluded;
};

/** What has to fit. */
export type Need = {
  /** The longest that the work may take, in ms. */
  readonly runMs: number;
  /** Nothing begins so close to the end, in ms. */
  readonly cutoffMs: number;
};

const minuteMs = 60_000;
const dayMs = 24 * 3600_000;
/** Looked at in one go, and how far ahead in all: whatever opens at all opens within two years. */
const stepMs = 32 * dayMs;
const horizonMs = 2 * 366 * dayMs;

/** Openings that are looked at before nothing is taken to fit: each takes a tenth of a millisecond. */
const mostOpenings = 10_000;
type Budget = { left: number };

/** When the windows are open between two moments, merged and in order. */
export function openSpans(
  { groups, exclusions = [], calendar }: EffectiveWindow,
  within: Span,
  budget: Budget = { left: mostOpenings },
): Span[] {
  let open: Span[] = [within];
  for (const windows of groups) {
    const spans = windows.flatMap((window) => spansOf(window, within, budget, calendar));
    open = shared(open, merged(spans));
  }
  return without(open, merged([...exclusions]));
}

function spansOf(
  { opens, minutes }: Window,
  { from, to }: Span,
  budget: Budget,
  calendar?: Excluded,
): Span[] {
  const length = minutes * minuteMs;
  const spans: Span[] = [];
  for (const { at } of occurrencesAfter(opens, from - length, calendar)) {
    if (at >= to || budget.left <= 0) break;
    budget.left -= 1;
    spans.push({ from: Math.max(at, from), to: Math.min(at + length, to) });
  }
  return spans;
}

/** Spans that touch or overlap become one. */
function merged(spans: readonly Span[]): Span[] {
  const all: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last !== undefined && span.from <= last.to)
      all[all.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    else all.push(span);
  }
  return all;
}

const shared = (some: readonly Span[], others: readonly Span[]): Span[] =>
  some.flatMap((a) =>
    others
      .map((b) => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }))
      .filter(({ from, to }) => from < to),
  );

function without(spans: readonly Span[], holes: readonly Span[]): Span[] {
  let left = [...spans];
  for (const hole of holes)
    left = left
      .flatMap(({ from, to }) => [
        { from, to: Math.min(to, hole.from) },
        { from: Math.max(from, hole.to), to },
      ])
      .filter(({ from, to }) => from < to);
  return left;
}

/**
 * The first moment from `at` on at which work may begin; undefined when there is none within two years, or within
 * ten thousand openings. Spans that go
 * on beyond what is looked at in one go are looked at whole.
 */
export function nextStart(windows: EffectiveWindow, at: Instant, need: Need): Instant | undefined {
  if (windows.groups.length === 0 && (windows.exclusions ?? []).length === 0) return at;
  const reach = Math.max(need.runMs, need.cutoffMs, minuteMs);
  const budget = { left: mostOpenings };
  for (let from = at; from < at + horizonMs; from += stepMs) {
    // Wider on both sides than what is decided here: a span's end may lie in the next step.
    const spans = openSpans(windows, { from, to: from + stepMs + reach }, budget);
    if (budget.left <= 0) return undefined;
    for (const span of spans) {
      if (span.from >= from + stepMs) break;
      if (span.to - span.from >= reach) return span.from;
    }
  }
  return undefined;
}

/** Whether work may begin at a moment: asked again right before it does. */
export const mayStart = (windows: EffectiveWindow, at: Instant, need: Need): boolean =>
  nextStart(windows, at, need) === at;
