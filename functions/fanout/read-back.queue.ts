/**
 * Reads back what became of a chunk of a job's rows, and goes on with it as long as something of it is due.
 *
 * Delivery: at least once. A duplicate finds the rows not due, and waits for their next round.
 */
import { poisonedChunk } from "../../shared/fanout/care/sweep.ts";
import { workOnChunk } from "../../shared/fanout/engine/at-once.ts";
import { type Engine, idsOf } from "../../shared/fanout/engine/engine.ts";
import { ReadBackMessage } from "../../shared/fanout/state/job.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine };

export const readBackFunction = onQueue({
  name: queueNames.fanoutReadBack,
  message: ReadBackMessage,
  async handle(message, { services: { engine }, log }: Tools<Needs>): Promise<QueueOutcome> {
    const outcome = await workOnChunk(engine, { does: "readBack", message, at: 0 });
    log("fanout.read-back", { ...idsOf(message), from: message.from, outcome });
    return { kind: "ack" };
  },
  onFailure: (message, error, { services: { engine } }: Tools<Needs>) =>
    engine.failures.noteError(message, error, engine.clock.now()),
  async onPoison(message, { services, log }: Tools<Needs>) {
    const rows = await poisonedChunk(services.engine, message);
    log("fanout.read-back-poisoned", { ...idsOf(message), ...rows });
  },
});
