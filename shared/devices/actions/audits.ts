/**
 * The second witness: `deviceManagement/remoteActionAudits`, Intune's own list of the requests it took, with what
 * became of each. A page of it tells of a thousand devices, where a device's results cost a request each.
 *
 * It is only ever evidence for: the list may lag, and the service does not promise that it is whole. So a missing
 * audit proves nothing. An audit proves that a request was made for that device and action, not by whom: one that
 * names a person is not ours, since an app has no user name; one without is taken for ours from our mark on.
 */
import * as z from "zod";
import type { GraphAnswer } from "../../graph/answer.ts";
import type { GraphClient } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { skewMs, type Verdict, verdictOfState } from "./results.ts";

/** One request that Intune took. */
export type Audit = { readonly at: Instant; readonly verdict: Verdict };

/** What was read: the audits of a tenant, newest first for each device and action. */
export type AuditList = {
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

type Kept = {
  readonly readAt: Instant;
  /** Everything from here on was read. */
  readonly reaches: Instant;
  readonly audits: ReadonlyMap<string, readonly Audit[]>;
  readonly requests: number;
};

const nothing: AuditList = { find: () => undefined, requests: 0 };

/** Reads audits, and keeps them a moment: chunks of one notification ask for the same ones soon after each other. */
export class RemoteActionAudits {
  readonly #graph: GraphClient;
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #kept = new Map<string, Promise<Kept | undefined>>();
  readonly #refusedUntil = new Map<string, Instant>();

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
    if (this.#kept.size >= maxKept) this.#kept.clear();
    const reading = this.#read(tenantId, since, now);
    this.#kept.set(tenantId, reading);
    const kept = await reading;
    if (kept !== undefined) return listOf(kept, kept.requests);
    this.#kept.delete(tenantId);
    return nothing;
  }

  async #read(tenantId: string, since: Instant, now: Instant): Promise<Kept | undefined> {
    const audits = new Map<string, Audit[]>();
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
function addTo(audits: Map<string, Audit[]>, rows: readonly unknown[]): Instant {
  let newest = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    const parsed = AuditRow.safeParse(row);
    if (!parsed.success) continue;
    const { action, actionState, requestDateTime, managedDeviceId } = parsed.data;
    const at = Date.parse(requestDateTime);
    if (Number.isNaN(at)) continue;
    newest = Math.max(newest, at);
    if (parsed.data.initiatedByUserPrincipalName?.includes("@")) continue;
    const key = keyOf(managedDeviceId, action);
    audits.set(key, [...(audits.get(key) ?? []), { at, verdict: verdictOfState(actionState) }]);
  }
  // Rows that say nothing about their time say nothing about where the list is.
  return Number.isFinite(newest) ? newest : Number.POSITIVE_INFINITY;
}

const keyOf = (deviceId: string, action: string): string => `${deviceId} ${action.toLowerCase()}`;

const listOf = ({ audits }: Kept, requests: number): AuditList => ({
  requests,
  find: (deviceId, names, since) => {
    const found = names
      .flatMap((name) => audits.get(keyOf(deviceId, name)) ?? [])
      .filter(({ at }) => at >= since - skewMs);
    return found.toSorted((left, right) => right.at - left.at)[0];
  },
});
