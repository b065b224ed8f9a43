/** The relay's loops: each repeats its work until the relay stops, and waits trouble out. */
import { reasonIn } from "../shared/kernel/outside-text.ts";
import type { Log } from "./base/log.ts";
import { MusterFailure } from "./base/muster-failure.ts";
import { pause, Stopping } from "./base/pause.ts";
import { SiteUnreadable } from "./site/reads.ts";

/** What a round came to: there may be more to do at once, or not before the loop's own time. */
export type Round = "busy" | "idle";

/** A loop. */
export type Loop = {
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly idleMs: number;
  readonly work: () => Promise<Round>;
};

const retryMs = 15_000;

/** Repeats some work until the relay stops. Never rejects. */
export async function forever({ log, stopping, idleMs, work }: Loop): Promise<void> {
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
