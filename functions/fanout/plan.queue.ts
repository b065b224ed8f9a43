/**
 * Plans a job: its targets become rows of items, and chunks of rows get their reservations.
 *
 * Delivery: at least once. A duplicate finds the progress row further on, or loses the race for it.
 */
import { poisonedPlan } from "../../shared/fanout/care/sweep.ts";
import type { Engine } from "../../shared/fanout/engine/engine.ts";
import { plan } from "../../shared/fanout/engine/plan.ts";
import { JobMessage } from "../../shared/fanout/state/job.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type QueueOutcome, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine };

/** A lost race means another planner is at work; come again when it may have died. */
const afterLostSeconds = 5;

export const planFunction = onQueue({
  name: queueNames.fanoutPlan,
  message: JobMessage,
  async handle(message, { services, log }: Tools<Needs>): Promise<QueueOutcome> {
    const outcome = await plan(services.engine, message);
    log("fanout.plan", { ...message, outcome });
    if (typeof outcome === "object") {
      const afterSeconds = (outcome.at - services.engine.clock.now()) / 1000;
      return { kind: "again", afterSeconds };
    }
    switch (outcome) {
      case "planned":
      case "not-planning":
      case "gone":
        return { kind: "ack" };
      case "unfinished":
        return { kind: "again", afterSeconds: 0 };
      case "lost":
        return { kind: "again", afterSeconds: afterLostSeconds };
    }
  },
  onFailure: (message, error, { services: { engine } }: Tools<Needs>) =>
    engine.failures.noteError(message, error, engine.clock.now()),
  async onPoison(message, { services, log }: Tools<Needs>) {
    const outcome = await poisonedPlan(services.engine, message);
    log("fanout.plan-poisoned", { ...message, outcome });
  },
});
