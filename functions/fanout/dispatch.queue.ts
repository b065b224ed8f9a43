/**
 * Sends what waits in a chunk of a job's rows, and goes on with it as long as something of it is due.
 *
 * Delivery: at least once. A duplicate finds the items claimed or sent, and sends nothing.
 */
import { poisonedChunk } from "../../shared/fanout/care/sweep.ts";
import { workOnChunk } from "../../shared/fanout/engine/at-once.ts";
import { type Engine, idsOf } from "../../shared/fanout/engine/engine.ts";
import { ChunkMessage } from "../../shared/fanout/state/job.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine };

export const dispatchFunction = onQueue({
  name: queueNames.fanoutDispatch,
  message: ChunkMessage,
  async handle(
    message,
    { services: { engine }, log, tries = 1 }: Tools<Needs>,
  ): Promise<QueueOutcome> {
    const first = { does: "dispatch", message, at: 0 } as const;
    const outcome = await workOnChunk(engine, first, { isRedelivered: tries > 1 });
    log("fanout.dispatch", { ...idsOf(message), from: message.from, outcome });
    return { kind: "ack" };
  },
  onFailure: (message, error, { services: { engine } }: Tools<Needs>) =>
    engine.failures.noteError(message, error, engine.clock.now()),
  async onPoison(message, { services, log }: Tools<Needs>) {
    const rows = await poisonedChunk(services.engine, message);
    log("fanout.dispatch-poisoned", { ...idsOf(message), ...rows });
  },
});
