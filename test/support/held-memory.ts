/** What this process still holds after a collection; what only waits to be collected says nothing. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** MiB of the heap and of buffers. */
export function heldMiB(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}
