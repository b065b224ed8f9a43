/**
 * Faults at the seam around every call that leaves the process: a worker that dies before or after its
 * n-th call, with everything it does afterwards failing too, as nothing runs on in a dead process.
 */
import type { Interceptor } from "../../shared/storage/calls.ts";

/** A worker's death. */
export class Killed extends Error {
  constructor(operation: string) {
    super(`killed at ${operation}`);
    this.name = "Killed";
  }
}

/** At which call the next worker dies, or at its first one of a name: before it goes out, or after the far side has done it. */
export type Death = { readonly atCall: number | string; readonly when: "before" | "after" };

/**
 * The deaths on the way of so many calls, from one of them on, or one in so many of these. To die right after a call is to
 * die right before the next one, so that each call is a death after it, and the first one a death before it too.
 */
export function deaths(calls: number, oneIn = 1, from = 1) {
  const after = Array.from({ length: Math.max(0, calls - from + 1) }, (_, at) => from + at);
  const all = [
    { atCall: from, when: "before" as const },
    ...after.map((atCall) => ({ atCall, when: "after" as const })),
  ];
  // Of a few the one in the middle, since the first tells the least.
  const first = Math.min(oneIn - 1, all.length - 1) >> 1;
  return all.filter((_, at) => at % oneIn === first);
}

/** A tap that counts calls, and kills on request. */
export type FaultTap = {
  readonly tap: Interceptor;
  /** Names of the calls since the last `reset`. */
  readonly calls: () => readonly string[];
  readonly reset: () => void;
  /** Arms a death; counting starts anew. */
  readonly arm: (death: Death) => void;
  /** The process has been replaced: calls go out again. */
  readonly revive: () => void;
  readonly isDead: () => boolean;
};

export function faultTap(): FaultTap {
  let calls: string[] = [];
  let death: Death | undefined;
  let dead = false;
  const tap: Interceptor = async (operation, call) => {
    if (dead) throw new Killed(operation);
    calls.push(operation);
    const isLast = death?.atCall === operation || death?.atCall === calls.length;
    if (isLast && death?.when === "before") {
      dead = true;
      throw new Killed(operation);
    }
    const result = await call();
    if (isLast) dead = true;
    if (dead) throw new Killed(operation);
    return result;
  };
  return {
    tap,
    calls: () => calls,
    reset: () => {
      calls = [];
    },
    arm: (next) => {
      calls = [];
      death = next;
    },
    revive: () => {
      dead = false;
      death = undefined;
    },
    isDead: () => dead,
  };
}
