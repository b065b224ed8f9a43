/** What happens to a message, by how often it was taken already. Pure. */

const suffix = "-poison";
/** Longest name of a queue. */
const longestName = 63;

/** Name of the queue for messages that failed too often; undefined when there can be none. */
export const poisonQueueName = (queue: string): string | undefined =>
  queue.endsWith(suffix) || queue.length + suffix.length > longestName ? undefined : queue + suffix;

/**
 * Whether a message may run at all: one beyond the maximum was poison before. Where there is no poison queue,
 * nothing counts (storage extension 5.3.8 and later).
 */
export const mayRun = (queue: string, dequeueCount: number, maximum: number): boolean =>
  poisonQueueName(queue) === undefined || dequeueCount <= maximum;

/**
 * What to do with a message that failed: show it again, or move it away. Where it cannot be moved, it stays
 * invisible until its lease ends, so that it is not tried again without a pause.
 */
export function afterFailure(
  queue: string,
  dequeueCount: number,
  maximum: number,
): "show" | "poison" | "leave" {
  if (poisonQueueName(queue) === undefined) return "leave";
  return dequeueCount < maximum ? "show" : "poison";
}
