/**
 * Looks after refreshes of directories whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import { onTimer } from "../define.ts";

export const sweepRefreshesFunction = onTimer({
  name: "refreshes-sweep",
  schedule: "50 * * * * *",
  async handle({ services, log }) {
    const sent = await services.refreshes.sweep();
    if (sent > 0) log("refresh.sweep", { messages: sent });
  },
});
