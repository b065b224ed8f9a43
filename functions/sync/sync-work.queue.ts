/**
 * Goes on with a sync.
 *
 * Delivery: at least once. A duplicate finds the sync claimed, waiting or done, and changes nothing.
 */

import { queueNames } from "../../shared/storage/names.ts";
import { runSync } from "../../shared/sync/run/run-sync.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import { SyncMessage } from "../../shared/sync/state/sync.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly sync: SyncServices };

export const syncWorkFunction = onQueue({
  name: queueNames.syncWork,
  message: SyncMessage,
  async handle(message, { services, log }: Tools<Needs>) {
    const outcome = await runSync(services.sync, message);
    log("sync.work", { ...message, state: outcome.state });
    return outcome.kind === "ack"
      ? { kind: "ack" }
      : { kind: "again", afterSeconds: Math.max(0, Math.ceil(outcome.afterMs / 1000)) };
  },
});
