/** Waiting longer each time: the arithmetic, without a clock. */

/**
 * Milliseconds to wait before attempt `attempt + 1`: doubling from `baseMs` up to `maxMs`, spread by
 * `random` (0 to 1) over the upper half, so that many waiters do not come back together.
 */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs, random }: { baseMs: number; maxMs: number; random: number },
): number {
  const full = Math.min(baseMs * 2 ** Math.max(0, attempt - 1), maxMs);
  return Math.round(full / 2 + (full / 2) * random);
}
