/**
 * Reads back what became of a chunk of a job's rows.
 *
 * Delivery: at least once. A duplicate finds the rows not due, and waits for their next round.
 */
import { poisonedChunk } from "../../shared/fanout/care/sweep.ts";
import { type Engine, idsOf } from "../../shared/fanout/engine/engine.ts";
import { readBack } from "../../shared/fanout/engine/read-back.ts";
import { ReadBackMessage } from "../../shared/fanout/state/job.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine };

export const readBackFunction = onQueue({
  name: queueNames.fanoutReadBack,
  message: ReadBackMessage,
  async handle(message, { services: { engine }, log }: Tools<Needs>): Promise<QueueOutcome> {
    const outcome = await readBack(engine, message);
    const { after: _, reads: __, ...ids } = message;
    log("fanout.read-back", { ...ids, outcome: outcome.kind });
    if (outcome.kind !== "again") return { kind: "ack" };
    const { kind, at, ...position } = outcome;
    const afterSeconds = (at - engine.clock.now()) / 1000;
    return { kind, afterSeconds, message: { ...ids, ...position } };
  },
  onFailure: (message, error, { services: { engine } }: Tools<Needs>) =>
    engine.failures.noteError(message, error, engine.clock.now()),
  async onPoison(message, { services, log }: Tools<Needs>) {
    const rows = await poisonedChunk(services.engine, message);
    log("fanout.read-back-poisoned", { ...idsOf(message), ...rows });
  },
});
