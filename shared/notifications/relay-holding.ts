/** A relay's hold on its site: taking it, keeping it, and claiming under it. */
import type { Clock } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { claimForSite, type SiteIds } from "./relay-claim.ts";
import type { ClaimRequest, ClaimView, LeaseRequest, LeaseView } from "./relay-contract.ts";
import { decideLease, holds } from "./relay-lease.ts";
import type { RelayLeases } from "./relay-lease-store.ts";

/** What holding needs. */
export type HoldingDeps = { readonly leases: RelayLeases; readonly clock: Clock };

const maxTries = 5;
const secondMs = 1000;

/** A relay's hold; `moved` when the site was another relay's before, or nobody's. */
export type Hold = { readonly view: LeaseView; readonly moved: boolean };

/** Gives a site to a relay for a while, unless another one has it. */
export async function holdSite(
  { leases, clock }: HoldingDeps,
  { tenantId, siteCode }: SiteIds,
  { relayId, seconds }: LeaseRequest,
): Promise<Result<Hold>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await leases.get(tenantId, siteCode);
    const now = clock.now();
    const asked = { relayId, forMs: seconds * secondMs, now };
    const decision = decideLease(stored?.lease, asked);
    if (decision.kind === "taken") return heldByAnother(siteCode, decision.freeAt - now);
    const { term } = decision.lease;
    if (await leases.put(tenantId, siteCode, decision.lease, stored))
      return succeed({ view: { term, seconds }, moved: stored?.lease.term !== term });
  }
  return fail("conflict", "Several relays ask for the site at once; ask again.", {
    retryAfterSeconds: 1,
  });
}

/** Claims for the relay that has the site, and for nobody else. */
export async function claimAsHolder(
  deps: DeliverDeps,
  leases: RelayLeases,
  site: SiteIds,
  request: ClaimRequest,
): Promise<Result<ClaimView | undefined>> {
  const { lease } = (await leases.get(site.tenantId, site.siteCode)) ?? {};
  const now = deps.clock.now();
  if (holds(lease, request.relayId, now)) return claimForSite(deps, site, request);
  return heldByAnother(site.siteCode, Math.max(0, (lease?.until ?? now) - now));
}

const heldByAnother = (siteCode: string, freeInMs: number): Result<never> =>
  fail("conflict", `Another relay speaks for site ${siteCode}, or none yet: ask for its lease.`, {
    retryAfterSeconds: Math.ceil(freeInMs / secondMs) || 1,
  });
