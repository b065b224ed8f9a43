/**
 * Reads back what became of an action, from both witnesses that Intune has: what each device has reported, 20 devices to
 * a batch, and its own list of the requests that it took.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphVersion, maxBatchParts } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import type { Route } from "./action.ts";
import { smallerThan } from "./send.ts";

// What a device's `deviceActionResults` say about something that we asked of it.

/**
 * Times in results and in our claims come from different machines. Taking a result that is a little older
 * for ours is the harmless mistake; the other one would ask a device twice.
 */
const skewMs = 10_000;

/** Graph may cut its times to whole seconds. */
const roundingMs = 1_000;

/**
 * The time to ask for where taking an older result for ours is the harmful mistake: nobody knows whether we asked
 * at all, and a restart by somebody else a few seconds earlier proves nothing about ours.
 */
export const strictly = (since: Instant): Instant => since + skewMs - roundingMs;

const ActionResult = z.object({
  actionName: z.string().nullish(),
  actionState: z.string().nullish(),
  startDateTime: z.string().nullish(),
  errorCode: z.number().nullish(),
});

/** The part of a managed device that confirmation reads. */
export const DeviceResults = z.object({
  id: z.string().toLowerCase(),
  lastSyncDateTime: z.string().nullish(),
  deviceActionResults: z.array(ActionResult).nullish(),
});
type DeviceResults = z.output<typeof DeviceResults>;

/** What became of an action, as far as the device has reported. */
export type Verdict = "none" | "pending" | "done" | "failed" | "notSupported" | "cancelled";

const verdicts: Readonly<Record<string, Verdict>> = {
  none: "pending",
  pending: "pending",
  active: "pending",
  done: "done",
  failed: "failed",
  notSupported: "notSupported",
  canceled: "cancelled",
};

/** What a state of Graph's says. One that we do not know is not the end. */
const verdictOfState = (state: string | null | undefined): Verdict =>
  verdicts[state ?? ""] ?? "pending";

/**
 * The verdict on an action asked for at `since`. There is no operation id on Graph's side: the newest
 * result of a matching name that began at or after our claim is taken for ours.
 */
export function verdictOf(
  device: DeviceResults,
  resultNames: readonly string[],
  since: Instant,
): Verdict {
  const names = new Set(resultNames.map((name) => name.toLowerCase()));
  let newest: { at: Instant; verdict: Verdict } | undefined;
  for (const result of device.deviceActionResults ?? []) {
    if (!names.has((result.actionName ?? "").toLowerCase())) continue;
    const at = Date.parse(result.startDateTime ?? "");
    if (Number.isNaN(at) || at < since - skewMs || (newest && at < newest.at)) continue;
    newest = { at, verdict: verdictOfState(result.actionState) };
  }
  return newest?.verdict ?? "none";
}

/** True when the device has been in touch with Intune after `since`. */
export function seenSince({ lastSyncDateTime }: DeviceResults, since: Instant): boolean {
  const at = Date.parse(lastSyncDateTime ?? "");
  return !Number.isNaN(at) && at >= since;
}

/** What can be seen of one device. */
export type ReadBack =
  | { readonly kind: "seen"; readonly device: DeviceResults }
  /** Intune no longer knows it. */
  | { readonly kind: "gone" }
  /** Could not be read now. */
  | { readonly kind: "later"; readonly afterMs?: number; readonly why?: string }
  /** Will not be readable: the reason is for an operator. */
  | { readonly kind: "refused"; readonly detail: string };

/** Batches under way at once. */
const concurrency = 4;

/** A device to read back, and the route whose result is of interest. */
type Suspect = { readonly deviceId: string; readonly route: Route | undefined };

/** Looks at devices; costs one read of the tenant's budget for each. */
export async function readBackDevices(
  graph: GraphClient,
  tenantId: string,
  suspects: readonly Suspect[],
): Promise<ReadonlyMap<string, ReadBack>> {
  const late = AbortSignal.timeout(maxSplittingMs);
  const read = async ({ version, ids }: ReadBatch): Promise<(readonly [string, ReadBack])[]> => {
    const requests = ids.map((id) => ({ method: "GET" as const, path: resultsPath(id) }));
    const answers = await graph.askTogether(tenantId, version, requests);
    if (!isTooMuch(answers) || late.aborted)
      return ids.map((id, index) => [id, readBackOf(answers[index])] as const);
    const parts = inChunks(ids, smallerThan("batch", ids.length));
    return (await inParallel(parts, concurrency, (part) => read({ version, ids: part }))).flat();
  };
  return new Map((await inParallel(readBatches(suspects), concurrency, read)).flat());
}

/** So long batches that get no answer are asked in smaller ones; what is left then waits for the next round. */
const maxSplittingMs = 60_000;

/** Whether a whole batch was too much, or one of its devices breaks it. */
function isTooMuch(answers: readonly GraphAnswer[]): boolean {
  const [first] = answers;
  if (answers.length < 2 || answers.some((answer) => answer !== first)) return false;
  if (first?.kind === "unclear") return first.tooMuch === true;
  return first?.kind === "refused" && first.reason !== "forbidden" && first.reason !== "signedOut";
}

type ReadBatch = { readonly version: GraphVersion; readonly ids: readonly string[] };

/** A result shows in the version that the action was asked in: ConfigMgr's only in beta. */
function readBatches(suspects: readonly Suspect[]): ReadBatch[] {
  const versions: readonly GraphVersion[] = ["v1.0", "beta"];
  return versions.flatMap((version) => {
    const ids = suspects
      .filter(({ route }) => (route?.call?.version ?? "v1.0") === version)
      .map(({ deviceId }) => deviceId);
    return inChunks(ids, maxBatchParts).map((chunk) => ({ version, ids: chunk }));
  });
}

const resultsPath = (deviceId: string): string =>
  `/deviceManagement/managedDevices/${encodeURIComponent(deviceId)}` +
  "?$select=id,lastSyncDateTime,deviceActionResults";

function readBackOf(answer: GraphAnswer | undefined): ReadBack {
  if (answer === undefined) return { kind: "later" };
  if (answer.kind === "throttled" || answer.kind === "busy") {
    const { retryAfterMs, why } = answer;
    return retryAfterMs === undefined
      ? { kind: "later", why }
      : { kind: "later", why, afterMs: retryAfterMs };
  }
  if (answer.kind === "refused")
    return answer.reason === "notFound"
      ? { kind: "gone" }
      : { kind: "refused", detail: wordsOf(answer) };
  if (answer.kind !== "ok") return { kind: "later", why: answer.why };
  const device = DeviceResults.safeParse(answer.body);
  return device.success
    ? { kind: "seen", device: device.data }
    : { kind: "later", why: "the answer is not a device" };
}

// The second witness: `deviceManagement/remoteActionAudits`, Intune's own list of the requests it took, with what
// became of each. A page of it tells of a thousand devices, where a device's results cost a request each.
//
// It is only ever evidence for: the list may lag, and the service does not promise that it is whole. So a missing
// audit proves nothing. An audit proves that a request was made for that device and action, not by whom: one that
// names a person is not ours, since an app has no user name; one without is taken for ours from our claim on.

/** One request that Intune took. */
type Audit = { readonly at: Instant; readonly verdict: Verdict };

/** What was read: the audits of a tenant, newest first for each device and action. */
type AuditList = {
  /** The newest audit of a device, under one of the names, that is not older than `since`. */
  readonly find: (deviceId: string, names: readonly string[], since: Instant) => Audit | undefined;
  /** Requests that this reading took; 0 when it was read before. */
  readonly requests: number;
};

const AuditPage = z.object({
  value: z.array(z.unknown()),
  "@odata.nextLink": z.string().nullish(),
});
const AuditRow = z.object({
  action: z.string(),
  actionState: z.string().nullish(),
  requestDateTime: z.string(),
  managedDeviceId: z.string().toLowerCase(),
  initiatedByUserPrincipalName: z.string().nullish(),
});

/** Audits that one request brings. */
export const auditsPerRequest = 1000;
/** Most pages of one reading: what is further down is read device by device. */
const maxPages = 150;
/** A tenant whose audits were refused is asked again after this. */
const refusedMs = 15 * 60_000;
/** Tenants remembered at once. */
const maxKept = 50;
const maxRefused = 10_000;

/**
 * The newest audit of each action and device, as one number: a template of six actions leaves six hundred thousand audits
 * of a tenant's hundred thousand devices, and as objects two readings of them filled a small instance.
 */
type Newest = Map<string, Map<string, number>>;

type Kept = {
  readonly readAt: Instant;
  /** Everything from here on was read. */
  readonly reaches: Instant;
  readonly audits: Newest;
  readonly requests: number;
};

const nothing: AuditList = { find: () => undefined, requests: 0 };

/** Reads audits, and keeps them a moment: chunks of one notification ask for the same ones soon after each other. */
export class RemoteActionAudits {
  readonly #graph: GraphClient;
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #kept = new LRUCache<string, Promise<Kept | undefined>>({ max: maxKept });
  readonly #refusedUntil = new LRUCache<string, Instant>({ max: maxRefused });

  constructor(graph: GraphClient, clock: Clock, freshMs: number) {
    this.#graph = graph;
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /** Whether asking is worth a reservation: not where the tenant refused it lately. */
  mayAsk(tenantId: string): boolean {
    return (this.#refusedUntil.get(tenantId) ?? 0) <= this.#clock.now();
  }

  /** The tenant's audits from `since` on, at most `freshMs` old. Empty when there are none to be had. */
  async since(tenantId: string, since: Instant): Promise<AuditList> {
    if (!this.mayAsk(tenantId)) return nothing;
    const before = await this.#kept.get(tenantId);
    const now = this.#clock.now();
    if (before && before.reaches <= since && now - before.readAt <= this.#freshMs)
      return listOf(before, 0);
    // Whoever waited for the same reading finds another one under way, and shares it.
    const other = this.#kept.get(tenantId);
    const otherKept = await other;
    if (otherKept && otherKept !== before && otherKept.reaches <= since)
      return listOf(otherKept, 0);
    const reading = this.#read(tenantId, since, now);
    this.#kept.set(tenantId, reading);
    const kept = await reading;
    if (kept !== undefined) return listOf(kept, kept.requests);
    this.#kept.delete(tenantId);
    return nothing;
  }

  async #read(tenantId: string, since: Instant, now: Instant): Promise<Kept | undefined> {
    const audits: Newest = new Map();
    const from = since - skewMs;
    let answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path: pathFrom(from) });
    let requests = 1;
    if (answer.kind === "refused" && answer.reason === "other") {
      // The description lists the options, which is no promise: without them, from the newest page on.
      answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path: plainPath });
      requests += 1;
    }
    if (answer.kind === "refused") this.#refusedUntil.set(tenantId, now + refusedMs);
    for (;;) {
      const page = pageOf(answer);
      if (page === undefined) return undefined;
      const oldest = addTo(audits, page.value);
      const next = page["@odata.nextLink"];
      if (!next || oldest < from || requests >= maxPages) break;
      answer = await this.#graph.follow(tenantId, next);
      requests += 1;
    }
    return { readAt: now, reaches: since, audits, requests };
  }
}

const list = "/deviceManagement/remoteActionAudits";
const plainPath = `${list}?$top=${auditsPerRequest}`;
const pathFrom = (from: Instant): string =>
  `${plainPath}&$filter=requestDateTime%20ge%20${new Date(from).toISOString()}&$orderby=requestDateTime%20desc`;

function pageOf(answer: GraphAnswer): z.output<typeof AuditPage> | undefined {
  const page = answer.kind === "ok" ? AuditPage.safeParse(answer.body) : undefined;
  return page?.success ? page.data : undefined;
}

/** Adds a page's rows; answers the newest time among them, so that a page in any order ends no walk too early. */
function addTo(audits: Newest, rows: readonly unknown[]): Instant {
  let newest = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    const parsed = AuditRow.safeParse(row);
    if (!parsed.success) continue;
    const { action, actionState, requestDateTime, managedDeviceId } = parsed.data;
    const at = Date.parse(requestDateTime);
    if (Number.isNaN(at)) continue;
    newest = Math.max(newest, at);
    if (parsed.data.initiatedByUserPrincipalName?.includes("@")) continue;
    const name = action.toLowerCase();
    const devices = audits.get(name) ?? new Map<string, number>();
    audits.set(name, devices);
    const known = devices.get(managedDeviceId);
    if (known === undefined || at > unpack(known).at)
      devices.set(managedDeviceId, pack({ at, verdict: verdictOfState(actionState) }));
  }
  // Rows that say nothing about their time say nothing about where the list is.
  return Number.isFinite(newest) ? newest : Number.POSITIVE_INFINITY;
}

const verdictsByNumber = [...new Set(Object.values(verdicts))];
const places = 8;

const pack = ({ at, verdict }: Audit): number => at * places + verdictsByNumber.indexOf(verdict);

function unpack(packed: number): Audit {
  const at = Math.floor(packed / places);
  return { at, verdict: verdictsByNumber[packed - at * places] ?? "pending" };
}

const listOf = ({ audits }: Kept, requests: number): AuditList => ({
  requests,
  find: (deviceId, names, since) => {
    let newest: Audit | undefined;
    for (const name of names) {
      const packed = audits.get(name.toLowerCase())?.get(deviceId);
      const audit = packed === undefined ? undefined : unpack(packed);
      if (audit && audit.at >= since - skewMs && !(newest && newest.at >= audit.at)) newest = audit;
    }
    return newest;
  },
});
