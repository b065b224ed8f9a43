/**
 * Reads pages from Graph for one slice of a refresh, until the end, the slice's bounds, or an answer that
 * makes it stop. What was read before the stop is kept.
 */
import type { GraphAnswer } from "../graph/answer.ts";
import type { GraphClient } from "../graph/client.ts";
import type { Clock, Instant } from "../kernel/clock.ts";
import type { Refresh, Stage } from "./refresh.ts";
import {
  deviceRecord,
  devicesPath,
  type RefreshRecord,
  tagRecord,
  tagsPath,
} from "./refresh-graph.ts";

/** The stages that read from Graph. */
export type ReadingStage = Extract<Stage, { kind: "devices" | "tags" }>;

/** What one slice may take. */
export type SliceBounds = { readonly pages: number; readonly until: Instant };

/** Why a slice ended before its bounds. */
export type Stop =
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  | { readonly kind: "unclear"; readonly why: string }
  | { readonly kind: "refused"; readonly detail: string };

/** What a slice brought, and where the next one goes on; `undefined`: there is nothing more to read. */
export type Fetched = {
  readonly records: RefreshRecord[];
  readonly pages: number;
  readonly fetched: number;
  readonly unreadable: number;
  readonly next: ReadingStage | undefined;
  readonly groupTags: Refresh["groupTags"];
  readonly stop?: Stop;
};

/** What it needs. */
export type FetchDeps = {
  readonly graph: Pick<GraphClient, "ask" | "follow">;
  readonly clock: Clock;
};

/** Most records in one slice, whatever the size of a page. */
const maxRecords = 20_000;
/** Missing permissions are named for the person who can grant them. */
const permissionOf = {
  devices: "DeviceManagementManagedDevices.Read.All",
  tags: "DeviceManagementServiceConfig.Read.All",
} as const;

type Mutable = { -readonly [K in keyof Fetched]: Fetched[K] };

/** Reads the pages of one slice. */
export async function fetchSlice(
  { graph, clock }: FetchDeps,
  refresh: Refresh,
  from: ReadingStage,
  bounds: SliceBounds,
): Promise<Fetched> {
  const { groupTags } = refresh;
  const slice: Mutable = {
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
    takePage(slice, slice.next, await askPage(graph, refresh.tenantId, slice.next));
  }
  return slice;
}

async function askPage(
  graph: FetchDeps["graph"],
  tenantId: string,
  { kind, nextLink }: ReadingStage,
): Promise<GraphAnswer> {
  try {
    if (nextLink === undefined) {
      const path = kind === "devices" ? devicesPath : tagsPath;
      return await graph.ask(tenantId, "v1.0", { method: "GET", path });
    }
    return await graph.follow(tenantId, nextLink);
  } catch (error) {
    // No token: nothing was asked, and the next attempt may get one.
    return { kind: "unclear", why: error instanceof Error ? error.message : String(error) };
  }
}

function takePage(slice: Mutable, stage: ReadingStage, answer: GraphAnswer): void {
  switch (answer.kind) {
    case "ok":
      return takeRecords(slice, stage, answer.body);
    case "throttled":
    case "busy": {
      const { retryAfterMs } = answer;
      slice.stop = { kind: "throttled", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      return;
    }
    case "unclear":
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
  const parse = stage.kind === "devices" ? deviceRecord : tagRecord;
  const records = value.map(parse).filter((record) => record !== undefined);
  slice.pages += 1;
  slice.records.push(...records);
  if (stage.kind === "devices") {
    slice.fetched += value.length;
    slice.unreadable += value.length - records.length;
  }
  if (typeof nextLink !== "string") return endStage(slice, stage);
  if (nextLink === stage.nextLink || !URL.canParse(nextLink))
    slice.stop = {
      kind: "refused",
      detail: "Microsoft Graph gave a next page that leads nowhere.",
    };
  else slice.next = { kind: stage.kind, nextLink };
}

function endStage(slice: Mutable, { kind }: ReadingStage): void {
  slice.next = kind === "devices" ? { kind: "tags" } : undefined;
  if (kind === "tags") slice.groupTags = { state: "read" };
}

type Refusal = Extract<GraphAnswer, { kind: "refused" }>;

function takeRefusal(slice: Mutable, { kind, nextLink }: ReadingStage, refusal: Refusal): void {
  const { reason, code, message } = refusal;
  // A token may run out between two pages; asking again gets a new one.
  if (reason === "signedOut" && nextLink !== undefined) {
    slice.stop = { kind: "unclear", why: `${code}: ${message}` };
    return;
  }
  const need = reason === "forbidden" ? ` The app needs the permission ${permissionOf[kind]}.` : "";
  const detail = `Microsoft Graph refused (${code}): ${message}${need}`;
  if (kind === "tags") {
    slice.next = undefined;
    slice.groupTags = { state: "notRead", detail };
  } else slice.stop = { kind: "refused", detail };
}
