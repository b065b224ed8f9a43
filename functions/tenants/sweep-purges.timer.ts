/**
 * Looks after removed tenants whose messages were lost, every five minutes.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import { onTimer } from "../define.ts";

export const sweepPurgesFunction = onTimer({
  name: "tenants-sweep-purges",
  schedule: "10 */5 * * * *",
  async handle({ services, log }) {
    const sent = await services.purging.sweep(services.engine.times.overdueMs);
    if (sent > 0) log("tenant.sweep-purges", { messages: sent });
  },
});
