/** Draining: listeners stop, what runs goes on, and anybody may ask how far it is. */

// Something that starts functions by itself and can be stopped and started again.

export type Listener = {
  readonly start: () => void;
  /** Starts nothing more; resolves when what runs has ended. */
  readonly stop: () => Promise<void>;
};

export type DrainState = "Disabled" | "InProgress" | "Completed";

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
