/** Works on claims: one session for each claim, however many messages speak of it. */
import { reasonOf } from "../../shared/kernel/outside-text.ts";
import type { Work } from "../base/claim.ts";
import { MusterFailure } from "../base/muster-failure.ts";
import { Stopping } from "../base/pause.ts";
import type { ClaimRequest, Muster } from "../muster/muster.ts";
import {
  ClaimGone,
  type ClaimSession,
  type ClaimSessionDeps,
  openSession,
} from "./claim-session.ts";
import { finishClaim } from "./finish-claim.ts";
import { startClaim } from "./start-claim.ts";

/** What working on claims needs. */
export type ClaimWorkerDeps = ClaimSessionDeps & {
  readonly muster: Pick<Muster, "report" | "claim">;
  readonly devicesPerOperation: number;
};

const retryMs = 30_000;

/** Works on all claims of this relay. */
export type ClaimWorker = ReturnType<typeof claimWorker>;

/** A worker without claims. */
export function claimWorker(deps: ClaimWorkerDeps) {
  const active = new Map<string, Promise<void>>();

  /**
   * Works on a claim that the journal has: resolves with its start, and goes on with the rest by itself. `mark`: the
   * site's highest operation, when it has just been read.
   */
  const resume = (claimId: string, mark?: number): Promise<void> => {
    const session = openSession(deps, claimId);
    const started = startClaim(session, mark);
    const whole = started
      .then(() => finishClaim(session))
      .catch((error: unknown) => recover(session, error))
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
    const batchSize = deps.devicesPerOperation;
    if (!deps.journal.claims().has(claimId))
      deps.journal.write({ kind: "claimed", work, batchSize, term });
    deps.log("claim.take", { claimId, devices: devices.length, again });
    await resume(claimId, again ? undefined : work.mark).catch(ifClaimGone);
    return true;
  };
  return {
    /** Takes up every claim of the journal. */
    resumeAll: (): void => {
      // What goes wrong is logged by the session's own end.
      for (const claimId of deps.journal.claims().keys()) resume(claimId).catch(() => undefined);
    },
    /** Claims and starts all that waits in some rows; "later": the message has to come back. */
    run: async (request: ClaimRequest): Promise<"done" | "later"> => {
      while (!deps.stopping.aborted) {
        const given = await claimNext(deps, request);
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

type Claimed = { readonly work: Work; readonly more: boolean; readonly term: number };

/** The next claim; undefined when nothing waits, "later" while another relay has the site. */
async function claimNext(
  { lease, checkSite, site, muster }: ClaimWorkerDeps,
  request: ClaimRequest,
): Promise<Claimed | "later" | undefined> {
  const term = lease.term();
  if (term === undefined) return "later";
  await checkSite();
  // Read before the claim, so that no operation up to it can be the claim's.
  const mark = await site.latestOperation();
  const given = await muster.claim(request, mark).catch(ifGone);
  if (given === undefined) return undefined;
  const { more, ...work } = given;
  return { work, more, term };
}

function ifGone(error: unknown): undefined {
  if (error instanceof MusterFailure && error.gone) return undefined;
  throw error;
}

function ifClaimGone(error: unknown): void {
  if (!(error instanceof ClaimGone)) throw error;
}

/** What follows when a claim's session has failed. */
async function recover(session: ClaimSession, error: unknown): Promise<void> {
  if (error instanceof Stopping) return;
  if (error instanceof ClaimGone) return session.close();
  const { claimId } = session.claim().work;
  session.log("claim.failure", { claimId, why: reasonOf(error) });
  // Nobody else would come back to it before the next start of the relay.
  await session.wait(retryMs);
  try {
    await startClaim(session);
    await finishClaim(session);
  } catch (again) {
    await recover(session, again);
  }
}
