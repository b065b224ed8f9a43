/**
 * The second witness: `deviceManagement/remoteActionAudits`, Intune's own list of the requests it took, with what
 * became of each. A page of it tells of a thousand devices, where a device's results cost a request each.
 *
 * It is only ever evidence for: the list may lag, and the service does not promise that it is whole. So a missing
 * audit proves nothing. An audit proves that a request was made for that device and action, not by whom: one that
 * names a person is not ours, since an app has no user name; one without is taken for ours from our claim on.
 *
 * A tenant of 100,000 devices that goes through a template leaves hundreds of thousands of audits. So a **book** is kept
 * of each tenant, and a reading goes back only as far as something in it can have changed.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import type { GraphAnswer } from "../../graph/answer.ts";
import type { GraphClient } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { skewMs, type Verdict, verdictOfState, verdicts } from "./read-back.ts";

/** One request that Intune took. */
type Audit = { readonly at: Instant; readonly verdict: Verdict };

/** What was read: the audits of a tenant. */
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
/** No page is asked for later in a reading: whoever waits for it is a function with minutes to live. */
const maxReadingMs = 60_000;
/** A tenant whose audits were refused is asked again after this. */
const refusedMs = 15 * 60_000;
/**
 * Audits may be listed so much later than they were made: now and then a reading goes back by that from where the last one
 * began that did, and else by a little.
 */
const lateMs = 5 * 60_000;
const lateEveryMs = 60_000;
const recentMs = 2_000;
/** What has been pending for longer is not waited for with pages any more: its device is asked. */
const watchedMs = 30 * 60_000;
/** Audits kept of all tenants together, some hundred bytes each. */
const maxKept = 400_000;
const maxRefused = 10_000;

/** What is known of a tenant's audits. */
type Book = {
  /** By action and device the newest audit, in one number: as objects, two books filled a small instance. */
  readonly newest: Map<string, Map<string, number>>;
  size: number;
  /** Everything from here on was read. */
  reaches: Instant;
  /** When the last reading began that came to its end, and the last of those that looked for late ones. */
  readAt: Instant;
  lateReadAt: Instant;
  /** The latest that was listed when it was read to its end, by Graph's clock. */
  latest: Instant;
  /** The reading that is under way: its requests, and whether it came to its end. */
  busy: Promise<{ readonly requests: number; readonly isWhole: boolean }> | undefined;
};

const newBook = (): Book => ({
  newest: new Map(),
  size: 0,
  reaches: Number.POSITIVE_INFINITY,
  readAt: Number.NEGATIVE_INFINITY,
  lateReadAt: Number.NEGATIVE_INFINITY,
  latest: Number.NEGATIVE_INFINITY,
  busy: undefined,
});

const nothing: AuditList = { find: () => undefined, requests: 0 };

/** Reads audits, and keeps them: chunks of all jobs ask for the same ones soon after each other. */
export class RemoteActionAudits {
  readonly #graph: GraphClient;
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #books = new LRUCache<string, Book>({
    maxSize: maxKept,
    sizeCalculation: ({ size }) => size + 1,
  });
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
    const askedAt = this.#clock.now();
    while (this.mayAsk(tenantId)) {
      const book = this.#bookFor(tenantId, since);
      if (book.reaches <= since && book.readAt >= askedAt - this.#freshMs) return listOf(book, 0);
      const isMine = book.busy === undefined;
      book.busy ??= this.#read(tenantId, book, since).finally(() => {
        book.busy = undefined;
        this.#keep(tenantId, book);
      });
      const { requests, isWhole } = await book.busy;
      if (isMine || !isWhole) return listOf(book, isMine ? requests : 0);
    }
    return nothing;
  }

  /** The tenant's book; a new one where nothing of the old one, which ends before `since`, is asked for. */
  #bookFor(tenantId: string, since: Instant): Book {
    const known = this.#books.get(tenantId);
    if (known && (known.busy || known.readAt >= since - skewMs)) return known;
    const book = newBook();
    this.#books.set(tenantId, book);
    return book;
  }

  /** A book that has grown beyond all bounds is not kept: the next reading begins anew. */
  #keep(tenantId: string, book: Book): void {
    if (this.#books.peek(tenantId) !== book) return;
    this.#books.delete(tenantId);
    this.#books.set(tenantId, book);
  }

  async #read(tenantId: string, book: Book, since: Instant) {
    const now = this.#clock.now();
    const { from, isSkimmed } = changedIn(book, since, now);
    let answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path: pathFrom(from) });
    let requests = 1;
    if (answer.kind === "refused" && answer.reason === "other") {
      // The description lists the options, which is no promise: without them, from the newest page on.
      answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path: plainPath });
      requests += 1;
    }
    if (answer.kind === "refused") this.#refusedUntil.set(tenantId, now + refusedMs);
    let { latest } = book;
    for (;;) {
      const page = pageOf(answer);
      // What was read so far is true; how far the book goes is not changed by it: the latest page comes first.
      if (page === undefined) return { requests, isWhole: false };
      const { newest, hasChanged } = addTo(book, page.value);
      if (Number.isFinite(newest)) latest = Math.max(latest, newest);
      const next = page["@odata.nextLink"];
      const isEnough = requests >= maxPages || this.#clock.now() - now >= maxReadingMs;
      // Where the last whole reading has been, too.
      const isKnown = isSkimmed && !hasChanged && newest <= book.latest;
      if (!next || newest < from || isEnough || isKnown) break;
      answer = await this.#graph.follow(tenantId, next);
      requests += 1;
    }
    book.reaches = Math.min(book.reaches, since);
    book.readAt = now;
    book.latest = latest;
    if (isLateDue(book, now)) book.lateReadAt = now;
    return { requests, isWhole: true };
  }
}

const isLateDue = ({ lateReadAt }: Book, now: Instant): boolean => now - lateReadAt >= lateEveryMs;

/**
 * How far back a reading has to go: what was never read, what may have come late, and what is still pending. Where it is only
 * what may have come a little late, it is skimmed: the first page of the old that has no news is the last. Pure.
 */
function changedIn(
  book: Book,
  since: Instant,
  now: Instant,
): { readonly from: Instant; readonly isSkimmed: boolean } {
  const { reaches, readAt, lateReadAt, newest, latest } = book;
  if (reaches > since) return { from: since - skewMs, isSkimmed: false };
  const recent = Math.max(latest - recentMs, readAt - lateMs);
  const isLate = isLateDue(book, now);
  let from = Math.max(reaches - skewMs, isLate ? lateReadAt - lateMs : recent);
  let isSkimmed = !isLate;
  for (const devices of newest.values())
    for (const packed of devices.values()) {
      const { at, verdict } = unpack(packed);
      if (verdict !== "pending" || at < now - watchedMs) continue;
      from = Math.min(from, at);
      isSkimmed = false;
    }
  return { from, isSkimmed };
}

const list = "/deviceManagement/remoteActionAudits";
const plainPath = `${list}?$top=${auditsPerRequest}`;
const pathFrom = (from: Instant): string =>
  `${plainPath}&$filter=requestDateTime%20ge%20${new Date(from).toISOString()}&$orderby=requestDateTime%20desc`;

function pageOf(answer: GraphAnswer): z.output<typeof AuditPage> | undefined {
  const page = answer.kind === "ok" ? AuditPage.safeParse(answer.body) : undefined;
  return page?.success ? page.data : undefined;
}

/**
 * Adds a page's rows; answers the newest time among them, so that a page in any order ends no walk too early, and whether any
 * of them tells what was not known.
 */
function addTo(
  book: Book,
  rows: readonly unknown[],
): { readonly newest: Instant; readonly hasChanged: boolean } {
  let newest = Number.NEGATIVE_INFINITY;
  let hasChanged = false;
  for (const row of rows) {
    const parsed = AuditRow.safeParse(row);
    if (!parsed.success) continue;
    const { action, actionState, requestDateTime, managedDeviceId } = parsed.data;
    const at = Date.parse(requestDateTime);
    if (Number.isNaN(at)) continue;
    newest = Math.max(newest, at);
    if (parsed.data.initiatedByUserPrincipalName?.includes("@")) continue;
    const name = action.toLowerCase();
    const devices = book.newest.get(name) ?? new Map<string, number>();
    book.newest.set(name, devices);
    const known = devices.get(managedDeviceId);
    if (known === undefined) book.size += 1;
    if (known !== undefined && at < unpack(known).at) continue;
    const packed = pack({ at, verdict: verdictOfState(actionState) });
    hasChanged ||= packed !== known;
    devices.set(managedDeviceId, packed);
  }
  // Rows that say nothing about their time say nothing about where the list is.
  return { newest: Number.isFinite(newest) ? newest : Number.POSITIVE_INFINITY, hasChanged };
}

const verdictsByNumber = [...new Set(Object.values(verdicts))];
const places = 8;

const pack = ({ at, verdict }: Audit): number => at * places + verdictsByNumber.indexOf(verdict);

function unpack(packed: number): Audit {
  const at = Math.floor(packed / places);
  return { at, verdict: verdictsByNumber[packed - at * places] ?? "pending" };
}

const listOf = ({ newest }: Book, requests: number): AuditList => ({
  requests,
  find: (deviceId, names, since) => {
    let found: Audit | undefined;
    for (const name of names) {
      const packed = newest.get(name.toLowerCase())?.get(deviceId);
      const audit = packed === undefined ? undefined : unpack(packed);
      if (audit && audit.at >= since - skewMs && !(found && found.at >= audit.at)) found = audit;
    }
    return found;
  },
});
