/** What something costs this thread: a machine with others on it gives no promise of time. */

/** Milliseconds of the processor that `work` takes; what it waits for is not counted. */
export function processorMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}
