/**
 * Reads a slice of one long type of a sync.
 *
 * Delivery: at least once. A duplicate finds the type claimed or settled, and reads nothing.
 */

import { queueNames } from "../../shared/storage/names.ts";
import { exportType } from "../../shared/sync/reading/export.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import { ExportMessage } from "../../shared/sync/state/sync.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly sync: SyncServices };

export const syncExportFunction = onQueue({
  name: queueNames.syncExport,
  message: ExportMessage,
  async handle({ type, ...ids }, { services, log }: Tools<Needs>) {
    const outcome = await exportType(services.sync, ids, type);
    log("sync.export", { ...ids, type, outcome: outcome.kind });
    return outcome.kind === "ack"
      ? { kind: "ack" }
      : { kind: "again", afterSeconds: Math.max(0, Math.ceil(outcome.afterMs / 1000)) };
  },
});
