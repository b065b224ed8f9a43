/**
 * Looks after jobs whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import { sweep } from "../../shared/fanout/care/sweep.ts";
import { onTimer } from "../define.ts";

export const sweepFunction = onTimer({
  name: "fanout-sweep",
  schedule: "30 * * * * *",
  async handle({ services, log }) {
    const sent = await sweep(services.engine, services.sweepGate);
    if (sent > 0) log("fanout.sweep", { messages: sent });
  },
});
