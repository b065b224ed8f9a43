/**
 * Muster's clock, as its answers tell it. Ends of notifications are moments on that clock; a server whose own
 * clock is an hour off must neither start what is over nor give up what is not.
 */

/** Differences below this are the header's own coarseness, and the time an answer takes. */
const toleranceMs = 5_000;
/** The header leaves fractions of the second out. */
const halfSecondMs = 500;

/** A clock that hears what another one says. */
export type MusterClock = {
  readonly now: () => number;
  /** Takes note of an answer's `Date`. */
  readonly hear: (date: string | null) => void;
};

/** This machine's clock until Muster has said anything. */
export function musterClock(own: () => number = Date.now): MusterClock {
  let aheadMs = 0;
  return {
    now: () => own() + aheadMs,
    hear: (date) => {
      const said = Date.parse(date ?? "") + halfSecondMs - own();
      if (Number.isNaN(said)) return;
      aheadMs = Math.abs(said) < toleranceMs ? 0 : said;
    },
  };
}
