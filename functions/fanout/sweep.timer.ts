/**
 * Looks after jobs whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import { sweep } from "../../shared/fanout/care/sweep.ts";
import type { Engine } from "../../shared/fanout/engine/engine.ts";
import type { Job } from "../../shared/fanout/state/job.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine; readonly sweepGate: (job: Job) => Promise<void> };

export const sweepFunction = onTimer({
  name: "fanout-sweep",
  schedule: "30 * * * * *",
  async handle({ services, log }: Tools<Needs>) {
    const sent = await sweep(services.engine, services.sweepGate);
    if (sent > 0) log("fanout.sweep", { messages: sent });
  },
});
