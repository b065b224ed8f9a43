/** `ready.json`: where a running Muster can be reached, and by whom. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Everything a caller on this machine needs. */
export type Ready = {
  /** Base URL of the functions. */
  readonly url: string;
  /** Base URL of the sandbox: Graph, and its control. */
  readonly sandboxUrl: string;
  /** Goes into `Authorization: Bearer`. */
  readonly adminToken: string;
  /** Where the storage is; for a relay, and for looking into it with other tools. */
  readonly storageConnection: string;
  /** The process to send SIGTERM to. */
  readonly pid: number;
  /** The process that runs the functions; another one after every restart. */
  readonly hostPid: number;
};

/** Writes the file as a whole, readable by its owner only. */
export function writeReady(home: string, ready: Ready): void {
  const draft = join(home, "ready.json.tmp");
  writeFileSync(draft, `${JSON.stringify(ready, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, join(home, "ready.json"));
}

/** Removes the file: nobody can be reached any more. */
export const removeReady = (home: string): void =>
  rmSync(join(home, "ready.json"), { force: true });
