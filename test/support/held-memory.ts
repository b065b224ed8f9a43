/** What this process still holds after a collection; what only waits to be collected says nothing. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** MiB of the heap and of buffers. */
export function heldMiB(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  // Buffers are given back beside it, in a thread of their own: the next collection waits for that.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}
