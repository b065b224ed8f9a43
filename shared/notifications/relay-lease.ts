/**
 * One relay at a time speaks for a site. A client operation has no natural key, so that two relays that
 * looked at the site at the same moment would both start it. A lease says who may: it is taken, kept by
 * asking again, and free once its holder has been silent. Pure.
 */
import type { Instant } from "../kernel/clock.ts";

/** Who has a site, and until when. `term` grows whenever the site goes to another relay. */
export type RelayLease = {
  readonly relayId: string;
  readonly term: number;
  readonly until: Instant;
  /** When its relay was last heard of. */
  readonly seenAt: Instant;
};

/** What came of asking for a site. */
export type LeaseDecision =
  | { readonly kind: "held"; readonly lease: RelayLease }
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
  return { kind: "held", lease: { relayId, term, until, seenAt: now } };
}

/** Whether a relay has the site now. */
export const holds = (lease: RelayLease | undefined, relayId: string, now: Instant): boolean =>
  lease?.relayId === relayId && now < lease.until;
