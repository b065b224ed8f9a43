/** Waiting that ends when the relay is to stop. */
import { setTimeout as sleep } from "node:timers/promises";

/** The relay is stopping: the journal knows where to go on. */
export class Stopping extends Error {}

/** Waits; at once or in the middle, it throws when the relay is to stop. @throws Stopping */
export async function pause(stopping: AbortSignal, ms: number): Promise<void> {
  if (!stopping.aborted && ms > 0)
    await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
  if (stopping.aborted) throw new Stopping();
}
