/** The relay at work: keeps its lease of the site, works on claims, hands in the inventory, until it is stopped. */

import type { Log } from "./base/log.ts";
import type { Settings } from "./base/settings.ts";
import { tokenSource } from "./base/token.ts";
import { type ClaimWorkerDeps, claimWorker } from "./claims/claim-worker.ts";
import { lockHome, openJournal, persistentId } from "./claims/journal.ts";
import { ownOperations } from "./claims/own-operations.ts";
import { forever, type Loop } from "./forever.ts";
import { inventoryOnce } from "./inventory.ts";
import { askerOf, musterClock } from "./muster/ask.ts";
import { type Lease, leaseOf } from "./muster/lease.ts";
import { type Muster, musterApi } from "./muster/muster.ts";
import { openQueue } from "./muster/work-queue.ts";
import { serveNext } from "./serve-queue.ts";
import { siteCheck, siteReader } from "./site/admin-service.ts";
import { curlTransport } from "./site/curl-transport.ts";
import { fetchTransport } from "./site/fetch-transport.ts";
import { siteStarter } from "./site/start-operation.ts";
import { type Transport, throttled } from "./site/transport.ts";

/** Its settings, and what its command line said. */
export type RelaySettings = Settings & { readonly confirmDevices?: number | undefined };

type Deps = Omit<ClaimWorkerDeps, "lease"> & {
  readonly muster: Muster;
  readonly lease: Lease;
  readonly home: string;
  readonly confirmDevices?: number | undefined;
  readonly idleMs: number;
};

/** Messages worked on at once. */
const concurrency = 4;
/** How often a lease is renewed before it would end. */
const renewals = 6;
/** More time for a call to the site than the call itself waits: a process may stand still for a moment. */
const marginMs = 5_000;

/**
 * Runs a relay until `stopping`; what is being asked ends, the rest is left to the journal.
 * @throws One line for people when another one runs with the same journal, or Muster refuses this one.
 */
export async function runRelay(
  settings: RelaySettings,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  const unlock = await lockHome(settings.home);
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
    unlock();
  }
}

async function workUntilStopped(settings: RelaySettings, deps: Deps): Promise<void> {
  const { log, stopping, lease } = deps;
  const worker = claimWorker(deps);
  worker.resumeAll();
  const queue = openQueue(settings);
  const loop = (idleMs: number, work: Loop["work"]): Promise<void> =>
    forever({ log, stopping, idleMs, work });
  await Promise.all([
    loop(settings.leaseMs / renewals, async () => {
      await lease.keep();
      return "idle";
    }),
    ...Array.from({ length: concurrency }, () =>
      loop(settings.idleMs, () => serveNext({ worker, queue, lease, log })),
    ),
    loop(settings.inventoryMs, () => inventoryOnce(deps)),
  ]);
  await worker.idle();
}

function depsOf(
  settings: RelaySettings,
  log: Log,
  stopping: AbortSignal,
  journal: ClaimWorkerDeps["journal"],
): Deps {
  const { site, home, leaseMs, tenantId, siteCode } = settings;
  const transport = transportOf(site);
  const clock = musterClock();
  const address = { url: settings.muster.url, tenantId, siteCode };
  const ask = askerOf(address, tokenSource(settings.muster.auth), clock);
  const muster = musterApi(ask, persistentId(home, "relay-id"));
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

/** The transport to AdminService that the settings name, at most so many requests a second. */
function transportOf({ url, auth, timeoutMs, requestsPerSecond }: Settings["site"]): Transport {
  const transport =
    auth.kind === "negotiate"
      ? curlTransport(url, auth.curl, timeoutMs)
      : fetchTransport(url, auth, timeoutMs);
  return throttled(transport, requestsPerSecond);
}
