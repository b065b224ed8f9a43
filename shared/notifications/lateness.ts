/** How late it is for a notification, as far as it decides what an answer means, or none. Pure. */
import type { Instant } from "../kernel/clock.ts";

/** How late a look is: `last` ends what is still pending, `hopeless` also what cannot be read. */
export type Lateness = "early" | "last" | "hopeless";

/** How long after a notification's end we go on trying to read what could not be read. */
const graceMs = 10 * 60_000;

/** How late it is for a notification that ends at `expiresAt`. */
export function latenessAt(now: Instant, expiresAt: Instant): Lateness {
  if (now < expiresAt) return "early";
  return now < expiresAt + graceMs ? "last" : "hopeless";
}
