/** What may be asked of Microsoft's services, and how fast: one table, the only place that knows limits. */
import * as z from "zod";

/** A limit of a service, and what we take of it. */
type Allowance = {
  /** So many requests in so long a window, for one app in one tenant. */
  readonly requests: number;
  readonly windowMs: number;
  /** Most of them that go together. */
  readonly atOnce: number;
  /** How much of the limit is ours: the rest is for what comes late, and for other tools. */
  readonly share: number;
  /** Where the limit is written down, or where it says that there is no number. */
  readonly evidence: string;
};

const limitsPage = "https://learn.microsoft.com/graph/throttling-limits";
const share = 0.75;

/** The workloads that are throttled apart from each other. */
export const workloads = {
  /** Intune devices, writes. */
  deviceActions: {
    requests: 200,
    windowMs: 20_000,
    atOnce: 20,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** Intune devices, any request. */
  deviceReads: {
    requests: 2000,
    windowMs: 20_000,
    atOnce: 200,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** Intune's configuration, enrollment and roles, writes. No list names Autopilot: this row is assumed for it. */
  configurationWrites: {
    requests: 100,
    windowMs: 20_000,
    atOnce: 10,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /** The same, any request. */
  configurationReads: {
    requests: 1000,
    windowMs: 20_000,
    atOnce: 100,
    share,
    evidence: `${limitsPage}#intune-service-limits`,
  },
  /**
   * Conditional access policies and named locations: one request a second for all apps of a tenant together, and a
   * 429 never says how long to wait. So they go one after the other, a little further apart than a second.
   */
  conditionalAccess: {
    requests: 1,
    windowMs: 1000,
    atOnce: 1,
    share: 0.9,
    evidence: `${limitsPage}#identity-protection-and-conditional-access-service-limits`,
  },
  /** Users, groups and apps, writes. */
  identityWrites: {
    requests: 3000,
    windowMs: 150_000,
    atOnce: 30,
    share,
    evidence: `${limitsPage}#identity-and-access-service-limits`,
  },
  /** The same, reads: counted in resource units, here those of a tenant with fewer than 50 users, at two a read. */
  identityReads: {
    requests: 1750,
    windowMs: 10_000,
    atOnce: 100,
    share,
    evidence: `${limitsPage}#identity-and-access-service-limits`,
  },
  /** Its page gives no number, for a partner or for a customer of one; this is our own, and careful. */
  partnerCenter: {
    requests: 100,
    windowMs: 60_000,
    atOnce: 5,
    share,
    evidence: "https://learn.microsoft.com/partner-center/developer/api-throttling-guidance",
  },
} as const satisfies Readonly<Record<string, Allowance>>;
export type Workload = keyof typeof workloads;

/** A tenant's own setting for a workload of Intune devices. */
export const ThrottleSetting = z
  .union([z.int().min(4).max(100_000), z.literal("unlimited")])
  .describe(
    "Requests per 20 seconds, or unlimited; absent means three quarters of the documented limit",
  );
export type ThrottleSetting = z.output<typeof ThrottleSetting>;

/** One request each `intervalMs`, and `burst` of them at once. */
export type Rate = { readonly intervalMs: number; readonly burst: number };

/**
 * How fast a workload may be asked: by the tenant's own setting, or by our share of the limit. Undefined where
 * nothing holds us back: then there is nothing to reserve.
 */
export function rateOf(workload: Workload, setting?: ThrottleSetting): Rate | undefined {
  if (setting === "unlimited") return undefined;
  const limit: Allowance = workloads[workload];
  const requests = setting ?? limit.requests * limit.share;
  // An eighth of it may go at once.
  const burst = Math.max(1, Math.min(limit.atOnce, Math.floor(requests / 8)));
  // One after the other, a window holds one at each interval. Of more, one less than the remainder, since a window
  // can hold a request at each of its ends.
  const steady = limit.atOnce === 1 ? requests : Math.max(0.5, requests - burst - 1);
  return { intervalMs: limit.windowMs / steady, burst };
}
