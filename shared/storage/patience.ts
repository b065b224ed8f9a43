/**
 * Gives up on a storage call that is never answered. The SDKs wait for ever on a connection that was
 * accepted and then forgotten, and a handler that waits keeps its message, and the sweeper from sweeping.
 */
import type { Tap } from "./tap.ts";

/** Longer than the SDKs' own retries take together. */
const longestMs = 30_000;

/** Said when a call has not been answered in time. It may still be carried out: writes are conditional. */
export class NoAnswer extends Error {
  constructor(operation: string) {
    super(`${operation} was not answered within ${longestMs / 1000} s`);
    this.name = "NoAnswer";
  }
}

/** The same tap, with an end to waiting. */
export const patient =
  (tap: Tap): Tap =>
  (operation, call) =>
    tap(operation, async () => {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new NoAnswer(operation)), longestMs);
      try {
        return await Promise.race([call(), promise]);
      } finally {
        clearTimeout(timer);
      }
    });
