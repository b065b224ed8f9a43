/** Works on claims: one session for each claim, however many of the queue's messages speak of it. */
import { reasonOf } from "../../shared/kernel/outside-text.ts";
import type { ClaimRequest, Work } from "../base/claim.ts";
import { type Log, pause, type Round, type Running, Stopping } from "../base/process.ts";
import { type Lease, type Muster, MusterFailure } from "../muster/muster.ts";
import type { Received, SiteQueue } from "../muster/site-queue.ts";
import type { Site } from "../site/admin-service.ts";
import type { Journal } from "./journal.ts";

const retryMs = 30_000;

type Claimed = { readonly work: Work; readonly more: boolean; readonly term: number };

/** What there is to do next; undefined when nothing waits, "later" while another relay has the site. */
type ClaimSource = (request: ClaimRequest) => Promise<Claimed | "later" | undefined>;

/** Claims at Muster, for the site that is ours. */
export const claimSource =
  (
    site: Pick<Site, "check" | "latestOperation">,
    muster: Pick<Muster, "claim">,
    lease: Pick<Lease, "term">,
  ): ClaimSource =>
  async (request) => {
    const term = lease.term();
    if (term === undefined) return "later";
    await site.check();
    // Read before the claim, so that no operation up to it can be the claim's.
    const mark = await site.latestOperation();
    const given = await muster.claim(request, mark).catch(ifGone);
    if (given === undefined) return undefined;
    const { more, ...work } = given;
    return { work, more, term };
  };

/** Muster does not know the notification any more: nobody waits for it. */
const isGone = (error: unknown): boolean => error instanceof MusterFailure && error.gone;

function ifGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}

/** One claim under way: started, followed to its end, or left. */
type OpenClaim = {
  readonly start: (mark?: number) => Promise<void>;
  readonly finish: () => Promise<void>;
  readonly close: () => void;
};

/** A worker without claims. `open`: the session of a claim that the journal knows. */
export function claimWorker(
  next: ClaimSource,
  open: (claimId: string) => OpenClaim,
  journal: Journal,
  running: Running,
  batchSize: number,
) {
  const { log, stopping } = running;
  const active = new Map<string, Promise<void>>();

  /**
   * Works on a claim that the journal has: resolves with its start, and goes on with the rest by itself. `mark`: the
   * site's highest operation, when it has just been read.
   */
  const resume = (claimId: string, mark?: number): Promise<void> => {
    const claim = open(claimId);
    const started = claim.start(mark);
    const whole = started
      .then(claim.finish)
      .catch((error: unknown) => recover(running, claimId, claim, error))
      .catch(() => undefined)
      .finally(() => active.delete(claimId));
    active.set(claimId, whole);
    return started;
  };

  /** Starts what Muster gave; false when its session is under way, and starts what it has. */
  const start = async ({ work, term }: Claimed): Promise<boolean> => {
    const { claimId, devices, again } = work;
    // A message too many, or a claim that is being resumed.
    if (active.has(claimId)) return false;
    if (!journal.claims().has(claimId)) journal.write({ kind: "claimed", work, batchSize, term });
    log("claim.take", { claimId, devices: devices.length, again });
    await resume(claimId, again ? undefined : work.mark).catch(ifGone);
    return true;
  };
  return {
    /** Takes up every claim of the journal. */
    resumeAll: (): void => {
      // What goes wrong is logged by the session's own end.
      for (const claimId of journal.claims().keys()) resume(claimId).catch(() => undefined);
    },
    /** Claims and starts all that waits in some rows; "later": the message has to come back. */
    run: async (request: ClaimRequest): Promise<"done" | "later"> => {
      while (!stopping.aborted) {
        const given = await next(request);
        if (given === "later" || given === undefined) return given ?? "done";
        const { again } = given.work;
        if (!(await start(given))) return "later";
        if (!again && !given.more) return "done";
      }
      return "later";
    },
    /** Resolves when nothing is under way. */
    idle: async (): Promise<void> => void (await Promise.allSettled(active.values())),
  };
}

/** What follows when a claim's session has failed. */
async function recover(
  running: Running,
  claimId: string,
  claim: OpenClaim,
  error: unknown,
): Promise<void> {
  if (error instanceof Stopping) return;
  if (isGone(error)) return claim.close();
  running.log("claim.failure", { claimId, why: reasonOf(error) });
  // Nobody else would come back to it before the next start of the relay.
  await pause(running.stopping, retryMs);
  try {
    await claim.start();
    await claim.finish();
  } catch (again) {
    await recover(running, claimId, claim, again);
  }
}

// Takes messages off the site's queue, one by one, and has what they speak of carried.

const secondMs = 1000;
/** Longest time before a message whose claim is under way is looked at again: 2 to the power of this, in seconds. */
const maxDoublings = 6;

/** Takes one message and deals with it: `run` works on what it speaks of, and says when it has to come back. */
export async function serveNext(
  queue: SiteQueue,
  lease: Pick<Lease, "term">,
  run: (request: ClaimRequest) => Promise<"done" | "later">,
  log: Log,
): Promise<Round> {
  // The messages are for the relay that has the site.
  if (lease.term() === undefined) return "idle";
  const message = await queue.receive();
  if (message === undefined) return "idle";
  if (message.request === undefined) {
    log("message.unreadable", { messageId: message.id });
    await message.done();
    return "busy";
  }
  try {
    const ended = await run(message.request);
    await (ended === "done" ? message.done() : message.later(backoffSeconds(message)));
    return "busy";
  } catch (error) {
    await message.later(error instanceof Stopping ? 0 : secondsAfter(message, error));
    throw error;
  }
}

/** The more often it came, the longer it stays away. */
const backoffSeconds = ({ times }: Received): number => 2 ** Math.min(times, maxDoublings);

function secondsAfter(message: Received, error: unknown): number {
  const asked = error instanceof MusterFailure ? error.retryAfterMs / secondMs : 0;
  return Math.max(backoffSeconds(message), Math.ceil(asked));
}
