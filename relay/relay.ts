/** The relay at work: takes messages off the site's queue, carries claims, hands in the inventory. */
import { setTimeout as sleep } from "node:timers/promises";
import { siteReader } from "./admin-service.ts";
import { Stopping } from "./course.ts";
import { type Crew, type CrewDeps, crewOf } from "./crew.ts";
import { curlTransport } from "./curl-transport.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { handIn } from "./inventory.ts";
import { openJournal } from "./journal.ts";
import type { Log } from "./log.ts";
import { type Muster, musterApi } from "./muster.ts";
import { takeAlone } from "./only-one.ts";
import type { Settings } from "./settings.ts";
import { siteStarter } from "./start-operation.ts";
import { paced, type Transport } from "./transport.ts";
import { openQueue, type WorkQueue } from "./work-queue.ts";

/** A running relay. */
export type Relay = {
  /** Lets what is being asked end, leaves the rest to the journal, and resolves. */
  readonly stop: () => Promise<void>;
};

type Deps = CrewDeps & { readonly muster: Muster };

/** Messages worked on at once. */
const lanes = 4;
/** Time before a message whose claim is under way is looked at again. */
const busySeconds = 2;
const troubleMs = 15_000;

/** Starts the relay. @throws When another one runs with the same journal. */
export async function startRelay(settings: Settings, log: Log): Promise<Relay> {
  const letGo = await takeAlone(settings.home);
  const journal = openJournal(settings.home);
  const stopper = new AbortController();
  const { tenantId, siteCode } = settings;
  const transport = paced(transportOf(settings), settings.site.requestsPerSecond);
  const deps: Deps = {
    ...settings,
    site: siteReader(transport),
    start: siteStarter(transport, settings.site),
    muster: musterApi({ ...settings.muster, tenantId, siteCode }),
    journal,
    log,
    stopping: stopper.signal,
  };
  const crew = crewOf(deps);
  log("relay.start", { tenantId, siteCode, claims: journal.claims().size });
  crew.resumeAll();
  const queue = openQueue(settings.queue, tenantId, siteCode);
  const loops = [
    ...Array.from({ length: lanes }, () => serveQueue(deps, crew, queue, settings.idleMs)),
    keepInventory(deps, settings.inventoryMs),
  ];
  const stop = async (): Promise<void> => {
    stopper.abort();
    await Promise.all([...loops, crew.idle()]);
    log("relay.stop", { claims: journal.claims().size });
    journal.close();
    letGo();
  };
  return { stop };
}

function transportOf({ site: { url, auth, timeoutMs } }: Settings): Transport {
  if (auth.kind === "negotiate") return curlTransport(url, auth.curl, timeoutMs);
  return fetchTransport(url, auth, timeoutMs);
}

/** Takes messages one by one for as long as the relay runs. */
const serveQueue = (deps: Deps, crew: Crew, queue: WorkQueue, idleMs: number): Promise<void> =>
  forever(deps, idleMs, async () => {
    const message = await queue.receive();
    if (message === undefined) return "idle";
    const ended = message.errand === undefined ? "done" : await crew.run(message.errand);
    await (ended === "done" ? message.done() : message.later(busySeconds));
    return "busy";
  });

/** Hands the inventory in, at the start and from time to time. */
const keepInventory = (deps: Deps, everyMs: number): Promise<void> =>
  forever(deps, everyMs, async () => {
    const devices = await handIn({ ...deps, wait: (ms) => pause(deps.stopping, ms) });
    deps.log("inventory.hand-in", { devices });
    return "idle";
  });

/** Repeats some work until the relay stops; trouble is logged and waited out. */
async function forever(
  { stopping, log }: Deps,
  idleMs: number,
  work: () => Promise<"idle" | "busy">,
): Promise<void> {
  while (!stopping.aborted) {
    let waitMs = Math.min(troubleMs, idleMs);
    try {
      waitMs = (await work()) === "idle" ? idleMs : 0;
    } catch (error) {
      if (!(error instanceof Stopping)) log("relay.trouble", { why: String(error) });
    }
    if (waitMs > 0) await pause(stopping, waitMs).catch(() => undefined);
  }
}

/** Waits; throws when the relay is to stop. */
async function pause(stopping: AbortSignal, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
  if (stopping.aborted) throw new Stopping();
}
