/** Those who carry claims: one course for each claim, however many messages speak of it. */
import { reasonOf } from "../../shared/kernel/outside-text.ts";
import type { Work } from "../base/claim.ts";
import { Stopping } from "../base/pause.ts";
import { MusterTrouble } from "../base/trouble.ts";
import type { Errand, Muster } from "../muster/muster.ts";
import { ClaimGone, type Course, type CourseDeps, courseOf } from "./claim-progress.ts";
import { finishClaim } from "./finish-claim.ts";
import { startClaim } from "./start-claim.ts";

/** What a crew needs. */
export type CrewDeps = CourseDeps & {
  readonly muster: Pick<Muster, "report" | "claim">;
  readonly devicesPerOperation: number;
};

const troubleMs = 30_000;

/** A crew. */
export type Crew = ReturnType<typeof crewOf>;

/** A crew without work. */
export function crewOf(deps: CrewDeps) {
  const underWay = new Map<string, Promise<void>>();

  /**
   * Carries a claim that the journal has: resolves with its start, and goes on with the rest by itself. `mark`: the
   * site's highest operation, when it has just been read.
   */
  const resume = (claimId: string, mark?: number): Promise<void> => {
    const course = courseOf(deps, claimId);
    const started = startClaim(course, mark);
    const whole = started
      .then(() => finishClaim(course))
      .catch((error: unknown) => mend(course, error))
      .catch(() => undefined)
      .finally(() => underWay.delete(claimId));
    underWay.set(claimId, whole);
    return started;
  };
  return {
    /** Takes up every claim of the journal. */
    resumeAll: (): void => {
      // What goes wrong is logged by the course's own end.
      for (const claimId of deps.journal.claims().keys()) resume(claimId).catch(() => undefined);
    },
    /** Claims and starts all that waits in some rows; "later": look at them again. */
    run: async (errand: Errand): Promise<"done" | "later"> => {
      while (!deps.stopping.aborted) {
        const given = await claimNext(deps, errand);
        if (given === "later" || given === undefined) return given ?? "done";
        const { work, more, term } = given;
        const { claimId, devices, again } = work;
        // A message too many, or a claim that is being resumed: its course starts what it has.
        if (underWay.has(claimId)) return "later";
        if (!deps.journal.claims().has(claimId)) {
          const batchSize = deps.devicesPerOperation;
          deps.journal.write({ kind: "claimed", work, batchSize, term });
        }
        deps.log("claim.take", { claimId, devices: devices.length, again });
        await resume(claimId, again ? undefined : work.mark).catch(ifClaimGone);
        if (!again && !more) return "done";
      }
      return "later";
    },
    /** Resolves when nothing is under way. */
    idle: async (): Promise<void> => void (await Promise.allSettled(underWay.values())),
  };
}

type Given = { readonly work: Work; readonly more: boolean; readonly term: number };

/** The next claim; undefined when nothing waits, "later" while another relay has the site. */
async function claimNext(
  { lease, checkSite, site, muster }: CrewDeps,
  errand: Errand,
): Promise<Given | "later" | undefined> {
  const term = lease.term();
  if (term === undefined) return "later";
  await checkSite();
  // Read before the claim, so that no operation up to it can be the claim's.
  const mark = await site.latestOperation();
  const given = await muster.claim(errand, mark).catch(ifGone);
  if (given === undefined) return undefined;
  const { more, ...work } = given;
  return { work, more, term };
}

function ifGone(error: unknown): undefined {
  if (error instanceof MusterTrouble && error.gone) return undefined;
  throw error;
}

function ifClaimGone(error: unknown): void {
  if (!(error instanceof ClaimGone)) throw error;
}

/** What follows when carrying a claim has failed. */
async function mend(course: Course, error: unknown): Promise<void> {
  if (error instanceof Stopping) return;
  if (error instanceof ClaimGone) return course.close();
  const { claimId } = course.claim().work;
  course.log("claim.trouble", { claimId, why: reasonOf(error) });
  // Nobody else would come back to it before the next start of the relay.
  await course.wait(troubleMs);
  try {
    await startClaim(course);
    await finishClaim(course);
  } catch (again) {
    await mend(course, again);
  }
}
