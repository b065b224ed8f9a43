/**
 * What the app keeps of a person's sign-in: MSAL's cache, without what lasts an hour anyway, sealed in a blob of its
 * own for each tenant and account.
 *
 * A refresh token may be replaced whenever it is used, and a service may take the use of an old one for theft. So
 * whoever refreshes holds the blob's lease; and since a lease can run out under a slow worker, every write is
 * conditional too, and one that comes too late is merged with what it finds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Blobs } from "../storage/blobs.ts";
import type { Sealer } from "../storage/sealing.ts";

/** Whose sign-in it is. */
export type CacheOwner = { readonly tenantId: string; readonly homeAccountId: string };

/** What a change to a cache is made from, and what it comes to: no new text leaves it as it is. */
type CacheChange<T> = (
  kept: string | undefined,
) => Promise<{ readonly answer: T; readonly text?: string }>;

const folder = "token-cache";
/** The longest that the service grants; a request for a token gives up after half of it. */
const leaseSeconds = 60;
const askAgainMs = 250;
/** Another worker refreshes: it is done long before its lease runs out. */
const timeoutMs = 45_000;

/** MSAL's cache: entries by key, in sections. What we do not know stays as it is. */
const Entries = z.record(z.string(), z.looseObject({ lastUpdatedAt: z.string().optional() }));
const Cache = z.object({
  Account: Entries.default({}),
  RefreshToken: Entries.default({}),
  AppMetadata: Entries.default({}),
});
type Cache = z.output<typeof Cache>;

/** Sealed caches. */
export class TokenCache {
  readonly #blobs: Blobs;
  readonly #sealer: Sealer;

  constructor(blobs: Blobs, sealer: Sealer) {
    this.#blobs = blobs;
    this.#sealer = sealer;
  }

  /**
   * Changes a cache while nobody else does. One that does not open (moved, altered, or sealed by a key that is gone)
   * is none.
   * @throws when somebody else has held it for longer than anybody should.
   */
  async change<T>(owner: CacheOwner, change: CacheChange<T>): Promise<T> {
    const path = pathOf(owner);
    const leaseId = await this.#lease(path);
    try {
      const found = await this.#read(owner);
      const { answer, text } = await change(found.text);
      if (text !== undefined) await this.#write(owner, kept(text), { leaseId, etag: found.etag });
      return answer;
    } finally {
      if (leaseId !== undefined) await this.#blobs.release(path, leaseId);
    }
  }

  /** Forgets an account, whoever uses it. */
  async remove(owner: CacheOwner): Promise<void> {
    const path = pathOf(owner);
    const leaseId = await this.#lease(path);
    if (leaseId !== undefined) await this.#blobs.remove(path, leaseId);
  }

  /** Waits for the lease; undefined when there is no blob yet. */
  async #lease(path: string): Promise<string | undefined> {
    for (let waited = 0; waited < timeoutMs; waited += askAgainMs) {
      const lease = await this.#blobs.lease(path, leaseSeconds);
      if (lease.kind === "leased") return lease.leaseId;
      if (lease.kind === "absent") return undefined;
      await sleep(askAgainMs);
    }
    throw new Error(`the cache ${path} has been in somebody else's hands for too long`);
  }

  async #read(owner: CacheOwner): Promise<{ readonly text?: string; readonly etag?: string }> {
    const found = await this.#blobs.getWithEtag(pathOf(owner));
    if (found === undefined) return {};
    const opened = await this.#sealer.open(found.content.toString(), identityOf(owner));
    return opened.kind === "opened"
      ? { text: opened.plain.toString(), etag: found.etag }
      : { etag: found.etag };
  }

  async #write(
    owner: CacheOwner,
    cache: Cache,
    held: { readonly leaseId: string | undefined; readonly etag: string | undefined },
  ): Promise<void> {
    const path = pathOf(owner);
    const write = async (what: Cache, etag: string | undefined, leaseId?: string) => {
      const sealed = await this.#sealer.seal(JSON.stringify(what), identityOf(owner));
      return this.#blobs.putIf(path, sealed, { etag, leaseId });
    };
    if (await write(cache, held.etag, held.leaseId)) return;
    // Somebody wrote since: the lease ran out, or the blob is new to both of us.
    const leaseId = await this.#lease(path);
    try {
      const { text, etag } = await this.#read(owner);
      const merged = text === undefined ? cache : mergedCaches(kept(text), cache);
      if (await write(merged, etag, leaseId)) return;
    } finally {
      if (leaseId !== undefined) await this.#blobs.release(path, leaseId);
    }
    throw new Error(`the cache ${path} was changed again and again meanwhile`);
  }
}

/** Whether a cache can give tokens later on. */
export const canRefresh = (text: string): boolean =>
  Object.keys(kept(text).RefreshToken).length > 0;

/** The cache without access and ID tokens. */
const kept = (text: string): Cache => Cache.parse(JSON.parse(text));

/** All entries of both; of two with the same key the one that was written later. */
export function mergedCaches(one: Cache, other: Cache): Cache {
  const sections = (Object.keys(other) as (keyof Cache)[]).map((section) => {
    const merged = { ...one[section] };
    for (const [key, entry] of Object.entries(other[section]))
      if (writtenAt(entry) >= writtenAt(merged[key])) merged[key] = entry;
    return [section, merged] as const;
  });
  return Object.fromEntries(sections) as Cache;
}

/** Nothing was never written; what has no time counts as the latest. */
function writtenAt(entry: { readonly lastUpdatedAt?: string | undefined } | undefined): number {
  if (entry === undefined) return -1;
  return entry.lastUpdatedAt === undefined ? Number.MAX_VALUE : Number(entry.lastUpdatedAt) || 0;
}

/** Where the caches of a tenant are. */
export const cachesOf = (tenantId: string): string => `${folder}/${tenantId}/`;

const pathOf = ({ tenantId, homeAccountId }: CacheOwner): string =>
  cachesOf(tenantId) + encodeURIComponent(homeAccountId);
const identityOf = ({ tenantId, homeAccountId }: CacheOwner): readonly string[] => [
  folder,
  tenantId,
  homeAccountId,
];
