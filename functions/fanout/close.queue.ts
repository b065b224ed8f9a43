/**
 * Settles what still waits of a job that was cancelled, or whose time is over.
 *
 * Delivery: at least once. A duplicate finds nothing waiting.
 */
import { closeWaiting } from "../../shared/fanout/engine/change-rows.ts";
import type { Engine } from "../../shared/fanout/engine/engine.ts";
import { JobMessage } from "../../shared/fanout/state/job.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine };

export const closeFunction = onQueue({
  name: queueNames.fanoutClose,
  message: JobMessage,
  async handle(message, { services, log }: Tools<Needs>) {
    const outcome = await closeWaiting(services.engine, message);
    log("fanout.close", { ...message, outcome });
    return { kind: "ack" };
  },
});
