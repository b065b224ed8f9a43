/**
 * Looks after removed tenants whose messages were lost, every five minutes.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */

import type { Engine } from "../../shared/fanout/engine/engine.ts";
import type { TenantPurge } from "../../shared/tenants/purge.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = { readonly engine: Engine; readonly purging: TenantPurge };

export const sweepPurgesFunction = onTimer({
  name: "tenants-sweep-purges",
  schedule: "10 */5 * * * *",
  async handle({ services, log }: Tools<Needs>) {
    const sent = await services.purging.sweep(services.engine.times.overdueMs);
    if (sent > 0) log("tenant.sweep-purges", { messages: sent });
  },
});
