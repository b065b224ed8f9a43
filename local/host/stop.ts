/** The end of a host: nothing new, a while for what runs, then the worker's end. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpFront } from "./http/front.ts";
import type { Forwarder } from "./http/stream.ts";
import type { Drain } from "./runs/drain.ts";
import type { WorkerSide } from "./runs/worker-side.ts";

/** How long the app's end hooks may take, as in Azure; in ms. */
const terminateGraceMs = 5_000;
/** How long messages of killed functions may take to be given back; in ms. */
const settleMs = 3_000;

export type StopOptions = {
  readonly drain: Drain;
  readonly front: HttpFront;
  readonly worker: WorkerSide;
  readonly forwarder: Forwarder;
  readonly drainMs: number;
};

/** Makes the host's `stop`. Calling it twice waits for the same end. */
export function stopHost(options: StopOptions): () => Promise<void> {
  let ending: Promise<void> | undefined;
  return () => {
    ending ??= stop(options);
    return ending;
  };
}

async function stop({ drain, front, worker, forwarder, drainMs }: StopOptions): Promise<void> {
  const drained = drain.start();
  const closed = front.close(drainMs);
  await within(drainMs, Promise.all([drained, closed]));
  await worker.stop(terminateGraceMs);
  // Whatever had to be killed has failed now, and its messages are being shown again.
  await within(settleMs, Promise.all([drained, closed]));
  forwarder.close();
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
  timer.abort();
}
