/** Takes messages off the site's queue, one by one, and has what they speak of carried. */

import type { Log } from "./base/log.ts";
import { MusterFailure } from "./base/muster-failure.ts";
import { Stopping } from "./base/pause.ts";
import type { ClaimWorker } from "./claims/claim-worker.ts";
import type { Round } from "./forever.ts";
import type { Lease } from "./muster/lease.ts";
import type { Received, WorkQueue } from "./muster/work-queue.ts";

/** What serving the queue needs. */
export type ServeDeps = {
  readonly worker: Pick<ClaimWorker, "run">;
  readonly queue: WorkQueue;
  readonly lease: Pick<Lease, "term">;
  readonly log: Log;
};

const secondMs = 1000;
/** Longest time before a message whose claim is under way is looked at again: 2 to the power of this, in seconds. */
const maxDoublings = 6;

/** Takes one message and deals with it. */
export async function serveNext({ worker, queue, lease, log }: ServeDeps): Promise<Round> {
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
    const ended = await worker.run(message.request);
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
