/**
 * The functions in a host process of their own, so that host and worker can die apart and together. Its options come as
 * JSON; it tells its parent the worker's process id whenever there is a new one, and ends when its parent says so, or ends.
 */
import { startFunctions } from "../../local/start/functions.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as Parameters<typeof startFunctions>[0];
const stop = await startFunctions({ ...options, onReady: (pid) => process.send?.(pid) });
process.on("message", () => void stop().finally(() => process.exit()));
process.on("disconnect", () => process.exit(1));
