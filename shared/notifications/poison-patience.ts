/** How long what the host has given up is tried again. Pure. */

/** So many messages in a row may be given up before their work ends where people see it. */
export const maxTroubles = 3;

const waitsSeconds = [60, 240];

/** Seconds before trying again, after the n-th message in a row. */
export const waitAfterTrouble = (nth: number): number =>
  waitsSeconds[Math.min(nth, waitsSeconds.length) - 1] ?? 0;
