/** Syncs that a task begins, with what its owner may do at that moment. */
import { evaluate, type Limits, limitsOf, type Standing } from "../access/roles/decide.ts";
import { toBegin } from "../access/roles/requirements.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { principalOf } from "../access/sign-in/caller.ts";
import { invalidRequest } from "../http/body.ts";
import type { Result } from "../kernel/failure.ts";
import type { TaskStarter } from "../schedules/run-tasks.ts";
import { ScheduledSync } from "./contract.ts";
import { startSync } from "./run/start-sync.ts";
import type { SyncServices } from "./services.ts";

const authorize = (standing: Standing, tenantId: string): Result<Limits> =>
  limitsOf(evaluate(standing, toBegin.sync, { tenantId }));

/** How tasks begin syncs. */
export const syncStarter = (
  sync: SyncServices,
  { standingOf }: { readonly standingOf: (caller: Caller) => Promise<Standing> },
): TaskStarter => ({
  authorize,
  async start(tenantId, syncId, { what, owner }) {
    const body = ScheduledSync.safeParse(what);
    if (!body.success)
      return invalidRequest([{ pointer: "/sync", detail: "cannot be read any more" }]);
    const may = authorize(await standingOf(owner), tenantId);
    if (!may.ok) return may;
    const { mode, types, onMissingUser } = body.data;
    const { settings } = (await sync.store.tenant(tenantId, sync.clock.now())).value;
    const { name } = owner;
    return startSync(sync, {
      tenantId,
      syncId,
      mode,
      trigger: "schedule",
      types: types ?? sync.enabledTypes(settings),
      ...(onMissingUser === undefined ? {} : { onMissingUser }),
      by: { ...principalOf(owner), ...(name === undefined ? {} : { name }) },
    });
  },
  async stateOf(tenantId, syncId) {
    const stored = await sync.store.sync(tenantId, syncId);
    if (stored === undefined) return "none";
    return stored.value.phase === "done" ? "ended" : "underWay";
  },
});
