/**
 * The relay's lease of its site: only the relay that has it starts anything there, and only while the lease
 * is sure to outlast the call. Muster gives it to another one when we have been silent.
 */
import type { Log } from "../base/log.ts";
import { MusterFailure } from "../base/muster-failure.ts";
import type { Muster } from "./muster.ts";

/** What a lease needs. */
export type LeaseDeps = {
  readonly muster: Pick<Muster, "lease">;
  readonly log: Log;
  readonly leaseMs: number;
  /** How long a call to the site may take. */
  readonly callMs: number;
};

/** A lease of the site. */
export type Lease = {
  /** The number of the term in which a call may begin now; undefined while that is not ours to do. */
  readonly term: () => number | undefined;
  /** Takes the site, or keeps it. What Muster answers is logged; only a plain refusal is thrown. */
  readonly keep: () => Promise<void>;
};

type LeaseTerm = { readonly term: number; readonly wallEnd: number; readonly steadyEnd: number };

const secondMs = 1000;

/** A lease that nobody has given us yet. */
export function leaseOf({ muster, log, leaseMs, callMs }: LeaseDeps): Lease {
  let current: LeaseTerm | undefined;
  let waiting = false;
  const renew = async (): Promise<void> => {
    const goodMs = leaseMs - callMs;
    const [wallEnd, steadyEnd] = [Date.now() + goodMs, performance.now() + goodMs];
    const term = await muster.lease(leaseMs / secondMs);
    if (current?.term !== term) log("site.lease", { term });
    current = { term, wallEnd, steadyEnd };
    waiting = false;
  };
  const refused = ({ code, message, refused: forGood }: MusterFailure): boolean => {
    if (code === "conflict") {
      current = undefined;
      if (!waiting) log("site.leased-elsewhere", { why: message });
      waiting = true;
      return false;
    }
    if (!forGood) log("muster.failure", { why: message });
    return forGood;
  };
  return {
    // Two clocks: one may be set, the other stands still while the machine sleeps.
    term: () =>
      current && Date.now() < current.wallEnd && performance.now() < current.steadyEnd
        ? current.term
        : undefined,
    keep: async () => {
      try {
        await renew();
      } catch (error) {
        if (!(error instanceof MusterFailure) || refused(error)) throw error;
      }
    },
  };
}
