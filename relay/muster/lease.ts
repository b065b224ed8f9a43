/**
 * The relay's hold on its site: only the relay that has the site starts anything there, and only while the hold
 * is sure to outlast the call. Muster gives it to another one when we have been silent.
 */
import type { Log } from "../base/log.ts";
import { MusterTrouble } from "../base/trouble.ts";
import type { Muster } from "./muster.ts";

/** What a lease needs. */
export type LeaseDeps = {
  readonly muster: Pick<Muster, "lease">;
  readonly log: Log;
  readonly leaseMs: number;
  /** How long a call to the site may take. */
  readonly callMs: number;
};

/** A hold on the site. */
export type Lease = {
  /** The number of the term in which a call may begin now; undefined while that is not ours to do. */
  readonly term: () => number | undefined;
  /** Takes the site, or keeps it. What Muster answers is logged; only a plain refusal is thrown. */
  readonly keep: () => Promise<void>;
};

type Held = { readonly term: number; readonly wallEnd: number; readonly steadyEnd: number };

const secondMs = 1000;

/** A lease that is not held yet. */
export function leaseOf({ muster, log, leaseMs, callMs }: LeaseDeps): Lease {
  let held: Held | undefined;
  let waiting = false;
  return {
    // Two clocks: one may be set, the other stands still while the machine sleeps.
    term: () =>
      held && Date.now() < held.wallEnd && performance.now() < held.steadyEnd
        ? held.term
        : undefined,
    keep: async () => {
      const goodMs = leaseMs - callMs;
      const [wallEnd, steadyEnd] = [Date.now() + goodMs, performance.now() + goodMs];
      try {
        const term = await muster.lease(leaseMs / secondMs);
        if (held?.term !== term) log("site.hold", { term });
        held = { term, wallEnd, steadyEnd };
        waiting = false;
      } catch (error) {
        if (!(error instanceof MusterTrouble)) throw error;
        if (error.code === "conflict") {
          held = undefined;
          if (!waiting) log("site.taken", { why: error.message });
          waiting = true;
        } else if (error.refused) throw error;
        else log("muster.trouble", { why: error.message });
      }
    },
  };
}
