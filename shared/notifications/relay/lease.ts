/**
 * One relay at a time speaks for a site. A client operation has no natural key, so that two relays that
 * read the site at the same moment would both start it. A lease says who may: it is taken, kept by
 * asking again, and free once its holder has been silent. Pure.
 */
import type { Clock, Instant } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { tableNames } from "../../storage/names.ts";
import { numberOf, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import type { NotificationParts } from "../kind.ts";
import { claimForSite, type SiteIds } from "./claim.ts";
import type { ClaimRequest, ClaimView, LeaseRequest, LeaseView } from "./contract.ts";

/** Who has a site, and until when. `term` grows whenever the site goes to another relay. */
export type RelayLease = {
  readonly relayId: string;
  readonly term: number;
  readonly until: Instant;
  /** When its relay was last heard of. */
  readonly seenAt: Instant;
};

/** What came of asking for a site. */
type LeaseDecision =
  | { readonly kind: "given"; readonly lease: RelayLease }
  | { readonly kind: "taken"; readonly freeAt: Instant };

/**
 * Decides whether a relay may have the site for so long from now. It cannot be given back: word of that could come
 * late, when the same relay has taken the site again.
 */
export function decideLease(
  current: RelayLease | undefined,
  {
    relayId,
    forMs,
    now,
  }: { readonly relayId: string; readonly forMs: number; readonly now: Instant },
): LeaseDecision {
  const own = current?.relayId === relayId;
  if (current && !own && now < current.until) return { kind: "taken", freeAt: current.until };
  const term = own ? current.term : (current?.term ?? 0) + 1;
  // Clocks of instances differ a little: what we keep is longer than what the relay was promised.
  const until = now + forMs + forMs / 6;
  return { kind: "given", lease: { relayId, term, until, seenAt: now } };
}

/** Whether a relay has the site now. */
export const isLeaseholder = (
  lease: RelayLease | undefined,
  relayId: string,
  now: Instant,
): boolean => lease?.relayId === relayId && now < lease.until;

// Leases of relays on sites: a row for each site, beside what the site has reported.

/** A lease with what a conditional write must present. */
type StoredLease = { readonly lease: RelayLease; readonly etag: string };

const partitionOf = (tenantId: string): string => `${tenantId}|relays`;
/** Sites of a tenant that one reading shows. */
const maxSites = 1000;

/** Rows in and out. */
export class RelayLeases {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The lease on a site; undefined when no relay ever had it. */
  async get(tenantId: string, siteCode: string): Promise<StoredLease | undefined> {
    const row = await this.#tables.get(tableNames.sites, partitionOf(tenantId), siteCode);
    return row && { lease: leaseOf(row), etag: row.etag };
  }

  /** Writes a lease over the one that was read; false when somebody was faster. */
  async put(
    tenantId: string,
    siteCode: string,
    { relayId, term, until, seenAt }: RelayLease,
    before: StoredLease | undefined,
  ): Promise<boolean> {
    const keys = { partitionKey: partitionOf(tenantId), rowKey: siteCode };
    const row = { ...keys, relayId, term, until, seenAt };
    if (before === undefined)
      return (await this.#tables.insert(tableNames.sites, row)) === "inserted";
    return (await this.#tables.replace(tableNames.sites, row, before.etag)) !== undefined;
  }

  /** When the relay of each site was last heard of. */
  async seen(tenantId: string): Promise<ReadonlyMap<string, number>> {
    const range = { partition: partitionOf(tenantId) };
    const { rows } = await this.#tables.page(tableNames.sites, range, maxSites);
    return new Map(rows.map((row) => [row.rowKey, leaseOf(row).seenAt]));
  }
}

const leaseOf = (row: StoredRow): RelayLease => ({
  relayId: textOf(row, "relayId"),
  term: numberOf(row, "term"),
  until: numberOf(row, "until"),
  seenAt: numberOf(row, "seenAt"),
});

// A relay's hold on its site: taking it, keeping it, and claiming under it.

/** What holding needs. */
type LeaseParts = { readonly leases: RelayLeases; readonly clock: Clock };

const maxTries = 5;
const secondMs = 1000;

/** A relay's hold; `moved` when another relay had the site before, or none had it. */
type LeasedSite = { readonly view: LeaseView; readonly moved: boolean };

/** Gives a site to a relay for a while, unless another one has it. */
export async function leaseSite(
  { leases, clock }: LeaseParts,
  { tenantId, siteCode }: SiteIds,
  { relayId, seconds }: LeaseRequest,
): Promise<Result<LeasedSite>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await leases.get(tenantId, siteCode);
    const now = clock.now();
    const asked = { relayId, forMs: seconds * secondMs, now };
    const decision = decideLease(stored?.lease, asked);
    if (decision.kind === "taken") return leasedElsewhere(siteCode, decision.freeAt - now);
    const { term } = decision.lease;
    if (await leases.put(tenantId, siteCode, decision.lease, stored))
      return succeed({ view: { term, seconds }, moved: stored?.lease.term !== term });
  }
  return fail("conflict", "Several relays ask for the site at once; ask again.", {
    retryAfterSeconds: 1,
  });
}

/** Claims for the relay that has the site, and for nobody else. */
export async function claimUnderLease(
  parts: NotificationParts,
  leases: RelayLeases,
  site: SiteIds,
  request: ClaimRequest,
): Promise<Result<ClaimView | undefined>> {
  const { lease } = (await leases.get(site.tenantId, site.siteCode)) ?? {};
  const now = parts.engine.clock.now();
  if (isLeaseholder(lease, request.relayId, now)) return claimForSite(parts, site, request);
  return leasedElsewhere(site.siteCode, Math.max(0, (lease?.until ?? now) - now));
}

const leasedElsewhere = (siteCode: string, freeInMs: number): Result<never> =>
  fail("conflict", `Another relay speaks for site ${siteCode}, or none yet: ask for its lease.`, {
    retryAfterSeconds: Math.ceil(freeInMs / secondMs) || 1,
  });
