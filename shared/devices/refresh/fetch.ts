/** The reading half of a refresh: one slice of pages from Graph, as fast as the tenant's throttle lets it. */

import { setTimeout } from "node:timers/promises";
import type { GraphAnswer } from "../../graph/answer.ts";
import { rateOf } from "../../graph/throttle.ts";
import { backoffMs, type Instant } from "../../kernel/clock.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import { graphLists, type RefreshRecord } from "../directory/device.ts";
import { afterReading, mergeWhole, type RefreshParts } from "./merge.ts";
import {
  isDoubtful,
  maxAttempts,
  maxWaits,
  noTags,
  progressed,
  type Refresh,
  type RefreshWork,
  type Stage,
  walkAnew,
  withLink,
} from "./refresh.ts";

// Reads pages from Graph for one slice of a refresh, until the end, the slice's bounds, or an answer that
// makes it stop. What was read before the stop is kept.

/** The stages that read from Graph. */
type ReadingStage = Extract<Stage, { kind: "devices" | "tags" }>;

/** What one slice may take. */
type SliceBounds = { readonly pages: number; readonly until: Instant };

/** Why a slice ended before its bounds. */
type Stop =
  | { readonly kind: "throttled"; readonly retryAfterMs?: number; readonly why: string }
  | { readonly kind: "unclear"; readonly why: string; readonly tooMuch?: true }
  | { readonly kind: "refused"; readonly detail: string };

/** What a slice brought, and where the next one goes on; `undefined`: there is nothing more to read. */
type Fetched = {
  readonly records: RefreshRecord[];
  readonly pages: number;
  readonly fetched: number;
  readonly unreadable: number;
  readonly next: ReadingStage | undefined;
  readonly groupTags: Refresh["groupTags"];
  readonly walk: Refresh["walk"];
  /** The walk through the devices began anew: what earlier slices read of them does not count. */
  readonly anew: boolean;
  readonly stop?: Stop;
};

/** Most records in one slice, whatever the size of a page. */
const maxRecords = 20_000;

type Mutable = { -readonly [K in keyof Fetched]: Fetched[K] };

/** Reads the pages of one slice. */
async function fetchSlice(
  { graph, clock }: Pick<RefreshParts, "graph" | "clock">,
  refresh: Refresh,
  from: ReadingStage,
  bounds: SliceBounds,
): Promise<Fetched> {
  const { groupTags, walk } = refresh;
  const slice: Mutable = {
    walk,
    anew: false,
    records: [],
    pages: 0,
    fetched: 0,
    unreadable: 0,
    next: from,
    groupTags,
  };
  while (slice.next !== undefined && slice.stop === undefined) {
    const full = slice.pages >= bounds.pages || slice.records.length >= maxRecords;
    // At least one page, or a slow Graph would keep us from ever getting on.
    if (full || (slice.pages > 0 && clock.now() >= bounds.until)) break;
    const { top } = slice.walk;
    takePage(slice, slice.next, await askPage(graph, refresh.tenantId, slice.next, top));
  }
  return slice;
}

async function askPage(
  graph: RefreshParts["graph"],
  tenantId: string,
  { kind, nextLink }: ReadingStage,
  top: number,
): Promise<GraphAnswer> {
  try {
    if (nextLink === undefined) {
      const path = graphLists[kind].path(top);
      return await graph.ask(tenantId, "v1.0", { method: "GET", path });
    }
    return await graph.follow(tenantId, nextLink);
  } catch (error) {
    // No token: nothing was asked, and the next attempt may get one.
    return { kind: "unclear", why: reasonOf(error) };
  }
}

function takePage(slice: Mutable, stage: ReadingStage, answer: GraphAnswer): void {
  switch (answer.kind) {
    case "ok":
      return takeRecords(slice, stage, answer.body);
    case "throttled":
    case "busy": {
      const { retryAfterMs, why } = answer;
      const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
      slice.stop = { kind: "throttled", why, ...wait };
      return;
    }
    case "unclear":
      slice.stop = answer;
      return;
    case "approvalNeeded":
    case "dependencyFailed":
      slice.stop = { kind: "unclear", why: answer.why };
      return;
    case "refused":
      return takeRefusal(slice, stage, answer);
  }
}

function takeRecords(slice: Mutable, stage: ReadingStage, body: unknown): void {
  const { value, "@odata.nextLink": nextLink } = (body ?? {}) as Record<string, unknown>;
  if (!Array.isArray(value)) {
    slice.stop = { kind: "unclear", why: "the answer is not a list" };
    return;
  }
  const records = value.map(graphLists[stage.kind].record).filter((record) => record !== undefined);
  slice.pages += 1;
  slice.records.push(...records);
  if (stage.kind === "devices") {
    slice.fetched += value.length;
    slice.unreadable += value.length - records.length;
  } else slice.groupTags = { state: "pending", count: slice.groupTags.count + records.length };
  if (typeof nextLink !== "string") return endStage(slice, stage);
  const seen = withLink(slice.walk.seen, nextLink);
  if (seen === undefined) slice.stop = nowhere("that was read before: its list goes in a circle");
  else if (!URL.canParse(nextLink) || nextLink.length > maxLinkChars)
    slice.stop = nowhere("that leads nowhere");
  else {
    slice.walk = { ...slice.walk, seen };
    slice.next = { kind: stage.kind, nextLink };
  }
}

/** Longer ones do not fit where we keep our place. */
const maxLinkChars = 8_000;

const nowhere = (how: string): Stop => ({
  kind: "refused",
  detail: `Microsoft Graph gave a next page ${how}.`,
});

function endStage(slice: Mutable, { kind }: ReadingStage): void {
  slice.next = kind === "devices" ? { kind: "tags" } : undefined;
  const doubted = kind === "tags" && slice.walk.doubted;
  slice.walk = { ...slice.walk, seen: [], restarts: 0, doubted };
  if (kind === "tags") slice.groupTags = { ...slice.groupTags, state: "read" };
}

const withoutTagRecords = (records: readonly RefreshRecord[]): RefreshRecord[] =>
  records.filter(({ kind }) => kind !== "tag");

type Refusal = Extract<GraphAnswer, { kind: "refused" }>;

/** So often a list whose continuation was refused is read from its beginning. */
const maxRestarts = 8;

function takeRefusal(slice: Mutable, { kind, nextLink }: ReadingStage, refusal: Refusal): void {
  const { reason, code, message } = refusal;
  const { walk } = slice;
  // A link may have run out, and says nothing about the list: its beginning does.
  const isOurs = reason === "signedOut" || code === "foreign-next-link";
  if (nextLink !== undefined && !isOurs && walk.restarts < maxRestarts) {
    slice.walk = { ...walk, restarts: walk.restarts + 1, seen: [] };
    slice.next = { kind };
    slice.records = kind === "tags" ? withoutTagRecords(slice.records) : [];
    if (kind === "devices") Object.assign(slice, { fetched: 0, unreadable: 0, anew: true });
    else slice.groupTags = noTags;
    return;
  }
  // It is named for the person who can grant it.
  const need =
    reason === "forbidden" ? ` The app needs the permission ${graphLists[kind].permission}.` : "";
  const detail = `Microsoft Graph refused (${code}): ${message}${need}`;
  slice.stop = { kind: "refused", detail };
}

/** What the worker does after a slice; a pause says in which state the refresh waits. */
type Sliced =
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
  parts: RefreshParts,
  work: RefreshWork,
  stage: ReadingStage,
): Promise<Sliced> {
  if (stage.kind === "tags" && work.refresh.groupTags.state === "notRead")
    return withoutTags(parts, work, work.refresh.groupTags.detail ?? "");
  const reservation = await reservationFor(parts, work.refresh);
  if (reservation.waitMs > shortWaitMs)
    return {
      kind: "pause",
      afterMs: reservation.waitMs,
      refresh: { ...uncounted(work.refresh), reserved: true },
    };
  if (reservation.waitMs > 0) await setTimeout(reservation.waitMs);
  const until = parts.clock.now() + parts.leaseMs * readingShare;
  const slice = await fetchSlice(parts, work.refresh, stage, { pages: reservation.pages, until });
  const listed = stage.kind === "devices" && slice.next?.kind !== "devices";
  const doubt = listed ? await doubtOf(parts, work, withSlice(work.refresh, slice)) : undefined;
  if (doubt !== undefined) return doubt;
  const lost = slice.next === undefined ? await lostTags(parts, work.refresh, slice) : undefined;
  if (lost === undefined) return takeSlice(parts, work, slice);
  const records = withoutTagRecords(slice.records);
  if (!slice.walk.doubted) return readTagsAgain(parts, work, { ...slice, records });
  const groupTags = { ...slice.groupTags, state: "notRead", detail: lost } as const;
  return takeSlice(parts, work, { ...slice, records, groupTags });
}

async function takeSlice(parts: RefreshParts, work: RefreshWork, slice: Fetched): Promise<Sliced> {
  const read = withSlice(work.refresh, slice);
  const whole = slice.next === undefined && read.runs.length === 0;
  if (whole && (await mergeWhole(parts, work, read, slice.records))) return { kind: "on" };
  await keepSlice(parts, work, read, slice);
  const ended = await endOf(parts, work.refresh, slice.stop);
  if (ended.kind !== "fail" || work.refresh.stage.kind !== "tags") return ended;
  return withoutTags(parts, work, ended.failure.detail);
}

function endOf(parts: RefreshParts, refresh: Refresh, stop: Stop | undefined): Promise<Sliced> {
  if (stop !== undefined) return stopped(parts, refresh, stop);
  const endless = refresh.counts.pages >= maxPages;
  const detail = `Paging did not end within ${maxPages} pages.`;
  return Promise.resolve(endless ? failure("graph-refused", detail) : { kind: "on" });
}

/** Goes on without group tags: devices keep those that they had. */
async function withoutTags(
  parts: RefreshParts,
  work: RefreshWork,
  detail: string,
): Promise<Sliced> {
  const groupTags = { ...work.refresh.groupTags, state: "notRead", detail } as const;
  const refresh = { ...work.refresh, groupTags };
  await work.keep(progressed(refresh, await afterReading(parts, refresh)));
  return { kind: "on" };
}

/** Time before a list that is far too short is read again. */
const doubtMs = 30_000;

/**
 * A list far shorter than the directory is rather a fault of the service than a fleet that is gone. It is read a
 * second time; when that says the same, the directory stays as it is until a person says that it is true.
 */
async function doubtOf(
  { directory }: RefreshParts,
  work: RefreshWork,
  { tenantId, counts, confirmed }: Refresh,
): Promise<Sliced | undefined> {
  const now = counts.fetched - counts.unreadable;
  const before = (await directory.meta(tenantId))?.fromIntune ?? 0;
  if (!isDoubtful(before, now, confirmed.devices)) return undefined;
  if (!work.refresh.walk.doubted) {
    const refresh = walkAnew(work.refresh, { doubted: true, restarts: 0 });
    return { kind: "pause", afterMs: doubtMs, refresh: { ...refresh, attempts: 0 } };
  }
  return failure(
    "confirmation-required",
    `Microsoft Graph lists ${now} devices, asked twice, where the directory has ${before}. The directory was kept. If it is true, start a refresh with confirmDevices=${now}.`,
  );
}

/** Why so few group tags are not believed either. No more can be there than devices, however many there were. */
async function lostTags(
  { directory }: RefreshParts,
  refresh: Refresh,
  slice: Fetched,
): Promise<string | undefined> {
  const { tenantId, counts, confirmed, groupTags } = withSlice(refresh, slice);
  const there = (await directory.meta(tenantId))?.groupTags ?? 0;
  const before = Math.min(there, counts.fetched - counts.unreadable);
  if (!isDoubtful(before, groupTags.count, confirmed.groupTags)) return undefined;
  return `Microsoft Graph lists ${groupTags.count} devices with a group tag, asked twice, where there were ${there}. Devices keep theirs. If it is true, start a refresh with confirmGroupTags=${groupTags.count}.`;
}

/** Keeps what a slice brought but for the group tags, which are read once more, after a while. */
async function readTagsAgain(
  parts: RefreshParts,
  work: RefreshWork,
  slice: Fetched,
): Promise<Sliced> {
  const again = { ...slice, next: { kind: "tags" }, groupTags: noTags } as const;
  await keepSlice(parts, work, withSlice(work.refresh, again), again);
  const walk = { ...work.refresh.walk, doubted: true };
  return { kind: "pause", afterMs: doubtMs, refresh: { ...work.refresh, walk, attempts: 0 } };
}

/** Waiting for what was reserved is not a failed attempt. */
const uncounted = (refresh: Refresh): Refresh => ({
  ...refresh,
  attempts: Math.max(0, refresh.attempts - 1),
});

/** Writes the slice as a run, then the progress that names it. */
async function keepSlice(
  parts: RefreshParts,
  work: RefreshWork,
  read: Refresh,
  { records, pages, next, anew }: Fetched,
): Promise<void> {
  const run = `${String(read.runs.length).padStart(5, "0")}-${read.claims}`;
  if (records.length > 0) await parts.runs.write(read, run, records);
  const runs = records.length > 0 ? [...read.runs, run] : read.runs;
  const kept = { ...read, runs };
  if (next === undefined) {
    await work.keep(progressed(kept, await afterReading(parts, kept)));
  } else if (pages > 0 || anew || next.kind !== read.stage.kind)
    await work.keep(progressed(kept, next));
}

function withSlice(
  refresh: Refresh,
  { pages, fetched, unreadable, groupTags, walk, anew }: Fetched,
): Refresh {
  const { counts, ...rest } = anew ? walkAnew(refresh, {}) : refresh;
  return {
    ...rest,
    stage: refresh.stage,
    walk,
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

/** When a slice may begin, and how many pages it may ask for: what the throttle lets go at once. */
async function reservationFor(
  parts: RefreshParts,
  { tenantId, reserved }: Refresh,
): Promise<{ waitMs: number; pages: number }> {
  const setting = (await parts.tenant(tenantId))?.deviceReads;
  const rate = rateOf("deviceReads", setting);
  if (rate === undefined) return { waitMs: 0, pages: parts.slicePages };
  const pages = Math.min(parts.slicePages, rate.burst);
  if (reserved) return { waitMs: 0, pages };
  const now = parts.clock.now();
  const { startAt } = await parts.throttle.reserve(tenantId, "deviceReads", pages, now, rate);
  return { waitMs: startAt - now, pages };
}

/** What is only good to have is not waited for as long as what the refresh is made for. */
const tagAttempts = 4;
const tagWaits = 6;

async function stopped(parts: RefreshParts, refresh: Refresh, stop: Stop): Promise<Sliced> {
  const random = parts.random();
  const optional = refresh.stage.kind === "tags";
  switch (stop.kind) {
    case "refused":
      return failure("graph-refused", stop.detail);
    case "unclear": {
      const gone = refresh.attempts >= (optional ? tagAttempts : maxAttempts);
      if (gone) return failure("graph-unavailable", `Microsoft Graph does not answer: ${stop.why}`);
      const afterMs = backoffMs(refresh.attempts, { ...retryBackoff, random });
      const told = { ...refresh, lastError: stop.why };
      return { kind: "pause", afterMs, refresh: stop.tooMuch ? asksLess(told) : told };
    }
    case "throttled": {
      const waits = refresh.waits + 1;
      if (waits > (optional ? tagWaits : maxWaits))
        return failure(
          "graph-unavailable",
          `Microsoft Graph asked to wait ${waits} times in a row; the latest: ${stop.why}`,
        );
      const afterMs = stop.retryAfterMs ?? backoffMs(waits, { ...throttleBackoff, random });
      const now = parts.clock.now();
      await parts.throttle.defer(refresh.tenantId, "deviceReads", now + afterMs, now);
      return { kind: "pause", afterMs, refresh: { ...uncounted(refresh), waits } };
    }
  }
}

/** So often the same page is asked for in the middle of a list before the whole list is read in smaller ones. */
const pageAttempts = 3;

/** What could not be answered in time is asked for in pages of half the size. */
function asksLess(refresh: Refresh): Refresh {
  const { stage, walk, attempts } = refresh;
  if (stage.kind !== "devices" && stage.kind !== "tags") return refresh;
  const top = Math.max(1, Math.floor(walk.top / 2));
  if (stage.nextLink === undefined) return { ...refresh, walk: { ...walk, top } };
  if (attempts < pageAttempts || walk.restarts >= maxRestarts) return refresh;
  return walkAnew(refresh, { top, restarts: walk.restarts + 1 });
}

const failure = (code: NonNullable<Refresh["failure"]>["code"], detail: string): Sliced => ({
  kind: "fail",
  failure: { code, detail },
});
