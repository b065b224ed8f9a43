/** The relay at work: keeps its hold on the site, carries claims, hands in the inventory, until it is stopped. */

import type { Log } from "./base/log.ts";
import type { Settings } from "./base/settings.ts";
import { tokenSource } from "./base/token.ts";
import { type CrewDeps, crewOf } from "./claims/carry-claims.ts";
import { keptId, openJournal, takeAlone } from "./claims/journal.ts";
import { ownOperations } from "./claims/own-operations.ts";
import { forever, type Loop } from "./forever.ts";
import { inventoryOnce } from "./inventory.ts";
import { askerOf, musterClock } from "./muster/ask.ts";
import { type Lease, leaseOf } from "./muster/lease.ts";
import { type Muster, musterApi } from "./muster/muster.ts";
import { openQueue } from "./muster/work-queue.ts";
import { serveNext } from "./serve-queue.ts";
import { siteReader } from "./site/admin-service.ts";
import { siteCheck } from "./site/check.ts";
import { transportOf } from "./site/site-transport.ts";
import { siteStarter } from "./site/start-operation.ts";

type Deps = Omit<CrewDeps, "lease"> & {
  readonly muster: Muster;
  readonly lease: Lease;
  readonly home: string;
  readonly idleMs: number;
};

/** Messages worked on at once. */
const lanes = 4;
/** How often a lease is renewed before it would end. */
const renewals = 6;
/** More time for a call to the site than the call itself waits: a process may stand still for a moment. */
const marginMs = 5_000;

/**
 * Runs a relay until `stopping`; what is being asked ends, the rest is left to the journal.
 * @throws One line for people when another one runs with the same journal, or Muster refuses this one.
 */
export async function runRelay(settings: Settings, log: Log, stopping: AbortSignal): Promise<void> {
  const letGo = await takeAlone(settings.home);
  const journal = openJournal(settings.home);
  try {
    const deps = depsOf(settings, log, stopping, journal);
    await deps.lease.keep().catch((cause: Error) => {
      throw new Error(`The relay does not start. ${cause.message}`, { cause });
    });
    const { tenantId, siteCode } = settings;
    log("relay.start", { tenantId, siteCode, pid: process.pid, claims: journal.claims().size });
    await workUntilStopped(settings, deps);
    log("relay.stop", { claims: journal.claims().size });
  } finally {
    journal.close();
    letGo();
  }
}

async function workUntilStopped(settings: Settings, deps: Deps): Promise<void> {
  const { log, stopping, lease } = deps;
  const crew = crewOf(deps);
  crew.resumeAll();
  const queue = openQueue(settings);
  const loop = (idleMs: number, work: Loop["work"]): Promise<void> =>
    forever({ log, stopping, idleMs, work });
  await Promise.all([
    loop(settings.leaseMs / renewals, async () => {
      await lease.keep();
      return "idle";
    }),
    ...Array.from({ length: lanes }, () =>
      loop(settings.idleMs, () => serveNext({ crew, queue, lease, log })),
    ),
    loop(settings.inventoryMs, () => inventoryOnce(deps)),
  ]);
  await crew.idle();
}

function depsOf(
  settings: Settings,
  log: Log,
  stopping: AbortSignal,
  journal: CrewDeps["journal"],
): Deps {
  const { site, home, leaseMs, tenantId, siteCode } = settings;
  const transport = transportOf(site);
  const clock = musterClock();
  const address = { url: settings.muster.url, tenantId, siteCode };
  const ask = askerOf(address, tokenSource(settings.muster.auth), clock);
  const muster = musterApi(ask, keptId(home, "relay-id"));
  const reader = siteReader(transport, site.url);
  const callMs = site.timeoutMs + Math.min(marginMs, site.timeoutMs / 2);
  return {
    ...settings,
    site: reader,
    checkSite: siteCheck(reader, siteCode, log),
    start: siteStarter(transport, site),
    muster,
    lease: leaseOf({ muster, log, leaseMs, callMs }),
    own: ownOperations(() => journal.claims().values()),
    journal,
    log,
    now: clock.now,
    stopping,
  };
}
