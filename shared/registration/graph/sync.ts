/**
 * The sync of Intune with the deployment service: what is registered is listed after it, and what was taken out is not. It is
 * asked for where a list is not yet as it will be, and never more often than the service lets it.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import type { GraphClient } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";

/** Asks for a sync of a tenant, unless it is too early for one. */
export type AskSync = (tenantId: string) => Promise<void>;

/** The service refuses a sync that is asked for earlier. */
const syncEveryMs = 10 * 60_000;
/** In between, nobody asks how long ago the latest was. */
const askSyncEveryMs = 60_000;

const Settings = z.object({
  syncStatus: z.string().nullish(),
  lastManualSyncTriggerDateTime: z.string().nullish(),
});

/** What asks, once per process. */
export function askingSync(graph: GraphClient, clock: Clock): AskSync {
  const asked = new LRUCache<string, Instant>({ max: 10_000 });
  return async (tenantId) => {
    const now = clock.now();
    if (now - (asked.get(tenantId) ?? 0) < askSyncEveryMs) return;
    asked.set(tenantId, now);
    const path = "/deviceManagement/windowsAutopilotSettings";
    const answer = await graph.ask(tenantId, "beta", { method: "GET", path });
    const settings = Settings.safeParse(answer.kind === "ok" ? answer.body : undefined).data;
    const latest = Date.parse(settings?.lastManualSyncTriggerDateTime ?? "");
    if (settings?.syncStatus === "inProgress" || now - latest < syncEveryMs) return;
    // Running, or asked for a moment ago by somebody else: whatever it answers, the list is read again.
    await graph.ask(tenantId, "beta", { method: "POST", path: `${path}/sync` });
  };
}
