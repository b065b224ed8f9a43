/** The relay at work: keeps its lease of the site, works on claims, hands in the inventory, until it is stopped. */
import { reasonIn } from "../shared/kernel/outside-text.ts";
import { type Log, pause, type Round, type Running, Stopping } from "./base/process.ts";
import { claimOpener } from "./claims/claim-session.ts";
import { claimSource, claimWorker, serveNext } from "./claims/claim-worker.ts";
import { type Journal, lockHome, openJournal, persistentId } from "./claims/journal.ts";
import { inventoryOnce } from "./inventory.ts";
import { type Lease, leaseOf, type Muster, MusterFailure, musterOf } from "./muster/muster.ts";
import { openQueue } from "./muster/site-queue.ts";
import type { Settings } from "./settings.ts";
import { siteOf } from "./site/admin-service.ts";
import {
  curlTransport,
  fetchTransport,
  SiteUnreadable,
  type Transport,
  throttled,
} from "./site/transport.ts";

/** Its settings, and what its command line said. */
type RelaySettings = Settings & { readonly confirmDevices?: number | undefined };

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
  const { home, tenantId, siteCode, leaseMs, site } = settings;
  const unlock = await lockHome(home);
  const journal = openJournal(home);
  try {
    const address = { url: settings.muster.url, tenantId, siteCode };
    const muster = musterOf(address, settings.muster.auth, persistentId(home, "relay-id"));
    const callMs = site.timeoutMs + Math.min(marginMs, site.timeoutMs / 2);
    const lease = leaseOf(muster, log, { leaseMs, callMs });
    await lease.keep().catch((cause: Error) => {
      throw new Error(`The relay does not start. ${cause.message}`, { cause });
    });
    log("relay.start", { tenantId, siteCode, pid: process.pid, claims: journal.claims().size });
    await workUntilStopped(settings, { log, stopping }, { muster, lease, journal });
    log("relay.stop", { claims: journal.claims().size });
  } finally {
    journal.close();
    unlock();
  }
}

async function workUntilStopped(
  settings: RelaySettings,
  running: Running,
  known: { readonly muster: Muster; readonly lease: Lease; readonly journal: Journal },
): Promise<void> {
  const { muster, lease, journal } = known;
  const siteOptions = { ...settings.site, siteCode: settings.siteCode };
  const site = siteOf(transportOf(settings.site), siteOptions, running.log);
  const parts = { ...known, site };
  const next = claimSource(site, muster, lease);
  const open = claimOpener(parts, running, settings);
  const worker = claimWorker(next, open, journal, running, settings.devicesPerOperation);
  worker.resumeAll();
  const queue = openQueue(settings);
  await Promise.all([
    forever(running, settings.leaseMs / renewals, async () => {
      await lease.keep();
      return "idle";
    }),
    ...Array.from({ length: concurrency }, () =>
      forever(running, settings.idleMs, () => serveNext(queue, lease, worker.run, running.log)),
    ),
    forever(running, settings.inventoryMs, () => inventoryOnce(parts, running, settings)),
  ]);
  await worker.idle();
}

/** The transport to AdminService that the settings name, at most so many requests a second. */
function transportOf({ url, auth, timeoutMs, requestsPerSecond }: Settings["site"]): Transport {
  const transport =
    auth.kind === "negotiate"
      ? curlTransport(url, auth.curl, timeoutMs)
      : fetchTransport(url, auth, timeoutMs);
  return throttled(transport, requestsPerSecond);
}

// The relay's loops: each repeats its work until the relay stops, and waits trouble out.

const retryMs = 15_000;

/** Repeats some work until the relay stops. Never rejects. */
async function forever(
  { log, stopping }: Running,
  idleMs: number,
  work: () => Promise<Round>,
): Promise<void> {
  while (!stopping.aborted) {
    const waitMs = await work().then(
      (round) => (round === "idle" ? idleMs : 0),
      (error: unknown) => {
        if (!(error instanceof Stopping)) log(eventOf(error), { why: wordsOf(error) });
        return Math.max(Math.min(retryMs, idleMs), retryAfterMs(error));
      },
    );
    await pause(stopping, waitMs).catch(() => undefined);
  }
}

/** Who is in trouble: Muster, the site, or anybody else, such as the queue. */
function eventOf(error: unknown): string {
  if (error instanceof MusterFailure) return "muster.failure";
  return error instanceof SiteUnreadable ? "site.unreadable" : "relay.failure";
}

const retryAfterMs = (error: unknown): number =>
  error instanceof MusterFailure ? error.retryAfterMs : 0;

/** An error in one line: some libraries add whole requests below. */
const wordsOf = (error: unknown): string =>
  reasonIn((error instanceof Error ? error.message : String(error)).split("\n")[0]);
