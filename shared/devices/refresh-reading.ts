/** The reading half of a refresh: one slice of pages from Graph, at the tenant's pace. */
import { setTimeout } from "node:timers/promises";
import { limitOf, paceOf } from "../graph/pace.ts";
import { backoffMs } from "../kernel/backoff.ts";
import { maxAttempts, maxWaits, progressed, type Refresh } from "./refresh.ts";
import type { RefreshDeps } from "./refresh-deps.ts";
import { type Fetched, fetchSlice, type ReadingStage, type Stop } from "./refresh-fetch.ts";
import { mergeAtOnce } from "./refresh-merging.ts";
import type { RefreshWork } from "./refresh-work.ts";
import { afterReading, joinInMemory } from "./site-joining.ts";

/** What the worker does after a slice; a pause says in which state the refresh waits. */
export type Sliced =
  | { readonly kind: "on" }
  | { readonly kind: "pause"; readonly afterMs: number; readonly refresh: Refresh }
  | { readonly kind: "fail"; readonly failure: NonNullable<Refresh["failure"]> };

/** Share of the lease that a slice may spend on reading; one more page may follow. */
const readingShare = 0.25;
/** More pages than any tenant has: paging that does not end. */
const maxPages = 20_000;
/** Waits up to this long are not worth a message. */
const shortWaitMs = 2000;
const throttleBackoff = { baseMs: 2000, maxMs: 120_000 };
const retryBackoff = { baseMs: 1000, maxMs: 60_000 };

/** Reads one slice and keeps it: merged at once when it was everything, otherwise as a run. */
export async function readSlice(
  deps: RefreshDeps,
  work: RefreshWork,
  stage: ReadingStage,
): Promise<Sliced> {
  const turn = await reserveTurn(deps, work.refresh);
  if (turn.waitMs > shortWaitMs)
    return {
      kind: "pause",
      afterMs: turn.waitMs,
      refresh: { ...patient(work.refresh), reserved: true },
    };
  if (turn.waitMs > 0) await setTimeout(turn.waitMs);
  const until = deps.clock.now() + deps.leaseMs * readingShare;
  const slice = await fetchSlice(deps, work.refresh, stage, { pages: turn.pages, until });
  const read = withSlice(work.refresh, slice);
  const whole = slice.next === undefined && read.runs.length === 0;
  const joined = whole ? await joinInMemory(deps, read, slice.records) : undefined;
  if (joined !== undefined) {
    await mergeAtOnce(deps, work, read, joined);
    return { kind: "on" };
  }
  await keepSlice(deps, work, read, slice);
  if (slice.stop !== undefined) return stopped(deps, work.refresh, slice.stop);
  if (work.refresh.counts.pages < maxPages) return { kind: "on" };
  return failure("graph-refused", `Paging did not end within ${maxPages} pages.`);
}

/** Waiting our turn is not a failed attempt. */
const patient = (refresh: Refresh): Refresh => ({
  ...refresh,
  attempts: Math.max(0, refresh.attempts - 1),
});

/** Writes the slice as a run, then the progress that names it. */
async function keepSlice(
  deps: RefreshDeps,
  work: RefreshWork,
  read: Refresh,
  { records, pages, next }: Fetched,
): Promise<void> {
  const run = `${String(read.runs.length).padStart(5, "0")}-${read.claims}`;
  if (records.length > 0) await deps.runs.write(read, run, records);
  const runs = records.length > 0 ? [...read.runs, run] : read.runs;
  const kept = { ...read, runs };
  if (next === undefined) {
    await work.keep(progressed(kept, await afterReading(deps, kept)));
  } else if (pages > 0 || next.kind !== read.stage.kind) await work.keep(progressed(kept, next));
}

function withSlice(refresh: Refresh, { pages, fetched, unreadable, groupTags }: Fetched): Refresh {
  const { counts } = refresh;
  return {
    ...refresh,
    reserved: false,
    groupTags,
    counts: {
      ...counts,
      pages: counts.pages + pages,
      fetched: counts.fetched + fetched,
      unreadable: counts.unreadable + unreadable,
    },
  };
}

/** When a slice may begin, and how many pages it may ask for: what the pace lets go at once. */
async function reserveTurn(
  deps: RefreshDeps,
  { tenantId, reserved }: Refresh,
): Promise<{ waitMs: number; pages: number }> {
  const setting = (await deps.tenant(tenantId))?.deviceReads;
  if (setting === "unlimited") return { waitMs: 0, pages: deps.slicePages };
  const pace = paceOf(limitOf("deviceReads", setting));
  const pages = Math.min(deps.slicePages, pace.burst);
  if (reserved) return { waitMs: 0, pages };
  const now = deps.clock.now();
  const { startAt } = await deps.paces.reserve(tenantId, "deviceReads", pages, now, pace);
  return { waitMs: startAt - now, pages };
}

async function stopped(deps: RefreshDeps, refresh: Refresh, stop: Stop): Promise<Sliced> {
  const random = deps.random();
  switch (stop.kind) {
    case "refused":
      return failure("graph-refused", stop.detail);
    case "unclear": {
      const gone = refresh.attempts >= maxAttempts;
      if (gone) return failure("graph-unavailable", `Microsoft Graph does not answer: ${stop.why}`);
      const afterMs = backoffMs(refresh.attempts, { ...retryBackoff, random });
      return { kind: "pause", afterMs, refresh };
    }
    case "throttled": {
      const waits = refresh.waits + 1;
      if (waits > maxWaits)
        return failure(
          "graph-unavailable",
          `Microsoft Graph asked to wait ${waits} times in a row.`,
        );
      const afterMs = stop.retryAfterMs ?? backoffMs(waits, { ...throttleBackoff, random });
      const now = deps.clock.now();
      await deps.paces.defer(refresh.tenantId, "deviceReads", now + afterMs, now);
      return { kind: "pause", afterMs, refresh: { ...patient(refresh), waits } };
    }
  }
}

const failure = (code: NonNullable<Refresh["failure"]>["code"], detail: string): Sliced => ({
  kind: "fail",
  failure: { code, detail },
});
