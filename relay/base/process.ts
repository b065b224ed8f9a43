/** What every part of the relay's process shares: its log, and waiting that ends when the relay is to stop. */
import { setTimeout as sleep } from "node:timers/promises";

/** Writes an event. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Writes events to standard output. */
export const lineLog: Log = (event, fields = {}) => {
  console.log(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
};

/** A relay's process as its parts see it. */
export type Running = {
  readonly log: Log;
  /** Aborted when the relay is to stop; what is under way is left to the journal. */
  readonly stopping: AbortSignal;
};

/** What a round of a loop came to: there may be more to do at once, or not before the loop's own time. */
export type Round = "busy" | "idle";

/** The relay is stopping: the journal knows where to go on. */
export class Stopping extends Error {}

/** Waits; at once or in the middle, it throws when the relay is to stop. @throws Stopping */
export async function pause(stopping: AbortSignal, ms: number): Promise<void> {
  if (!stopping.aborted && ms > 0)
    await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
  if (stopping.aborted) throw new Stopping();
}
