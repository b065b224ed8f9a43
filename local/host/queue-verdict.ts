/** What happens to a message, by how often it was taken already. Pure. */

const suffix = "-poison";
/** Longest name of a queue. */
const longestName = 63;

/** Name of the queue for messages that failed too often; undefined when there can be none. */
export const poisonQueueName = (queue: string): string | undefined =>
  queue.endsWith(suffix) || queue.length + suffix.length > longestName ? undefined : queue + suffix;

/** A poison queue one listens to is not counted (storage extension 5.3.8 and later). */
const isCounted = (queue: string): boolean => !queue.endsWith(suffix);

/** Whether a message may run at all: one beyond the maximum was poison before. */
export const mayRun = (queue: string, dequeueCount: number, maximum: number): boolean =>
  !isCounted(queue) || dequeueCount <= maximum;

/**
 * What to do with a message that failed: show it again, move it away, or, where it cannot be moved,
 * leave it invisible until its lease ends.
 */
export function afterFailure(
  queue: string,
  dequeueCount: number,
  maximum: number,
): "show" | "poison" | "leave" {
  if (!isCounted(queue) || dequeueCount < maximum) return "show";
  return poisonQueueName(queue) ? "poison" : "leave";
}
