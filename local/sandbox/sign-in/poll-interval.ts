/** Whether a device asks for its tokens more often than it was told to. */

/** Seconds between two questions. Entra says 5; nobody has to be spared on one machine. */
export const pollSeconds = 1;

/** Timers fire a little early: that much is nobody's fault. */
const toleranceMs = 200;
const longestKept = 1_000;

/** Remembers when each code was last asked about. */
export type PollInterval = {
  /** Takes note of a question, and answers whether it came too early. */
  readonly tooFast: (deviceCode: string, now: number) => boolean;
  /** The code has come to its end. */
  readonly remove: (deviceCode: string) => void;
};

/** Nothing asked yet. */
export function pollInterval(): PollInterval {
  const asked = new Map<string, number>();
  return {
    tooFast: (deviceCode, now) => {
      const last = asked.get(deviceCode);
      asked.delete(deviceCode);
      const [oldest] = asked.keys();
      if (asked.size >= longestKept && oldest !== undefined) asked.delete(oldest);
      asked.set(deviceCode, now);
      return last !== undefined && now - last < pollSeconds * 1000 - toleranceMs;
    },
    remove: (deviceCode) => {
      asked.delete(deviceCode);
    },
  };
}
