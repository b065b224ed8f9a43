/**
 * What starts functions by itself, queues and timers: it is stopped and started again, also to drain the host, and
 * pauses for ever longer, unless somebody wakes it.
 */

/** Something that starts functions by itself and can be stopped and started again. */
export type Listener = {
  readonly start: () => void;
  /** Starts nothing more; resolves when what runs has ended. */
  readonly stop: () => Promise<void>;
};

type DrainState = "Disabled" | "InProgress" | "Completed";

export type Drain = {
  readonly start: () => Promise<void>;
  readonly resume: () => void;
  readonly state: () => DrainState;
};

/** Starts out running: the listeners are started here. */
export function createDrain(listeners: Listener, outstanding: () => number): Drain {
  let draining: Promise<void> | undefined;
  let stopped = false;
  async function finish(): Promise<void> {
    await listeners.stop();
    stopped = true;
  }
  listeners.start();
  return {
    start() {
      draining ??= finish();
      return draining;
    },
    resume() {
      if (!stopped) return;
      draining = undefined;
      stopped = false;
      listeners.start();
    },
    state: () => {
      if (!draining) return "Disabled";
      return stopped && outstanding() === 0 ? "Completed" : "InProgress";
    },
  };
}

/** A pause that somebody may cut short. */
type WakeUp = {
  /** Waits `ms`, or until woken. A call to `wake` while nobody waits ends the next wait at once. */
  readonly wait: (ms: number) => Promise<void>;
  readonly wake: () => void;
};

export function createWakeUp(): WakeUp {
  let pending = false;
  let end: (() => void) | undefined;
  return {
    async wait(ms) {
      if (!pending) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, ms);
        end = resolve;
        await promise;
        clearTimeout(timer);
        end = undefined;
      }
      pending = false;
    },
    wake() {
      pending = true;
      end?.();
    },
  };
}

// How long to wait between empty polls of a queue, and between the tries of a retry policy. Pure.

/** First pause after work, and the unit of those that follow; also the shortest pause one can configure. */
const minimumMs = 100;

/**
 * Pause after the `failures`-th failure or empty poll in a row, as the WebJobs SDK has it.
 * @param random A number in [0, 1).
 */
export function randomizedBackoffMs(
  failures: number,
  maximumMs: number,
  random: number,
  leastMs = minimumMs,
): number {
  if (failures <= 1) return Math.min(leastMs, maximumMs);
  const increment = (0.8 + 0.4 * random) * 2 ** Math.min(failures - 1, 40) * minimumMs;
  return Math.min(leastMs + increment, maximumMs);
}
