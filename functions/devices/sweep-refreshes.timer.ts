/**
 * Looks after refreshes of directories whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */

import type { RefreshService } from "../../shared/devices/refresh/work.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = { readonly refreshes: RefreshService };

export const sweepRefreshesFunction = onTimer({
  name: "refreshes-sweep",
  schedule: "50 * * * * *",
  async handle({ services, log }: Tools<Needs>) {
    const sent = await services.refreshes.sweep();
    if (sent > 0) log("refresh.sweep", { messages: sent });
  },
});
