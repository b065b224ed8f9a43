/** Notifications that a task begins: with what its owner may do at that moment, and past the same gate as any other. */
import { evaluate, type Limits, limitsOf, type Standing } from "../access/roles/decide.ts";
import { toBegin } from "../access/roles/requirements.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { jobLifecycle } from "../fanout/state/job.ts";
import { faultsOf, invalidRequest } from "../http/body.ts";
import type { Result } from "../kernel/failure.ts";
import type { TaskStarter } from "../schedules/run-tasks.ts";
import { NewNotification } from "./contract.ts";
import { dryRun } from "./dry-run.ts";
import type { NotificationParts } from "./kind.ts";
import { sendNotification } from "./send-notification.ts";

/** What it works with besides. */
type More = {
  readonly standingOf: (caller: Caller) => Promise<Standing>;
  readonly reachOf: (tenantId: string, limits: Limits) => Promise<Reach | undefined>;
};

function authorize(
  standing: Standing,
  tenantId: string,
  what: Record<string, unknown>,
): Result<Limits> {
  const { action, target } = what as { action?: string; target?: { collectionId?: string } };
  const actionPermission = findAction(action ?? "")?.permission;
  const asked = { tenantId, actionPermission, collectionId: target?.collectionId };
  return limitsOf(evaluate(standing, toBegin.notification, asked));
}

/** How tasks begin notifications. */
export const notificationStarter = (parts: NotificationParts, more: More): TaskStarter => ({
  authorize,
  collectionOf: ({ target }) => (target as { collectionId?: string } | undefined)?.collectionId,
  async start(tenantId, runId, { what, owner, windows: own, longestRunMs, cutoffMs }) {
    const body = NewNotification.safeParse(what);
    if (!body.success) return invalidRequest(faultsOf(body.error));
    const may = authorize(await more.standingOf(owner), tenantId, what);
    if (!may.ok) return may;
    const reach = await more.reachOf(tenantId, may.value);
    const windows = { own, longestRunMs, cutoffMs };
    const sender = { caller: owner, reach, windows };
    return sendNotification(parts, tenantId, runId, body.data, sender);
  },
  async preview(tenantId, what, standing) {
    const body = NewNotification.safeParse(what);
    if (!body.success) return invalidRequest(faultsOf(body.error));
    const may = authorize(standing, tenantId, what);
    if (!may.ok) return may;
    return dryRun(parts, tenantId, body.data, await more.reachOf(tenantId, may.value));
  },
  async stateOf(tenantId, runId) {
    const stored = await parts.jobs.get(tenantId, runId);
    if (stored === undefined) return "none";
    return Object.keys(jobLifecycle[stored.job.state]).length > 0 ? "underWay" : "ended";
  },
});
