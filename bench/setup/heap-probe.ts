/**
 * Loaded into a worker before its app: collects all garbage once a second and writes down what is left,
 * as lines of moment and bytes. The host, which gets the same options, is left alone.
 */
import { appendFileSync } from "node:fs";

const everyMs = 1000;
const file = process.env["BENCH_HEAP_FILE"];
const isWorker = process.argv[1]?.endsWith("worker/main.ts") ?? false;

if (file !== undefined && isWorker)
  setInterval(() => {
    globalThis.gc?.();
    appendFileSync(file, `${Date.now()} ${process.memoryUsage().heapUsed}\n`);
  }, everyMs).unref();
