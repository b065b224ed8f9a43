/** A pause that somebody may cut short. */

export type WakeUp = {
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
